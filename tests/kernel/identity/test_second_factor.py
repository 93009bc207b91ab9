"""The second factor."""

from typing import Any

import pyotp
import sqlalchemy as sa

from holdfast.kernel.identity import IdentitySettings
from holdfast.kernel.identity.models import totp_secrets
from holdfast.kit import clock
from holdfast.kit.db import Database
from tests.builders_identity import PASSWORD, SETTINGS, Person, application, browsing, sign_up, with_settings


async def _set_up(database: Database, person: Person) -> str:
    """Its secret, the app confirmed by the code of the step before this one."""
    async with browsing(application(database), person) as client:
        secret = (await client.post("/users/me/totp", json={"password": PASSWORD})).json()["secret"]
        code = await _code(database, secret, steps=-1)
        confirmed = await client.post("/users/me/totp/confirm", json={"code": code})
    assert confirmed.status_code == 204
    return str(secret)


async def _code(database: Database, secret: str, *, steps: int = 0) -> str:
    async with database.reader() as db:
        now = await clock.moment(db)
    return pyotp.TOTP(secret).at(now, counter_offset=steps)


async def _sign_in(database: Database, person: Person, *, settings: Any = SETTINGS, **more: Any) -> Any:
    async with browsing(application(database, settings)) as guest:
        return await guest.post("/users/login", json={"email": person.email, "password": PASSWORD} | more)


async def test_once_set_up_a_sign_in_needs_its_code_and_each_code_is_good_once(database: Database) -> None:
    person = await sign_up(database, roles=("admin",))
    secret = await _set_up(database, person)
    code = await _code(database, secret)

    without = await _sign_in(database, person)
    wrong = await _sign_in(database, person, totp_code=f"{(int(code) + 1) % 10**6:06}")
    right = await _sign_in(database, person, totp_code=code)
    again = await _sign_in(database, person, totp_code=code)

    assert (without.status_code, without.json()["code"]) == (401, "totp_needed")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_totp")
    assert right.status_code == 200
    assert (again.status_code, again.json()["code"]) == (401, "wrong_totp")


async def test_what_was_begun_but_not_confirmed_is_not_asked_for(database: Database) -> None:
    person = await sign_up(database)
    async with browsing(application(database), person) as client:
        refused = await client.post("/users/me/totp", json={"password": "Wrong-Horse-7"})
        begun = await client.post("/users/me/totp", json={"password": PASSWORD})

    assert (refused.status_code, begun.status_code) == (403, 201)
    assert (await _sign_in(database, person)).status_code == 200


async def test_the_secret_is_sealed_at_rest(database: Database) -> None:
    person = await sign_up(database)

    secret = await _set_up(database, person)

    async with database.reader() as db:
        sealed = await db.scalar(sa.select(totp_secrets.c.sealed).where(totp_secrets.c.user_id == person.id))
    assert secret.encode() not in sealed


async def test_taking_it_away_asks_for_both_proofs(database: Database) -> None:
    person = await sign_up(database)
    secret = await _set_up(database, person)
    code = await _code(database, secret)
    async with browsing(application(database), person) as client:
        bad = await client.request("DELETE", "/users/me/totp", json={"password": PASSWORD, "code": "000000"})
        good = await client.request("DELETE", "/users/me/totp", json={"password": PASSWORD, "code": code})

    assert (bad.status_code, good.status_code) == (401, 204)
    assert (await _sign_in(database, person)).status_code == 200


async def test_where_it_is_required_privileged_roles_wait_until_it_is_set_up(database: Database) -> None:
    strict = with_settings(is_totp_required=True, recheck_seconds=0.0)
    person = await sign_up(database, roles=("admin",))
    async with browsing(application(database, strict), person) as client:
        before = await client.get("/users")
        own = await client.get("/users/me")
        told = (await _sign_in(database, person, settings=strict)).json()["totp_setup_required"]
        await _set_up(database, person)
        after = await client.get("/users")

    assert (before.status_code, own.status_code, told, after.status_code) == (403, 200, True, 200)
    assert not IdentitySettings(secret="x" * 40).is_totp_required

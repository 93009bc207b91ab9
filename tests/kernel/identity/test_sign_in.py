"""Signing in, staying signed in, signing out."""

import asyncio
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.audit.models import activity_logs
from holdfast.kernel.identity import IdentitySettings, passwords
from holdfast.kernel.identity.models import logins, refresh_tokens, users
from holdfast.kit import clock
from holdfast.kit.db import Database
from tests.builders_identity import (
    PASSWORD,
    Person,
    application,
    browsing,
    new_email,
    sign_up,
    with_settings,
)


async def _sign_in(database: Database, email: str, password: str = PASSWORD, **more: Any) -> Any:
    settings = more.pop("settings", None)
    app = application(database, settings) if settings else application(database)
    async with browsing(app) as guest:
        return await guest.post("/users/login", json={"email": email, "password": password} | more)


async def _refresh(database: Database, refresh_token: str) -> Any:
    async with browsing(application(database)) as guest:
        return await guest.post("/auth/refresh-token", json={"refresh_token": refresh_token})


async def _actions(database: Database, user_id: UUID) -> list[str]:
    async with database.reader() as db:
        rows = await db.all(
            sa.select(activity_logs.c.action_type)
            .where(activity_logs.c.entity_id == user_id)
            .order_by(activity_logs.c.id)
        )
    return [row.action_type for row in rows]


async def _age_use(database: Database, person: Person, by: timedelta) -> None:
    """As if the person's tokens had been used earlier."""
    async with database.transaction() as db:
        theirs = (refresh_tokens.c.login_id.in_(_logins_of(person)), refresh_tokens.c.used_at.is_not(None))
        used = await db.all(sa.select(refresh_tokens).where(*theirs))
        for row in used:
            await db.execute(
                sa.update(refresh_tokens).where(refresh_tokens.c.id == row.id).values(used_at=row.used_at - by)
            )


async def test_a_password_opens_the_account_for_thirty_minutes(database: Database) -> None:
    person = await sign_up(database)

    answer = await _sign_in(database, person.email.upper(), token_delivery="body")

    body = answer.json()
    assert (answer.status_code, body["token_type"], body["expires_in"]) == (200, "bearer", 1800)
    async with browsing(application(database)) as client:
        me = await client.get("/users/me", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert me.json()["id"] == str(person.id)


async def test_a_wrong_password_and_an_unknown_address_are_told_the_same(database: Database) -> None:
    person = await sign_up(database)

    wrong = await _sign_in(database, person.email, "Wrong-Horse-7")
    unknown = await _sign_in(database, new_email())

    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_credentials")
    assert {**wrong.json(), "instance": ""} == {**unknown.json(), "instance": ""}


async def test_an_unknown_account_costs_the_same_work() -> None:
    stored = await passwords.hashed(PASSWORD, cost=10)
    await passwords.is_right("warm up", None, cost=10)

    took = []
    for against in (stored, None):
        began = time.perf_counter()
        await passwords.is_right("Wrong-Horse-7", against, cost=10)
        took.append(time.perf_counter() - began)

    assert took[1] > took[0] / 4


async def test_the_default_cost_of_a_hash_is_12() -> None:
    cost = IdentitySettings(secret="x" * 40).bcrypt_cost

    stored = await passwords.hashed(PASSWORD, cost=cost)

    assert stored.startswith("$2b$12$")
    assert await passwords.is_right(PASSWORD, stored, cost=cost)


async def test_a_sign_in_renews_a_hash_of_another_cost(database: Database) -> None:
    person = await sign_up(database)

    answer = await _sign_in(database, person.email, settings=with_settings(bcrypt_cost=5))

    assert answer.status_code == 200
    async with database.reader() as db:
        stored = await db.scalar(sa.select(users.c.password_hash).where(users.c.id == person.id))
    assert stored.startswith("$2b$05$")


async def test_sign_ins_and_failures_are_written_down_without_the_address(database: Database) -> None:
    person = await sign_up(database)

    await _sign_in(database, person.email, "Wrong-Horse-7")
    await _sign_in(database, person.email)

    assert (await _actions(database, person.id))[-2:] == ["sign_in_failed", "signed_in"]
    async with database.reader() as db:
        rows = await db.all(sa.select(activity_logs).where(activity_logs.c.entity_id == person.id))
    assert not [row for row in rows if person.email in str(row)]


async def test_the_eleventh_try_in_ten_minutes_is_refused_even_with_the_right_password(database: Database) -> None:
    default = IdentitySettings(secret="x" * 40)
    settings = with_settings(
        sign_ins_per_account=default.sign_ins_per_account, sign_in_window_minutes=default.sign_in_window_minutes
    )
    person = await sign_up(database)

    tries = [await _sign_in(database, person.email, "Wrong-Horse-7", settings=settings) for _ in range(10)]
    eleventh = await _sign_in(database, person.email.upper(), settings=settings)

    assert {answer.status_code for answer in tries} == {401}
    assert (eleventh.status_code, eleventh.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(eleventh.headers["retry-after"]) <= 600


async def test_a_deactivated_account_is_told_so_only_to_who_knows_the_password(database: Database) -> None:
    person = await sign_up(database)
    async with database.transaction() as db:
        await db.execute(sa.update(users).where(users.c.id == person.id).values(is_active=False))

    right = await _sign_in(database, person.email)
    wrong = await _sign_in(database, person.email, "Wrong-Horse-7")

    assert (right.status_code, right.json()["code"]) == (403, "account_deactivated")
    assert wrong.status_code == 401


async def test_an_address_signs_in_to_the_account_that_proved_it_else_to_the_newest(database: Database) -> None:
    email = new_email()
    oldest = await sign_up(database, email=email, is_verified=False)
    newest = await sign_up(database, email=email, is_verified=False)
    before = await _sign_in(database, email)
    async with database.transaction() as db:
        proved = {"email_verified_at": await clock.moment(db)}
        await db.execute(sa.update(users).where(users.c.id == oldest.id).values(proved))

    after = await _sign_in(database, email)

    assert before.json()["user"]["id"] == str(newest.id)
    assert after.json()["user"]["id"] == str(oldest.id)


async def test_a_browser_gets_a_cookie_that_no_script_and_no_other_site_can_use(database: Database) -> None:
    person = await sign_up(database)

    answer = await _sign_in(database, person.email, settings=with_settings(are_cookies_secure=True))

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-holdfast_refresh=hfr_")
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert answer.json()["refresh_token"] is None


async def test_a_cookie_refreshes_and_ends_its_login(database: Database) -> None:
    person = await sign_up(database)
    async with browsing(application(database)) as browser:
        await browser.post("/users/login", json={"email": person.email, "password": PASSWORD})
        refreshed = await browser.post("/auth/refresh-token")
        left = await browser.post("/auth/logout")
        after = await browser.post("/auth/refresh-token")

    assert (refreshed.status_code, refreshed.json()["refresh_token"]) == (200, None)
    assert (left.status_code, after.status_code) == (204, 401)


async def test_a_refresh_token_is_exchanged_for_the_next_and_never_stored(database: Database) -> None:
    person = await sign_up(database)

    first = (await _refresh(database, person.refresh_token)).json()["refresh_token"]
    second = await _refresh(database, first)

    assert second.status_code == 200
    assert len({person.refresh_token, first, second.json()["refresh_token"]}) == 3
    async with database.reader() as db:
        stored = str(await db.all(sa.select(refresh_tokens)))
    assert not [token for token in (person.refresh_token, first) if token in stored]


async def test_two_tabs_within_ten_seconds_get_the_same_child(database: Database) -> None:
    person = await sign_up(database)

    answers = await asyncio.gather(*(_refresh(database, person.refresh_token) for _ in range(5)))
    late = await _refresh(database, person.refresh_token)

    assert {answer.status_code for answer in (*answers, late)} == {200}
    assert len({answer.json()["refresh_token"] for answer in (*answers, late)}) == 1


async def test_later_reuse_ends_the_whole_family_and_is_written_down(database: Database) -> None:
    person = await sign_up(database)
    child = (await _refresh(database, person.refresh_token)).json()["refresh_token"]
    await _age_use(database, person, timedelta(seconds=11))

    stolen = await _refresh(database, person.refresh_token)
    owner = await _refresh(database, child)

    assert (stolen.status_code, stolen.json()["code"]) == (401, "refresh_token_reused")
    assert owner.status_code == 401
    assert "refresh_token_reused" in await _actions(database, person.id)


async def test_a_refresh_token_ends_after_thirty_days(database: Database) -> None:
    person = await sign_up(database)
    async with database.transaction() as db:
        now = await clock.moment(db)
        await db.execute(
            sa.update(refresh_tokens).where(refresh_tokens.c.login_id.in_(_logins_of(person))).values(expires_at=now)
        )

    answer = await _refresh(database, person.refresh_token)

    assert (IdentitySettings(secret="x" * 40).refresh_token_days, answer.status_code) == (30, 401)


async def test_a_made_up_refresh_token_is_refused(database: Database) -> None:
    answer = await _refresh(database, "hfr_" + "A" * 43)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_logins_are_listed_and_ended_one_by_one_or_all(database: Database) -> None:
    person = await sign_up(database)
    other = (await _sign_in(database, person.email, token_delivery="body")).json()
    stranger = await sign_up(database)
    async with browsing(application(database), person) as client:
        listed = (await client.get("/users/me/logins")).json()["items"]
        another = next(login for login in listed if not login["is_current"])
        async with browsing(application(database), stranger) as thief:
            refused = await thief.delete(f"/users/me/logins/{another['id']}")
        ended = await client.delete(f"/users/me/logins/{another['id']}")
        again = await client.delete(f"/users/me/logins/{another['id']}")
        left = (await client.get("/users/me/logins")).json()["items"]
        everywhere = await client.delete("/users/me/logins")
    refreshed = await _refresh(database, other["refresh_token"])

    assert (len(listed), len(left)) == (2, 1)
    assert [a.status_code for a in (refused, ended, again, everywhere)] == [404, 204, 404, 204]
    assert refreshed.status_code == 401
    assert (await _refresh(database, person.refresh_token)).status_code == 401


def _logins_of(person: Person) -> sa.Select[Any]:
    return sa.select(logins.c.id).where(logins.c.user_id == person.id)

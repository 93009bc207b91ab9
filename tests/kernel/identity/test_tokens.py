# ruff: noqa: SLF001 - what the process keeps of tokens, and its keys, are the matter here
"""What proves who calls, and how soon it stops doing so."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Authenticator, InvalidToken, tokens
from holdfast.kernel.identity.models import api_keys, user_roles, users
from holdfast.kit import clock
from holdfast.kit.db import Database
from tests.builders import Time
from tests.builders_identity import (
    SECRET,
    SETTINGS,
    Person,
    application,
    browsing,
    open_provider,
    sign_up,
    with_settings,
)


async def _me(database: Database, token: str) -> int:
    async with browsing(application(database)) as client:
        return (await client.get("/users/me", headers={"Authorization": f"Bearer {token}"})).status_code


def _forged(person: Person, *, key: Any = None, algorithm: str = "EdDSA", header: Any = None, **changes: Any) -> str:
    """The person's own token, changed, signed by our own key unless another is given."""
    claims = jwt.decode(person.token, options={"verify_signature": False}) | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    own = tokens._keys((SECRET,))[0]
    headers = {"kid": own.kid, "typ": tokens.TYPE} | (header or {})
    return jwt.encode(claims, own.private if key is None else key, algorithm, headers=headers)


async def test_a_token_names_user_and_roles_and_nothing_personal(database: Database) -> None:
    person = await sign_up(database, roles=("operator",))

    claims = jwt.decode(person.token, options={"verify_signature": False})

    assert (claims["sub"], claims["roles"], claims["role"]) == (str(person.id), ["customer", "operator"], "operator")
    assert claims["exp"] - claims["iat"] == 1800
    assert person.email not in json.dumps(claims)


async def test_only_our_algorithm_key_type_issuer_audience_and_time_pass(database: Database) -> None:
    person = await sign_up(database)
    public = jwt.decode(person.token, options={"verify_signature": False})
    x = tokens.public_keys(SETTINGS)["keys"][0]["x"]
    stranger = Ed25519PrivateKey.generate()
    none = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none", "typ": tokens.TYPE, "kid": tokens._keys((SECRET,))[0].kid}, public)
    )
    bad = {
        "alg none": none + ".",
        "HMAC keyed with our public key": _forged(person, key=x + "=" * 32, algorithm="HS256"),
        "another key under our kid": _forged(person, key=stranger),
        "an unknown kid": _forged(person, header={"kid": "0" * 16}),
        "another type": _forged(person, header={"typ": "JWT"}),
        "another issuer": _forged(person, iss="elsewhere"),
        "another audience": _forged(person, aud="elsewhere"),
        "over": _forged(person, exp=public["iat"] - 1),
        "no end": _forged(person, exp=None),
        "an end that is no time": _forged(person, exp="tomorrow"),
        "no login": _forged(person, sid=None),
        "a subject that is no id": _forged(person, sub="admin"),
        "rubbish": "rubbish",
        "endless": "a" * 10_000,
    }

    passed = {name for name, token in bad.items() if await _me(database, token) != 401}

    assert passed == set()
    assert await _me(database, _forged(person)) == 200


async def test_a_token_ends_with_its_thirty_minutes(database: Database) -> None:
    person = await sign_up(database)
    async with database.reader() as db:
        now = await clock.moment(db)

    with pytest.raises(InvalidToken):
        tokens.read_access_token(SETTINGS, person.token, now=now + timedelta(minutes=30))
    assert tokens.read_access_token(SETTINGS, person.token, now=now + timedelta(minutes=29)).user_id == person.id


async def test_a_former_secret_still_verifies_while_it_is_listed(database: Database) -> None:
    person = await sign_up(database)
    changed = with_settings(secret="another secret, also long enough", previous_secrets=(SECRET,))
    forgotten = with_settings(secret="another secret, also long enough")

    principal = await Authenticator(changed, database).principal(person.token)

    assert principal.user_id == person.id
    with pytest.raises(InvalidToken):
        await Authenticator(forgotten, database).principal(person.token)


async def test_others_can_check_our_tokens_by_the_published_keys(database: Database) -> None:
    person = await sign_up(database)
    async with browsing(application(database)) as client:
        published = (await client.get("http://test/.well-known/jwks.json")).json()

    key = jwt.PyJWKSet.from_dict(published).keys[0]
    claims = jwt.decode(person.token, key.key, algorithms=["EdDSA"], audience="holdfast", options={"verify_exp": False})

    assert claims["sub"] == str(person.id)
    assert "d" not in published["keys"][0]


async def test_who_calls_again_and_again_is_read_before_anybody_has_to_wait_for_it(database: Database) -> None:
    person, once = await sign_up(database), await sign_up(database)
    process = Authenticator(with_settings(recheck_seconds=1.0), database)
    for token in (person.token, once.token, person.token):
        await process.principal(token)

    await asyncio.sleep(1.5)
    assert process.at_hand(once.token, address=None, request_id="a request") is None
    known = process.at_hand(person.token, address=None, request_id="a request")
    async with database.transaction() as db:
        await db.execute(sa.update(users).where(users.c.id == person.id).values(is_active=False))
    await asyncio.sleep(1.1)

    assert known is not None
    assert known.user_id == person.id
    assert process.at_hand(person.token, address=None, request_id="another") is None


async def test_whether_a_token_is_over_the_clock_of_the_database_says(database: Database, time: Time) -> None:
    person = await sign_up(database)
    process = Authenticator(with_settings(recheck_seconds=60.0), database)
    await time.forward(minutes=29, seconds=59)
    await process.principal(person.token)

    await asyncio.sleep(1.1)  # by this process's own clock it would be over
    again = await process.principal(person.token)
    await time.forward(seconds=1)
    process._known.clear()
    with pytest.raises(InvalidToken):
        await process.principal(person.token)

    assert again.user_id == person.id


async def test_a_deactivated_account_is_refused_within_a_second_in_every_process(database: Database) -> None:
    person = await sign_up(database)
    processes = [Authenticator(with_settings(recheck_seconds=seconds), database) for seconds in (0.0, 1.0)]
    for process in processes:
        await process.principal(person.token)
    async with database.transaction() as db:
        await db.execute(sa.update(users).where(users.c.id == person.id).values(is_active=False))
    known = processes[1]._known[next(iter(processes[1]._known))]
    known.read_at -= 1.01

    for process in processes:
        with pytest.raises(InvalidToken):
            await process.principal(person.token)
        assert not process._known


async def test_the_rows_are_read_again_within_one_second_by_default() -> None:
    assert SETTINGS.recheck_seconds == 1.0


async def test_what_is_known_of_tokens_is_bounded_and_the_least_used_leaves(database: Database) -> None:
    people = [await sign_up(database) for _ in range(4)]
    process = Authenticator(with_settings(token_cache_max=2, recheck_seconds=60), database)

    for person in people:
        await process.principal(person.token)

    assert len(process._known) == 2
    assert {known.principal.user_id for known in process._known.values()} == {people[2].id, people[3].id}


async def test_an_admin_who_lost_the_role_a_moment_ago_reaches_no_admin_route(database: Database) -> None:
    admin = await sign_up(database, roles=("admin",))
    app = application(database, with_settings(recheck_seconds=3_600.0))
    async with browsing(app, admin) as client:
        before = await client.get("/users")
        async with database.transaction() as db:
            await db.execute(sa.delete(user_roles).where(user_roles.c.user_id == admin.id))
        after = await client.get("/users")

    assert (before.status_code, after.status_code) == (200, 403)


async def test_a_logout_refuses_the_access_token_too(database: Database) -> None:
    person = await sign_up(database)
    async with browsing(application(database, with_settings(recheck_seconds=0.0)), person) as client:
        left = await client.post("/auth/logout")
        after = await client.get("/users/me")

    assert (left.status_code, after.status_code) == (204, 401)


async def test_a_password_changed_ends_every_login(database: Database) -> None:
    person = await sign_up(database)
    change = {"old_password": "Correct-Horse-7", "new_password": "Better-Horse-8"}
    async with browsing(application(database, with_settings(recheck_seconds=0.0)), person) as client:
        wrong = await client.post("/users/me/password", json=change | {"old_password": "Wrong-Horse-7"})
        changed = await client.post("/users/me/password", json=change)
        after = await client.get("/users/me")
    async with browsing(application(database)) as guest:
        old = await guest.post("/users/login", json={"email": person.email, "password": "Correct-Horse-7"})
        new = await guest.post("/users/login", json={"email": person.email, "password": "Better-Horse-8"})

    assert (wrong.status_code, changed.status_code, after.status_code) == (403, 204, 401)
    assert (old.status_code, new.status_code) == (401, 200)


# API keys


async def _key(database: Database, provider_id: UUID, **more: Any) -> tuple[UUID, str]:
    async with database.transaction() as db:
        now = await clock.moment(db)
        if "lasts" in more:
            more["expires_at"] = now + more.pop("lasts")
        key, plain = await identity.create_api_key(
            db, provider_id=provider_id, name="door", scope="scanner", actor=Actor.system(), now=now, **more
        )
    return key.id, plain


async def test_an_api_key_acts_as_a_member_of_its_provider_and_is_stored_hashed(database: Database) -> None:
    provider = await open_provider(database)
    key_id, plain = await _key(database, provider.id)

    principal = await Authenticator(SETTINGS, database).principal(plain)

    assert plain.startswith("hf_")
    assert (principal.kind, principal.user_id, dict(principal.members)) == ("api_key", None, {provider.id: "scanner"})
    async with database.reader() as db:
        row = await db.one(sa.select(api_keys).where(api_keys.c.id == key_id))
    assert row.last_used_at is not None
    assert plain not in str(row)


async def test_a_key_revoked_or_run_out_opens_nothing(database: Database) -> None:
    provider = await open_provider(database)
    _, late = await _key(database, provider.id, lasts=timedelta(0))
    key_id, plain = await _key(database, provider.id)
    process = Authenticator(with_settings(recheck_seconds=0.0), database)
    await process.principal(plain)
    async with database.transaction() as db:
        await identity.revoke_api_key(db, key_id, actor=Actor.system(), now=await clock.moment(db))

    for key in (plain, late, "hf_" + "A" * 43):
        with pytest.raises(InvalidToken):
            await process.principal(key)


async def test_a_program_is_no_person(database: Database) -> None:
    provider = await open_provider(database)
    _, plain = await _key(database, provider.id)

    assert await _me(database, plain) == 403

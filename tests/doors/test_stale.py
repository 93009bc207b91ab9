"""What was taken away a moment ago opens nothing: for money and staff the row is read again at each request."""

import re
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from holdfast.app.house import House
from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Authenticator, actions
from holdfast.kernel.identity.models import users
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.policies import declaration_of
from tests import builders_identity
from tests.builders_identity import Person
from tests.doors import expected
from tests.doors.conftest import application
from tests.doors.test_matrix import API, HOW_TO, JUNK, declared

_HOUR = 3_600.0


@pytest.fixture
def forgetful(database: Database, tmp_path: Path) -> FastAPI:
    """A server that by itself would believe for an hour what it read of an account."""
    app = application(database, tmp_path)
    house: House = app.state.house
    app.state.authenticate = Authenticator(replace(house.identity, recheck_seconds=_HOUR), database)
    return app


async def test_a_server_remembers_who_called_a_moment_ago(database: Database, forgetful: FastAPI) -> None:
    """Else the test below would show nothing."""
    person = await builders_identity.sign_up(database, settings=forgetful.state.house.identity)
    async with _browsing(forgetful, person) as client:
        known = await client.get("/api/v1/users/me")
        await _take_away("account", person, None, forgetful)

        again = await client.get("/api/v1/users/me/logins")

    assert (known.status_code, again.status_code) == (200, 200)


async def test_what_was_taken_away_a_moment_ago_opens_no_door_to_money_or_staff(
    database: Database, forgetful: FastAPI
) -> None:
    provider = await builders_identity.open_provider(database)
    wrong, asked = [], 0

    for method, path, policy in declared(forgetful):
        if policy not in expected.FRESH or not path.startswith(API):
            continue
        what, status = expected.FRESH[policy]
        person = await builders_identity.sign_up(
            database,
            settings=forgetful.state.house.identity,
            roles=("admin",) if what == "role" else (),
            members={provider.id: "manager"} if what == "membership" else {},
        )
        async with _browsing(forgetful, person) as client:
            assert (await client.get("/api/v1/users/me")).status_code == 200
            await _take_away(what, person, provider.id, forgetful)
            url = re.sub(r"{\w+}", str(new_id()), path)
            answer = await client.request(method, url, json=None if method == "GET" else JUNK)
        asked += 1
        if answer.status_code != status:
            wrong.append(f"{method} {path}: {what} taken away, {answer.status_code} instead of {status}")

    assert wrong == []
    assert asked >= 30


async def test_every_socket_declares_the_policy_that_is_expected(app: FastAPI) -> None:
    sockets = [context for context in iter_route_contexts(app.routes) if not context.methods and context.endpoint]
    policies = {socket.path: declaration_of(socket.endpoint).policy for socket in sockets if socket.endpoint}

    assert policies
    assert {path: getattr(policy, "name", None) for path, policy in policies.items()} == expected.SOCKETS, HOW_TO


def _browsing(app: FastAPI, person: Person) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    return httpx2.AsyncClient(transport=transport, base_url="http://test", headers=person.headers)


async def _take_away(what: str, person: Person, provider_id: UUID | None, app: FastAPI) -> None:
    house: House = app.state.house

    async def work(db: Transaction) -> None:
        now, system = await clock.moment(db), Actor.system()
        if what == "role":
            settings = house.identity
            await actions.revoke_role(db, person.id, role="admin", settings=settings, actor=system, now=now)
        elif what == "membership":
            assert provider_id is not None
            await identity.remove_member(db, provider_id=provider_id, user_id=person.id, actor=system, now=now)
        else:
            await db.execute(sa.update(users).where(users.c.id == person.id).values(is_active=False))

    await house.database.run(work)

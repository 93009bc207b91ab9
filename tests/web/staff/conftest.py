from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Protocol
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.kernel.identity import MemberRole
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time
from tests.builders_identity import PASSWORD, Person, sign_up

Actions = Callable[[UUID], Awaitable[list[str]]]


class SignIn(Protocol):
    async def __call__(
        self, *roles: str, members: Mapping[UUID, MemberRole] | None = None, language: str = "en"
    ) -> Person: ...


@pytest.fixture
async def time(database: Database) -> AsyncIterator[Time]:
    async with builders.standing_clock(database) as time:
        yield time


@pytest.fixture
def sign_in(browser: httpx2.AsyncClient, database: Database) -> SignIn:
    """Somebody with these roles looks at the pages from now on: `await sign_in("admin")`."""

    async def signing_in(*roles: str, members: Mapping[UUID, MemberRole] | None = None, language: str = "en") -> Person:
        person = await sign_up(database, roles=roles, members=members)
        browser.cookies.clear()
        answer = await browser.post("/sign-in", data={"email": person.email, "password": PASSWORD})
        assert answer.status_code == 303
        browser.cookies.set("holdfast_language", language)
        return person

    return signing_in


@pytest.fixture
def actions(database: Database) -> Actions:
    """What the activity log says of a thing by whom: "hold_released by <user>"."""

    async def reading(entity_id: UUID) -> list[str]:
        async with database.reader() as db:
            rows = await db.all(
                sa.text("SELECT action_type, user_id FROM activity_logs WHERE entity_id = :id ORDER BY timestamp, id")
                .bindparams(sa.bindparam("id", entity_id, sa.Uuid))
                .columns(sa.column("action_type", sa.String), sa.column("user_id", sa.Uuid))
            )
        return [f"{row.action_type} by {row.user_id}" for row in rows]

    return reading

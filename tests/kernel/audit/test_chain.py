"""The rows of the activity log are chained, each once, in streams without gaps."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from holdfast.kernel.audit import Actor, chain, chain_breaches, record, waits
from holdfast.kernel.audit.chain import PLATFORM
from holdfast.kernel.audit.models import activity_chain
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from holdfast.kit.ids import new_id

pytestmark = pytest.mark.alone


async def write(database: Database, count: int, *, provider_id: UUID | None = None, age: float = 60) -> None:
    async with database.transaction() as db:
        now = await clock.moment(db) - timedelta(seconds=age)
        for n in range(count):
            await record(
                db,
                actor=Actor.system(),
                action="made",
                entity_type="thing",
                entity_id=new_id(),
                provider_id=provider_id,
                details={"n": n, "b": "é", "a": [1, None]},
                now=now + timedelta(microseconds=n),
            )


async def numbers(database: Database) -> dict[UUID, list[int]]:
    async with database.reader() as db:
        assert await chain_breaches(db) == []
        rows = await db.all(sa.select(activity_chain).order_by(activity_chain.c.stream, activity_chain.c.n))
    found: dict[UUID, list[int]] = {}
    for row in rows:
        found.setdefault(row.stream, []).append(row.n)
    return found


async def test_each_provider_has_a_stream_and_the_platform_another(database: Database) -> None:
    provider = new_id()
    await write(database, 3, provider_id=provider)
    await write(database, 2)
    assert await database.run(chain) == 5
    await write(database, 1, age=600)  # committed late: chained behind

    assert await database.run(chain) == 1
    assert await database.run(chain) == 0
    assert await numbers(database) == {provider: [1, 2, 3], PLATFORM: [1, 2, 3]}


async def test_what_has_not_settled_waits(database: Database) -> None:
    await write(database, 1, age=0)

    async with database.reader() as db:
        assert not await waits(db)
    assert await database.run(chain) == 0


async def test_two_chainers_at_once_chain_each_row_once(database: Database) -> None:
    await write(database, 700)

    first = await asyncio.gather(*(database.run(chain) for _ in range(2)))
    while await database.run(chain):
        pass

    assert max(first) == 500
    assert await numbers(database) == {PLATFORM: list(range(1, 701))}


@pytest.mark.parametrize("statement", ["UPDATE activity_chain SET n = 7", "DELETE FROM activity_chain"])
async def test_the_database_refuses_to_change_a_link(database: Database, statement: str) -> None:
    await write(database, 1)
    await database.run(chain)

    with pytest.raises((DBAPIError, Error), match="never changed"):
        async with database.transaction() as db:
            await db.execute(sa.text(statement))

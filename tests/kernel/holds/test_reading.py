"""What a batch reads grows with what is asked for, not with what is held there: PostgreSQL takes the indexes meant.

It chooses by what it believes of the tables, so a plan that is right on empty ones may read every row of full ones.
"""

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Self
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.kernel.holds import Batcher, Hold
from holdfast.kernel.inventory import Limits
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders
from tests import toy_product as toy
from tests.builders import CLOCKS
from tests.toy_product import Room

pytestmark = [pytest.mark.alone, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]
HELD, TOGETHER = 1_500, 50
#: Rows of one table that one request may have looked at, whatever else stands there.
ROWS_MAX = 10
_PEOPLE = 300
_ROWS_READ = "SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows FROM pg_stat_user_tables"


@pytest.fixture
def way() -> str:
    """Only the batch."""
    return "batched"


@pytest.mark.parametrize("seconds", [900, 1], ids=["held", "lapsed"])
async def test_a_hold_reads_no_more_where_many_are_held(database: Database, seconds: int) -> None:
    room, people = await a_full_room(database, seconds)
    await asyncio.sleep(1.5 if seconds == 1 else 0)
    places = range(TOGETHER) if seconds == 1 else range(HELD, HELD + TOGETHER)

    async with Reading(database) as read, Batcher(database, CLOCKS) as batcher:
        held = await hold(batcher, room, people, places)

    assert len(held) == TOGETHER
    assert read.too_much() == {}


async def test_a_release_reads_no_more_where_many_are_held(database: Database) -> None:
    room, people = await a_full_room(database, 900)
    async with Batcher(database, CLOCKS) as batcher:
        held = await hold(batcher, room, people, range(HELD, HELD + TOGETHER))

    async with Reading(database) as read, Batcher(database, CLOCKS) as batcher:
        releases = [batcher.release(room.inventory.id, one.id, actor=builders.user_actor(one.owner_id)) for one in held]
        released = await asyncio.gather(*releases)

    assert released == [True] * TOGETHER
    assert read.too_much() == {}


async def a_full_room(database: Database, seconds: int) -> tuple[Room, list[UUID]]:
    """Much of it is held, of which PostgreSQL does not know: it looked when another was; and those who hold it."""
    limits = Limits(items_max=1, hold_seconds=seconds, second_hold="allow", chain_seconds=180_000)
    people = [new_id() for _ in range(_PEOPLE)]
    for is_last in (False, True):
        room = await builders.room(database, places=HELD + TOGETHER, limits=limits)
        async with Batcher(database, CLOCKS) as batcher:
            for first in range(0, HELD, _PEOPLE):
                await hold(batcher, room, people, range(first, first + _PEOPLE))
        if not is_last:
            async with database.transaction() as db:
                await db.execute(sa.text("ANALYZE"))
    return room, people


async def hold(batcher: Batcher, room: Room, people: list[UUID], places: range) -> list[Hold]:
    wishes = [replace(toy.wish(room, [place], owner=people[place % _PEOPLE]), key=f"{new_id()}") for place in places]
    placing = [
        batcher.place(wish, inventory=room.inventory, actor=builders.user_actor(wish.owner_id)) for wish in wishes
    ]
    return [held for held, _ in await asyncio.gather(*placing)]


class Reading:
    """The rows that were read of each table while it lasted; PostgreSQL tells a connection's once it is closed."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.before: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self.before = await self._read()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.rows = await self._read() - self.before
        assert self.rows["holds"] >= TOGETHER, "what was read is not told yet"

    def too_much(self) -> dict[str, int]:
        return {table: rows for table, rows in self.rows.items() if rows > TOGETHER * ROWS_MAX}

    async def _read(self) -> Counter[str]:
        await asyncio.sleep(1)
        async with self.database.reader() as db:
            return Counter({row.relname: row.rows for row in await db.all(sa.text(_ROWS_READ))})

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.kit import jobs, outbox
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.outbox import Fact

NOON = datetime(2027, 5, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.alone


@dataclass(frozen=True, slots=True)
class LoafBaked(Fact):
    number: int
    baker_id: UUID
    at: datetime
    shelves: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LoafSold(Fact):
    number: int


BAKER = UUID(int=7)


async def bake(database: Database, number: int) -> None:
    async with database.transaction() as db:
        await outbox.publish(db, LoafBaked(number, BAKER, NOON, (1, 2)), now=NOON)


async def relay(database: Database, **listeners: list[str]) -> int:
    async with database.transaction() as db:
        return await outbox.relay(db, listeners=listeners, now=NOON)


async def rows(database: Database, table: sa.Table) -> list[sa.Row[Any]]:
    async with database.reader() as db:
        return list(await db.all(sa.select(table).order_by(table.c.id)))


async def test_a_fact_is_told_only_if_its_change_was_committed(database: Database) -> None:
    async def work() -> None:
        async with database.transaction() as db:
            await outbox.publish(db, LoafSold(1), now=NOON)
            raise LookupError

    with pytest.raises(LookupError):
        await work()

    assert await relay(database, LoafSold=["tell"]) == 0


async def test_each_listener_has_a_job_with_the_fact_in_plain_values(database: Database) -> None:
    await bake(database, 1)

    relayed = await relay(database, LoafBaked=["tell", "count"], LoafSold=["tell"])

    waiting = await rows(database, jobs.jobs)
    (fact,) = await rows(database, outbox.outbox)
    assert (relayed, fact.position, fact.version) == (1, 1, 1)
    assert sorted(row.kind for row in waiting) == ["count", "tell"]
    assert waiting[0].payload == {
        "number": 1,
        "baker_id": str(BAKER),
        "at": "2027-05-01T12:00:00+00:00",
        "shelves": [1, 2],
        "fact": "LoafBaked",
        "fact_id": str(fact.id),
    }


async def test_a_fact_without_listeners_has_its_place_in_the_order_too(database: Database) -> None:
    await bake(database, 1)

    assert await relay(database) == 1
    assert await rows(database, jobs.jobs) == []
    assert [fact.position for fact in await rows(database, outbox.outbox)] == [1]


async def test_facts_are_ordered_as_they_were_published_without_gaps(database: Database) -> None:
    for number in range(5):
        await bake(database, number)
    await relay(database, LoafBaked=["tell"])
    for number in range(5, 8):
        await bake(database, number)

    await relay(database, LoafBaked=["tell"])

    facts = await rows(database, outbox.outbox)
    assert [(fact.position, fact.payload["number"]) for fact in facts] == [(n + 1, n) for n in range(8)]


async def test_relaying_again_tells_nothing_twice(database: Database) -> None:
    await bake(database, 1)

    told = [await relay(database, LoafBaked=["tell"]) for _ in range(3)]

    assert told == [1, 0, 0]
    assert len(await rows(database, jobs.jobs)) == 1


async def test_a_relay_that_dies_tells_everything_again_to_the_next(database: Database) -> None:
    await bake(database, 1)

    async def dying() -> None:
        async with database.transaction() as db:
            await outbox.relay(db, listeners={"LoafBaked": ["tell"]}, now=NOON)
            raise LookupError

    with pytest.raises(LookupError):
        await dying()

    assert await rows(database, jobs.jobs) == []
    assert await relay(database, LoafBaked=["tell"]) == 1


async def test_many_relays_at_once_give_each_fact_one_place(database: Database) -> None:
    for number in range(30):
        await bake(database, number)

    async def relaying() -> None:
        for _ in range(10):
            await relay(database, LoafBaked=["tell"])

    await asyncio.gather(*(relaying() for _ in range(4)), *(bake(database, number) for number in range(30, 40)))
    await relay(database, LoafBaked=["tell"])

    positions = sorted(fact.position for fact in await rows(database, outbox.outbox))
    assert positions == list(range(1, 41))
    assert len(await rows(database, jobs.jobs)) == 40


async def test_a_relay_takes_a_batch_and_leaves_the_rest_for_the_next(database: Database) -> None:
    async with database.transaction() as db:
        for number in range(outbox.RELAY_BATCH_MAX + 5):
            await outbox.publish(db, LoafSold(number), now=NOON)

    told = [await relay(database, LoafSold=["tell"]) for _ in range(3)]

    assert told == [outbox.RELAY_BATCH_MAX, 5, 0]


async def test_a_change_is_told_once_for_its_number(database: Database) -> None:
    inventory_id, layout_id = new_id(), new_id()

    async def change(seq: int) -> None:
        async with database.transaction() as db:
            await outbox.publish_change(
                db,
                inventory_id=inventory_id,
                seq=seq,
                states=[[3, "held", NOON], [4, "free", None]],
                state="on_sale",
                layout_id=layout_id,
                now=NOON,
            )

    await change(1)
    with pytest.raises(sa.exc.IntegrityError):
        await change(1)
    await change(2)

    changes = await rows(database, outbox.outbox)
    assert [(row.seq, row.kind) for row in changes] == [(1, "inventory.changed"), (2, "inventory.changed")]
    assert changes[0].payload == {
        "states": [[3, "held", "2027-05-01T12:00:00+00:00"], [4, "free", None]],
        "state": "on_sale",
        "layout_id": str(layout_id),
    }
    assert await relay(database) == 0


async def test_what_was_delivered_is_forgotten_after_a_while_and_what_waits_is_not(database: Database) -> None:
    await bake(database, 1)
    await relay(database)
    await bake(database, 2)

    async with database.transaction() as db:
        too_young = await outbox.forget(db, before=NOON)
        forgotten = await outbox.forget(db, before=NOON + timedelta(microseconds=1))

    assert (too_young, forgotten) == (0, 1)
    assert [fact.payload["number"] for fact in await rows(database, outbox.outbox)] == [2]

"""How requests ride together: in order, none harmed by another, none lost with a connection (docs/holds.md)."""

import asyncio
import gc
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from weakref import ref

import asyncpg
import pytest
import sqlalchemy as sa

from holdfast.kernel.holds import AlreadyHolding, Batcher, Hold, SlotsTaken, Wish
from holdfast.kernel.holds.models import holds
from holdfast.kernel.inventory import InventoryNotFound, turn
from holdfast.kernel.inventory.models import inventories
from holdfast.kit import bulk, clock
from holdfast.kit.bulk import ConnectionLost, Program, Writer
from holdfast.kit.db import Database
from holdfast.kit.errors import Overloaded
from holdfast.kit.guards import Guards
from holdfast.kit.ids import new_id
from tests import builders
from tests import toy_product as toy
from tests.builders import CLOCKS
from tests.toy_product import Room

T = TypeVar("T")
MANY = 20


@pytest.fixture
def way() -> str:
    """Only the batch."""
    return "batched"


@dataclass(slots=True)
class Unlucky:
    """A writer whose connection breaks after the commit, the first few times."""

    writer: Writer
    times: int

    async def run(self, program: Program[T]) -> T:
        result = await self.writer.run(program)
        if self.times:
            self.times -= 1
            raise ConnectionLost
        return result

    async def close(self) -> None:
        await self.writer.close()


async def everybody(batcher: Batcher, room: Room, wishes: Sequence[Wish]) -> list[Any]:
    """What came of each, all of them asked for at once, in this order."""
    works = [placing(batcher, room, wish) for wish in wishes]
    return list(await asyncio.gather(*works, return_exceptions=True))


def placing(batcher: Batcher, room: Room, wish: Wish) -> Coroutine[Any, Any, tuple[Hold, bool]]:
    return batcher.place(wish, inventory=room.inventory, actor=builders.user_actor(wish.owner_id))


async def test_who_waits_rides_with_the_others(database: Database) -> None:
    room = await builders.room(database, places=MANY)

    async with Batcher(database, CLOCKS) as batcher:
        answers = await everybody(batcher, room, [toy.wish(room, [n], owner=new_id()) for n in range(MANY)])

    assert all(not is_replayed for _, is_replayed in answers)
    assert await builders.states_of(database, room) == dict.fromkeys(range(MANY), "held")
    assert (await builders.inventory_of(database, room)).seq == 1  # one change tells of them all


async def test_of_those_who_want_one_place_the_first_who_asked_gets_it(database: Database) -> None:
    room = await builders.room(database)
    wishes = [toy.wish(room, [3], owner=new_id()) for _ in range(MANY)]

    async with Batcher(database, CLOCKS) as batcher:
        first, *others = await everybody(batcher, room, wishes)

    assert first[0].owner_id == wishes[0].owner_id
    assert all(isinstance(other, SlotsTaken) for other in others)


async def test_the_second_of_one_owner_sees_what_became_of_the_first(database: Database) -> None:
    room, owner = await builders.room(database), new_id()

    async with Batcher(database, CLOCKS) as batcher:
        first, second = await everybody(batcher, room, [toy.wish(room, [n], owner=owner) for n in range(2)])

    assert first[0].owner_id == owner
    assert isinstance(second, AlreadyHolding)
    assert second.hold_id == first[0].id


async def test_one_that_the_database_refuses_fails_alone(database: Database) -> None:
    room = await builders.room(database, places=MANY)
    wishes = [toy.wish(room, [n], owner=new_id()) for n in range(MANY)]
    poison = replace(wishes[7], lines=(replace(wishes[7].lines[0], kind="bribe"),))  # type: ignore[arg-type]
    wishes[7] = poison

    async with Batcher(database, CLOCKS) as batcher:
        answers = await everybody(batcher, room, wishes)

    failed = [n for n, answer in enumerate(answers) if isinstance(answer, Exception)]
    assert failed == [7]
    assert set(await builders.states_of(database, room)) == set(range(MANY)) - {7}


async def test_an_occurrence_that_is_not_there_is_not_found_by_its_own_alone(database: Database) -> None:
    room = await builders.room(database)
    nowhere = replace(toy.wish(room, [0], owner=new_id()), inventory_id=new_id())

    async with Batcher(database, CLOCKS) as batcher:
        absent, found = await everybody(batcher, room, [nowhere, toy.wish(room, [0], owner=new_id())])

    assert isinstance(absent, InventoryNotFound)
    assert found[0].items[0].place == 0


async def test_beyond_what_may_wait_it_is_refused_at_once_and_nothing_is_done(database: Database) -> None:
    room = await builders.room(database)

    async with Batcher(database, CLOCKS, queue_max=2) as batcher:
        answers = await everybody(batcher, room, [toy.wish(room, [n], owner=new_id()) for n in range(5)])

    assert [isinstance(answer, Overloaded) for answer in answers] == [False, False, True, True, True]
    assert await builders.states_of(database, room) == {0: "held", 1: "held"}


@pytest.mark.parametrize("key", [None, "a key"])
async def test_a_commit_that_nobody_heard_of_is_answered_as_what_it_was(database: Database, key: str | None) -> None:
    room, owner = await builders.room(database), new_id()

    def unlucky(database: Database) -> Writer:
        return Unlucky(bulk.open_writer(database), times=2)

    async with Batcher(database, CLOCKS, open_writer=unlucky) as batcher:
        hold, is_replayed = await placing(batcher, room, toy.wish(room, [1], owner=owner, key=key))

    async with database.reader() as db:
        there = await db.all(sa.select(holds.c.id, holds.c.expires_at).where(holds.c.owner_id == owner))
    assert not is_replayed
    assert [(row.id, row.expires_at) for row in there] == [(hold.id, hold.expires_at)]


async def test_who_leaves_takes_nobody_along(database: Database) -> None:
    room = await builders.room(database)

    async with Batcher(database, CLOCKS) as batcher:
        leaving = asyncio.create_task(placing(batcher, room, toy.wish(room, [0], owner=new_id())))
        staying = asyncio.create_task(placing(batcher, room, toy.wish(room, [1], owner=new_id())))
        await asyncio.sleep(0)
        leaving.cancel()
        hold, _ = await staying

    assert hold.items[0].place == 1
    assert leaving.cancelled()
    assert set(await builders.states_of(database, room)) == {1}  # nobody listens: nothing is kept for them


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_turn_that_somebody_has_keeps_only_its_own_waiting(database: Database) -> None:
    busy, idle = await builders.room(database), await builders.room(database)

    async with Batcher(database, CLOCKS) as batcher:
        async with database.transaction() as db, turn(db, busy.inventory.id):
            waiting = asyncio.create_task(placing(batcher, busy, toy.wish(busy, [0], owner=new_id())))
            async with asyncio.timeout(5):
                await placing(batcher, idle, toy.wish(idle, [0], owner=new_id()))
            assert not waiting.done()
        hold, _ = await waiting

    assert hold.inventory_id == busy.inventory.id


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_batch_that_waited_for_its_turn_goes_by_the_clock_of_after_the_wait(database: Database) -> None:
    room = await builders.room(database)

    async with Batcher(database, CLOCKS) as batcher:
        async with database.transaction() as db, turn(db, room.inventory.id):
            waiting = asyncio.create_task(placing(batcher, room, toy.wish(room, [0], owner=new_id())))
            await asyncio.sleep(0.5)
            let_go_at = await clock.moment(db)
        hold, _ = await waiting

    assert hold.placed_at >= let_go_at


@pytest.mark.alone  # what it leaves behind can't be numbered any more
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_where_the_turn_is_shared_nobody_waits_for_who_shares_it(database: Database) -> None:
    """What the bench compares the turn with; without its exclusiveness nothing orders two batches."""
    room = await builders.room(database)
    url = database.url.render_as_string(hide_password=False)
    shared = Database(url, guards=Guards(frozenset({"exclusive_turn"})), test_clock=True)

    async with shared, Batcher(database, CLOCKS) as alone, Batcher(shared, CLOCKS) as sharing:
        async with database.transaction() as db:
            await db.all(
                sa.select(inventories.c.id).where(inventories.c.id == room.inventory.id).with_for_update(read=True)
            )
            waiting = asyncio.create_task(placing(alone, room, toy.wish(room, [0], owner=new_id())))
            async with asyncio.timeout(5):
                hold, _ = await placing(sharing, room, toy.wish(room, [1], owner=new_id()))
            await asyncio.sleep(0.2)
            is_alone_done = waiting.done()
        outcome = (await asyncio.gather(waiting, return_exceptions=True))[0]

    assert hold.items[0].place == 1
    assert not is_alone_done
    assert isinstance(outcome, asyncpg.UniqueViolationError)  # of the number that the other has not raised


async def test_a_refusal_that_was_told_is_gone_without_the_collector(database: Database) -> None:
    room = await builders.room(database)
    await builders.hold(database, room, [0])
    gc.collect()
    gc.disable()
    try:
        async with Batcher(database, CLOCKS) as batcher:
            try:
                await placing(batcher, room, toy.wish(room, [0], owner=new_id()))
            except SlotsTaken as refused:
                told = ref(refused)
            await asyncio.sleep(0.1)
            assert told() is None
    finally:
        gc.enable()

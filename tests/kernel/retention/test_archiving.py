"""What is over with no money pending is put away: its claims go, its items keep their places, it never sells again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.app.check import check
from holdfast.kernel import checkout, inventory, retention
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import tasks as checkout_tasks
from holdfast.kernel.inventory import SalesClosed, claims, turn
from holdfast.kernel.inventory.models import claims as claims_table
from holdfast.kernel.inventory.models import counters, inventories, quantity_claims
from holdfast.kernel.retention import archiving
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time
from tests.toy_product import Room

pytestmark = pytest.mark.alone  # archiving looks at all there is, and so does the check


@dataclass(frozen=True)
class Left:
    """Rows that the hot tables have of a room."""

    claims: int
    quantities: int
    counters: int


async def left_of(database: Database, room: Room) -> Left:
    async with database.reader() as db:
        counts = [
            await db.scalar(sa.select(sa.func.count()).where(table.c.inventory_id == room.inventory.id))
            for table in (claims_table, quantity_claims, counters)
        ]
    return Left(*counts)


async def over(database: Database, time: Time, *rooms: Room) -> None:
    """They took place; what was sold is completed, and two days went by."""
    await time.forward(days=8)
    for room in rooms:
        inventory_id = room.inventory.id
        await database.run(partial(checkout.finish_occurrence, inventory_id=inventory_id, actor=Actor.system()))
        await checkout_tasks.finish_occurrence(database, {"inventory_id": str(inventory_id)})
    await checkout_tasks.sweep(database)
    await time.forward(days=2)


async def test_its_claims_go_and_its_items_keep_their_places(database: Database, time: Time) -> None:
    chairs = await builders.room(database)
    standing = await builders.room(database, shape="standing", places=30)
    booked = await builders.confirmed(database, chairs, [2, 5])
    await builders.confirmed(database, standing, count=4)
    await builders.confirmed(database, standing, count=3)
    await over(database, time, chairs, standing)
    before = await left_of(database, chairs), await left_of(database, standing)

    archived = await retention.archive(database)

    assert before == (Left(2, 0, 0), Left(0, 2, 1))
    assert (archived.inventories, archived.pending, archived.claims) == (2, 0, 4)
    assert await left_of(database, chairs) == await left_of(database, standing) == Left(0, 0, 0)
    now = await builders.inventory_of(database, chairs)
    assert (now.archived_at is not None, now.sold) == (True, 2)
    kept = (await builders.booking_of(database, booked.id)).hold.kept
    assert [item.slots for item in kept] == [(2,), (5,)]
    assert (await builders.told_of(database, entity_id=chairs.inventory.id)).actions[-1] == "inventory_archived"
    assert await check(database) == []


async def test_what_was_sold_of_it_looks_sold_ever_after(database: Database, time: Time) -> None:
    chairs = await builders.room(database)
    standing = await builders.room(database, shape="standing", places=30)
    booked = await builders.confirmed(database, chairs, [2, 5, 6])
    await builders.cancel(database, booked, [2])
    counted = await builders.confirmed(database, standing, count=4)
    await over(database, time, chairs, standing)

    await retention.archive(database)

    assert await builders.states_of(database, chairs) == {2: "sold", 5: "sold"}
    assert await builders.taken_of(database, standing) == 4
    chairs_id, standing_id = chairs.inventory.id, standing.inventory.id
    async with database.reader() as db:
        occupied = await inventory.occupied_slots(db, [chairs_id, standing_id], now=time.now)
        drawn = await inventory.claims_with_ends(db, chairs_id)
        whose = await inventory.slots_of_holds(db, chairs_id, [booked.hold_id], now=time.now)
        counted_whose = await inventory.slots_of_holds(db, standing_id, [counted.hold_id], now=time.now)
    assert occupied == {chairs_id: [2, 5], standing_id: []}
    assert drawn == ([(2, "sold", None), (5, "sold", None)], [])
    assert (whose, counted_whose) == ({2: booked.hold_id, 5: booked.hold_id}, {0: counted.hold_id})


async def test_an_interruption_anywhere_costs_nothing_and_is_taken_up_again(database: Database, time: Time) -> None:
    chairs = await builders.room(database)
    standing = await builders.room(database, shape="standing", places=30)
    for place in range(5):
        await builders.confirmed(database, chairs, [place])
        await builders.confirmed(database, standing, count=place + 1)
    await over(database, time, chairs, standing)
    found = []
    for room in (chairs, standing):
        inventory_id = room.inventory.id
        await database.run(partial(archiving.archive, inventory_id=inventory_id, before=time.now))
        found.append(await check(database))  # marked, nothing deleted yet
        await database.run(partial(archiving.empty, inventory_id=inventory_id, most=2))
        found.append(await check(database))  # two of five claims deleted
    halfway = await left_of(database, chairs), await left_of(database, standing)

    archived = await retention.archive(database, claims_at_once=2)
    again = await retention.archive(database)

    assert halfway == (Left(3, 0, 0), Left(0, 3, 1))
    assert found == [[], [], [], []]
    assert (archived.inventories, archived.claims) == (0, 6)
    assert (again.inventories, again.claims) == (0, 0)
    assert await left_of(database, chairs) == await left_of(database, standing) == Left(0, 0, 0)
    assert await check(database) == []


async def test_who_is_stopped_between_two_inventories_goes_on_with_the_next(database: Database, time: Time) -> None:
    rooms = [await builders.room(database) for _ in range(4)]
    for room in rooms:
        await builders.confirmed(database, room)
    await over(database, time, *rooms)
    seen: list[UUID] = []

    def stopped(inventory_id: UUID) -> None:
        seen.append(inventory_id)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await retention.archive(database, done=stopped)
    left = await retention.to_archive(database)
    archived = await retention.archive(database, done=seen.append)

    assert (left, archived.inventories) == (2, 2)
    assert sorted(seen) == sorted(room.inventory.id for room in rooms)
    assert await check(database) == []


async def test_money_that_comes_after_it_goes_back(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [1])
    payment = await builders.pending(database, held)
    await builders.confirmed(database, room, [2])
    await time.forward(hours=1)
    await checkout_tasks.sweep(database)
    await builders.settle(database, payment, status="expired")
    await over(database, time, room)
    await retention.archive(database)

    outcome = await builders.settle(database, payment)

    assert outcome == "refunded_late"
    assert (await builders.booking_of(database, payment.booking_id)).state == "expired"
    [refund] = await builders.refunds_of(database, payment.booking_id)
    assert (refund.amount, refund.status) == (payment.amount, "pending")
    await builders.refunded(database, refund)
    assert await left_of(database, room) == Left(0, 0, 0)
    assert await check(database) == []


async def test_it_never_sells_again(database: Database, time: Time) -> None:
    room = await builders.room(database)
    await over(database, time, room)
    await retention.archive(database)

    async def open_again() -> None:
        await builders.set_state(database, room, "on_sale")

    async def claim() -> None:
        async with database.transaction() as db, turn(db, room.inventory.id) as taken:
            await claims.take(taken, [0], hold_id=room.inventory.id, until=None)

    async def claim_quantity() -> None:
        async with database.transaction() as db, turn(db, room.inventory.id) as taken:
            await claims.take_quantities(taken, {0: 1}, hold_id=room.inventory.id, until=None, capacities={0: 5})

    async def move() -> None:
        later = time.now + timedelta(days=9)
        await database.run(
            lambda db: checkout.reschedule(db, room.inventory.id, starts_at=later, ends_at=later, actor=Actor.system())
        )

    doings: list[Callable[[], Awaitable[Any]]] = [open_again, claim, claim_quantity, move]
    doings.append(lambda: builders.hold(database, room))
    for doing in doings:
        with pytest.raises(SalesClosed):
            await doing()
    assert await left_of(database, room) == Left(0, 0, 0)


async def test_the_database_itself_refuses_to_archive_what_sells(database: Database) -> None:
    room = await builders.room(database)
    mark = sa.update(inventories).where(inventories.c.id == room.inventory.id).values(archived_at=inventories.c.ends_at)

    with pytest.raises(sa.exc.IntegrityError, match="archived_sells_no_more"):
        await database.run(lambda db: db.execute(mark))


async def _held(database: Database, room: Room, time: Time) -> None:
    await builders.hold(database, room)


async def _uncompleted(database: Database, room: Room, time: Time) -> None:
    await builders.confirmed(database, room)


async def _paying(database: Database, room: Room, time: Time) -> None:
    await builders.pending(database, await builders.hold(database, room))
    await time.forward(hours=1)
    await checkout_tasks.sweep(database)


async def _owed(database: Database, room: Room, time: Time) -> None:
    await builders.cancel(database, await builders.confirmed(database, room))


async def _owed_still(database: Database, room: Room, time: Time) -> None:
    booked = await builders.confirmed(database, room)
    await builders.cancel(database, booked)
    [refund] = await builders.refunds_of(database, booked.id)
    await builders.refunded(database, refund, status="failed")


@pytest.mark.parametrize("pending", [_held, _uncompleted, _paying, _owed, _owed_still])
async def test_what_has_something_pending_waits(
    database: Database, time: Time, pending: Callable[[Database, Room, Time], Awaitable[None]]
) -> None:
    room = await builders.room(database)
    await pending(database, room, time)
    await time.forward(days=8)
    await builders.set_state(database, room, "over")
    await time.forward(days=2)

    archived = await retention.archive(database)

    assert (archived.inventories, archived.pending) == (0, 1)
    assert (await builders.inventory_of(database, room)).archived_at is None


async def test_what_waits_keeps_nothing_behind_it_waiting(database: Database, time: Time) -> None:
    stuck = [await builders.room(database, starts_in=timedelta(hours=2)) for _ in range(3)]
    for room in stuck:
        await builders.confirmed(database, room)
        await builders.set_state(database, room, "over")
    fine = await builders.room(database)
    await over(database, time, fine)

    archived = await retention.archive(database, most=1)

    assert (archived.inventories, archived.pending) == (1, 3)
    assert (await builders.inventory_of(database, fine)).archived_at is not None


async def test_what_is_over_since_a_few_hours_or_to_come_or_on_sale_stays(database: Database, time: Time) -> None:
    lately = await builders.room(database, starts_in=timedelta(hours=1))
    await time.forward(hours=12)
    await builders.set_state(database, lately, "over")
    await builders.room(database, starts_in=timedelta(days=1))

    archived = await retention.archive(database)
    at_once = await retention.archive(database, ended_for=timedelta(0))

    assert (archived.inventories, archived.pending) == (0, 0)
    assert at_once.inventories == 1


async def test_what_was_cancelled_is_put_away_too(database: Database, time: Time) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room)
    await builders.hold(database, room, [3])
    cancelled = room.inventory.id
    await database.run(lambda db: checkout.cancel_occurrence(db, cancelled, actor=Actor.system(), reason=None))
    await checkout_tasks.cancel_occurrence(database, {"inventory_id": str(cancelled)})
    [refund] = await builders.refunds_of(database, booked.id)
    await builders.refunded(database, refund)
    await time.forward(days=9)

    archived = await retention.archive(database)

    assert archived.inventories == 1
    assert await builders.states_of(database, room) == {}
    assert await check(database) == []


async def test_a_claim_that_is_left_behind_is_found_by_the_check(database: Database, time: Time) -> None:
    room = await builders.room(database)
    await builders.confirmed(database, room)
    await over(database, time, room)
    await retention.archive(database)
    row = {"inventory_id": room.inventory.id, "slot": 7, "hold_id": room.inventory.id, "kind": "block"}
    async with database.transaction() as db:
        await db.execute(sa.insert(claims_table).values(row))

    assert [breach.name for breach in await check(database)] == ["claim_of_what_is_archived"]

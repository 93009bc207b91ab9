"""One order of changes an inventory, without gaps, in the order of their commits (spec, the turn)."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.kernel import holds
from holdfast.kernel.holds import SlotsTaken
from holdfast.kernel.inventory import InventoryNotFound, SkippedTurn, claims, turn
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders
from tests import toy_product as toy
from tests.builders import CLOCKS, Time
from tests.toy_product import Room


async def changes(database: Database, room: Room) -> list[tuple[int, list[Any]]]:
    """(seq, states) of the inventory's stream."""
    async with database.reader() as db:
        rows = await db.all(
            sa.text(
                "SELECT seq, payload FROM outbox"
                " WHERE kind = 'inventory.changed' AND inventory_id = :id ORDER BY position, id"
            )
            .bindparams(sa.bindparam("id", room.inventory.id, sa.Uuid))
            .columns(seq=sa.BigInteger, payload=sa.JSON)
        )
    return [(row.seq, row.payload["states"]) for row in rows]


async def test_every_visible_change_has_the_next_number_and_says_what_changed(database: Database, time: Time) -> None:
    room = await builders.room(database)
    end = (time.now + timedelta(minutes=15)).isoformat()

    held = await builders.hold(database, room, [1, 0])
    await builders.release(database, held)
    sold = await builders.confirmed(database, room, [2])
    await builders.cancel(database, sold)

    assert await changes(database, room) == [
        (1, [[0, "held", end], [1, "held", end]]),
        (2, [[0, "free", None], [1, "free", None]]),
        (3, [[2, "held", end]]),
        (4, [[2, "sold", None]]),
        (5, [[2, "free", None]]),
    ]


async def test_what_nobody_can_see_has_no_number(database: Database) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room)

    await builders.pending(database, held)  # the clock of the toy doesn't move at checkout

    assert (await builders.inventory_of(database, room)).seq == 1


async def test_facts_carry_the_number_of_their_change(database: Database) -> None:
    room = await builders.room(database)

    await builders.confirmed(database, room)

    async with database.reader() as db:
        rows = await db.all(
            sa.text("SELECT kind, seq FROM outbox WHERE inventory_id = :id ORDER BY id").bindparams(
                sa.bindparam("id", room.inventory.id, sa.Uuid)
            )
        )
    assert [(row.kind, row.seq) for row in rows] == [
        ("inventory.changed", 1),
        ("HoldPlaced", 1),
        ("inventory.changed", 2),
        ("BookingConfirmed", 2),
        ("PaymentCompleted", 2),
    ]


async def test_a_turn_that_fails_leaves_nothing_behind(database: Database) -> None:
    room = await builders.room(database)
    await builders.hold(database, room, [0])

    with pytest.raises(SlotsTaken):
        await builders.hold(database, room, [0, 1])

    assert len(await changes(database, room)) == 1


async def test_numbers_have_no_gap_however_many_change_at_once(database: Database) -> None:
    room = await builders.room(database, places=12)

    async def buy(number: int) -> None:
        held = await builders.hold(database, room, [number])
        if number % 3:
            await builders.release(database, held)

    await asyncio.gather(*(buy(number) for number in range(12)))

    seqs = [seq for seq, _ in await changes(database, room)]
    assert seqs == list(range(1, (await builders.inventory_of(database, room)).seq + 1))
    assert len(seqs) == 12 + 8


async def test_the_moment_is_read_after_the_turn_was_waited_for(database: Database) -> None:
    """Who waited decides by what the clock says then, not by what it said when they asked."""
    room = await builders.room(database)
    got_turn, may_end = asyncio.Event(), asyncio.Event()
    moments = []

    async def first() -> None:
        async with database.transaction() as db, turn(db, room.inventory.id):
            got_turn.set()
            await may_end.wait()
            moments.append(await clock.moment(db))

    async def second() -> None:
        await got_turn.wait()
        async with database.transaction() as db, turn(db, room.inventory.id) as taken:
            moments.append(taken.now)

    waiting = [asyncio.create_task(first()), asyncio.create_task(second())]
    await got_turn.wait()
    await asyncio.sleep(0.05)
    may_end.set()
    await asyncio.gather(*waiting)

    assert moments == sorted(moments)


async def test_an_inventory_that_is_not_there_has_no_turn(database: Database) -> None:
    async with database.transaction() as db:
        with pytest.raises(InventoryNotFound):
            async with turn(db, new_id()):
                pass
        with pytest.raises(SkippedTurn):
            async with turn(db, new_id(), wait=False):
                pass


# Races


@pytest.mark.parametrize("shape", ["chairs", "days"])
async def test_of_forty_who_want_one_place_exactly_one_gets_it(database: Database, shape: toy.Shape) -> None:
    room = await builders.room(database, shape=shape)

    outcomes = await asyncio.gather(*(builders.hold(database, room, [3]) for _ in range(40)), return_exceptions=True)

    lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(lost) == 39
    assert all(isinstance(each, SlotsTaken) and len(each.labels) == 1 for each in lost)


async def test_of_forty_who_want_a_counted_place_as_many_get_one_as_there_are(database: Database) -> None:
    room = await builders.room(database, shape="standing", places=7)

    outcomes = await asyncio.gather(*(builders.hold(database, room) for _ in range(40)), return_exceptions=True)

    assert sum(isinstance(outcome, SlotsTaken) for outcome in outcomes) == 33
    assert await builders.taken_of(database, room) == 7


async def test_who_asks_for_the_same_places_in_another_order_never_deadlocks(database: Database) -> None:
    room = await builders.room(database)

    outcomes = await asyncio.gather(
        *(
            builders.hold(database, room, order)
            for _ in range(8)
            for order in ([0, 1, 2], [2, 1, 0], [1, 2, 3], [3, 2, 1])
        ),
        return_exceptions=True,
    )

    held = [outcome for outcome in outcomes if isinstance(outcome, holds.Hold)]
    assert len(held) == 1
    assert all(isinstance(outcome, (SlotsTaken, holds.Hold)) for outcome in outcomes)
    assert len(await builders.states_of(database, room)) == 3


async def test_a_key_sent_twice_at_once_gives_one_hold(database: Database) -> None:
    room, owner = await builders.room(database), builders.user_actor()

    placed = await asyncio.gather(*(builders.place(database, room, [0], owner=owner, key="k") for _ in range(10)))

    assert len({held.id for held, _ in placed}) == 1
    assert sum(is_replay for _, is_replay in placed) == 9


async def test_the_same_money_told_ten_times_at_once_is_captured_once(database: Database) -> None:
    payment = await builders.pending(database, await builders.hold(database, await builders.room(database)))

    outcomes = await asyncio.gather(*(builders.settle(database, payment) for _ in range(10)))

    assert sorted(outcomes) == ["confirmed"] + ["unchanged"] * 9


async def test_a_hold_that_is_released_and_paid_at_once_ends_one_way(database: Database) -> None:
    for _ in range(5):
        room = await builders.room(database)
        booked = await builders.booking(database, room)
        (payment,) = await builders.payments_of(database, booked.id)

        outcome, _ = await asyncio.gather(
            builders.settle(database, payment), builders.release(database, booked.hold), return_exceptions=True
        )

        state = (await builders.booking_of(database, booked.id)).state
        assert (outcome, state) in {("confirmed", "confirmed"), ("refunded_released", "cancelled")}


async def test_two_who_cancel_at_once_are_paid_back_once(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1])

    await asyncio.gather(*(builders.cancel(database, booked) for _ in range(5)), return_exceptions=True)

    (refund,) = await builders.refunds_of(database, booked.id)
    assert refund.amount == 2000


async def test_sorted_writes_show_in_the_order_of_the_statement(database: Database) -> None:
    room = await builders.room(database)
    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        await claims.take(taken, [5, 1, 3], hold_id=new_id(), until=taken.now + CLOCKS.cap)

        assert list(taken.states) == [1, 3, 5]

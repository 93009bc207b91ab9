"""What the turn is for: of two that meet at an inventory, the second sees what the first has done.

Each meeting is brought about on purpose: the first transaction has done everything but commit when the second begins.
The same meeting without the guard shows what would become of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.app.check import check
from holdfast.kernel import bookings, checkout, holds
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import AlreadyCancelled, Booking, Cancellation
from holdfast.kernel.checkout import tasks
from holdfast.kernel.holds import Hold, SlotsTaken
from holdfast.kernel.inventory import OccurrenceCancelled, turn
from holdfast.kernel.payments import Payment
from holdfast.kit.db import Database, Transaction
from tests import builders, toy_product
from tests.builders import CLOCKS
from tests.races.racing import at_once, drop_key_of_claims, while_open, without
from tests.toy_product import Room

postgresql_only = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
REPLACING = replace(toy_product.LIMITS, second_hold="replace")


def placing(room: Room, places: Sequence[int], owner: Actor) -> partial[Any]:
    wish = toy_product.wish(room, places, owner=owner.user_id)
    return partial(holds.place, wish=wish, actor=owner, clocks=CLOCKS)


def cancelling_occurrence(room: Room) -> partial[Any]:
    return partial(checkout.cancel_occurrence, inventory_id=room.inventory.id, actor=Actor.system(), reason=None)


def settling(payment: Payment) -> partial[Any]:
    state = builders.told(payment)
    return partial(checkout.settle, payment_id=payment.id, state=state, clocks=CLOCKS)


def cancelling(booked: Booking) -> partial[Any]:
    owner = builders.user_actor(booked.owner_id)
    return partial(checkout.cancel, booking_id=booked.id, items=None, reason=None, quote_id=None, actor=owner)


async def expiring(db: Transaction, booking_id: UUID) -> bool:
    """What the sweeper does with one pending booking."""
    found = await bookings.find(db, booking_id)
    async with turn(db, found.inventory_id) as taken:
        booking = await bookings.find(db, booking_id)
        return booking.state == "pending" and await bookings.expire(taken, booking)


async def payment_of(database: Database, booked: Booking) -> Payment:
    return (await builders.payments_of(database, booked.id))[0]


async def claims_of(database: Database, room: Room) -> list[tuple[int, UUID]]:
    async with database.reader() as db:
        rows = await db.all(
            sa.text("SELECT slot, hold_id FROM claims WHERE inventory_id = :room ORDER BY slot")
            .bindparams(sa.bindparam("room", room.inventory.id, sa.Uuid))
            .columns(slot=sa.Integer, hold_id=sa.Uuid)
        )
    return [(row.slot, row.hold_id) for row in rows]


# Two customers, one place


async def test_the_second_of_two_who_want_a_place_at_once_is_told_its_name(database: Database) -> None:
    room = await builders.room(database)
    people = [builders.user_actor() for _ in range(2)]

    (held, _), refused = await while_open(database, *(placing(room, [0, 1], person) for person in people))

    assert isinstance(refused, SlotsTaken)
    assert refused.labels == ["C1", "C2"]
    assert await claims_of(database, room) == [(0, held.id), (1, held.id)]


@pytest.mark.alone
@postgresql_only
async def test_without_turn_and_primary_key_a_place_is_claimed_twice(database: Database, database_url: str) -> None:
    """Either of the two alone still refuses the second."""
    room = await builders.room(database)
    people = [builders.user_actor() for _ in range(2)]
    await drop_key_of_claims(database)

    async with without(database_url, "turn", "pk") as bare:
        both = await while_open(bare, *(placing(room, [0], person) for person in people))

    assert [slot for slot, _ in await claims_of(database, room)] == [0, 0]
    assert all(isinstance(held, Hold) for held, _ in both)
    assert (1, "slot_claimed_twice") in {(breach.line, breach.name) for breach in await check(database)}


@postgresql_only
@pytest.mark.parametrize("guard", ["turn", "pk"])
async def test_either_of_turn_and_primary_key_alone_keeps_a_place_for_one(
    database: Database, database_url: str, guard: str
) -> None:
    """With `pk` left out the constraint still stands here, so the turn is what refuses first."""
    room = await builders.room(database)
    people = [builders.user_actor() for _ in range(8)]

    async with without(database_url, guard) as bare:
        tries = [bare.run(placing(room, [0], person)) for person in people]
        came = await at_once(*tries)

    assert sorted(type(each).__name__ for each in came) == ["SlotsTaken"] * 7 + ["tuple"]
    assert len(await claims_of(database, room)) == 1


# A sale and the end of the sale


async def test_nothing_is_held_once_the_occurrence_is_cancelled(database: Database) -> None:
    room = await builders.room(database)

    _, refused = await while_open(database, cancelling_occurrence(room), placing(room, [0], builders.user_actor()))

    assert isinstance(refused, OccurrenceCancelled)
    assert await claims_of(database, room) == []


@postgresql_only
async def test_without_turn_a_hold_slips_past_a_cancellation(database: Database, database_url: str) -> None:
    room = await builders.room(database)

    async with without(database_url, "turn") as bare:
        _, (held, _) = await while_open(bare, cancelling_occurrence(room), placing(room, [0], builders.user_actor()))

    assert (await builders.inventory_of(database, room)).state == "cancelled"
    assert await claims_of(database, room) == [(0, held.id)]
    facts = (await builders.told_of(database, inventory_id=room.inventory.id)).facts
    assert sorted(facts) == ["HoldPlaced", "OccurrenceWasCancelled"]


async def test_money_that_meets_the_cancellation_goes_back(database: Database) -> None:
    room = await builders.room(database)
    booked = await builders.booking(database, room)

    _, how = await while_open(database, cancelling_occurrence(room), settling(await payment_of(database, booked)))

    refunds = await builders.refunds_of(database, booked.id)
    assert how == "refunded_provider_cancelled"
    assert [(refund.amount, refund.why) for refund in refunds] == [(1000, "provider_cancelled")]
    assert (await builders.booking_of(database, booked.id)).state == "cancelled"


async def test_a_booking_confirmed_as_the_occurrence_is_cancelled_is_refunded_by_the_job(database: Database) -> None:
    room = await builders.room(database)
    booked = await builders.booking(database, room)

    how, _ = await while_open(database, settling(await payment_of(database, booked)), cancelling_occurrence(room))
    await tasks.cancel_occurrence(database, {"inventory_id": str(room.inventory.id)})

    assert how == "confirmed"
    assert (await builders.booking_of(database, booked.id)).state == "cancelled"
    assert [refund.amount for refund in await builders.refunds_of(database, booked.id)] == [1000]


@postgresql_only
async def test_without_turn_a_booking_is_confirmed_on_what_was_cancelled(database: Database, database_url: str) -> None:
    """It even takes the cancellation back, for it writes the state that it has read."""
    room = await builders.room(database)
    booked = await builders.booking(database, room)
    payment = await payment_of(database, booked)

    async with without(database_url, "turn") as bare:
        _, how = await while_open(bare, cancelling_occurrence(room), settling(payment))

    assert how == "confirmed"
    assert (await builders.booking_of(database, booked.id)).state == "confirmed"
    assert (await builders.inventory_of(database, room)).state == "on_sale"


# A payment and the end of its time


@pytest.mark.parametrize("confirms_first", [True, False])
async def test_confirm_and_expiry_in_any_order_leave_it_sold(database: Database, confirms_first: bool) -> None:
    """Money that comes as the clock ends is honoured where the places are free: whoever comes first."""
    room = await builders.room(database)
    async with builders.standing_clock(database) as time:
        booked = await builders.booking(database, room)
        payment = await payment_of(database, booked)
        await time.to(booked.expires_at)
        verbs = [settling(payment), partial(expiring, booking_id=booked.id)]

        came = await while_open(database, *(verbs if confirms_first else reversed(verbs)))

    assert came == (("confirmed", False) if confirms_first else (True, "confirmed"))
    assert (await builders.booking_of(database, booked.id)).state == "confirmed"
    assert await claims_of(database, room) == [(0, booked.hold_id)]
    assert await builders.refunds_of(database, booked.id) == []


@postgresql_only
async def test_without_turn_and_state_recheck_what_was_paid_expires(database: Database, database_url: str) -> None:
    """Either of the two alone still protects: the sweeper reads under the turn, and writes only where it is pending."""
    room = await builders.room(database)
    async with builders.standing_clock(database) as time:
        booked = await builders.booking(database, room)
        payment = await payment_of(database, booked)
        await time.to(booked.expires_at)

        async with without(database_url, "turn", "state_recheck") as bare:
            came = await while_open(bare, settling(payment), partial(expiring, booking_id=booked.id))

    assert came == ("confirmed", True)
    assert (await builders.booking_of(database, booked.id)).state == "expired"
    assert (await builders.payment_of(database, payment.id)).status == "completed"
    assert await claims_of(database, room) == []
    assert await builders.refunds_of(database, booked.id) == []


@postgresql_only
@pytest.mark.parametrize("guard", ["turn", "state_recheck"])
async def test_either_of_turn_and_state_recheck_alone_keeps_what_was_paid(
    database: Database, database_url: str, guard: str
) -> None:
    room = await builders.room(database)
    async with builders.standing_clock(database) as time:
        booked = await builders.booking(database, room)
        payment = await payment_of(database, booked)
        await time.to(booked.expires_at)

        async with without(database_url, guard) as bare:
            came = await while_open(bare, settling(payment), partial(expiring, booking_id=booked.id))

    assert came == ("confirmed", False)
    assert (await builders.booking_of(database, booked.id)).state == "confirmed"


# Two cancellations, two notices, two replacements


async def test_two_cancellations_at_once_refund_once(database: Database) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room, [0, 1])

    done, refused = await while_open(database, cancelling(booked), cancelling(booked))

    assert isinstance(done, Cancellation)
    assert isinstance(refused, AlreadyCancelled)
    assert [refund.amount for refund in await builders.refunds_of(database, booked.id)] == [2000]


@postgresql_only
async def test_without_turn_the_second_cancellation_goes_astray(database: Database, database_url: str) -> None:
    """It does not see the first, and goes on until a conditional write that no test can leave out finds no row."""
    room = await builders.room(database)
    booked = await builders.confirmed(database, room, [0, 1])

    async with without(database_url, "turn", "state_recheck") as bare:
        _, astray = await while_open(bare, cancelling(booked), cancelling(booked))

    assert isinstance(astray, AssertionError)
    assert [refund.amount for refund in await builders.refunds_of(database, booked.id)] == [2000]


async def test_two_notices_of_one_payment_have_one_effect(database: Database) -> None:
    """Here not even leaving the turn out shows: the payment's own row is locked too (see the next test)."""
    room = await builders.room(database)
    booked = await builders.booking(database, room)
    payment = await payment_of(database, booked)

    came = await while_open(database, settling(payment), settling(payment))

    assert came == ("confirmed", "unchanged")
    assert (await builders.payment_of(database, payment.id)).captured == 1000


@postgresql_only
async def test_without_any_named_guard_the_lock_of_the_payment_still_lets_one_notice_through(
    database: Database, database_url: str
) -> None:
    room = await builders.room(database)
    booked = await builders.booking(database, room)
    payment = await payment_of(database, booked)

    async with without(database_url, "turn", "state_recheck", "sorted", "key") as bare:
        came = await while_open(bare, settling(payment), settling(payment))

    assert came == ("confirmed", "unchanged")
    assert (await builders.inventory_of(database, room)).sold == 1


async def test_of_two_replacements_at_once_the_last_stands_alone(database: Database) -> None:
    room = await builders.room(database, limits=REPLACING)
    owner = builders.user_actor()
    await builders.hold(database, room, [0, 1], owner=owner)

    (first, _), (last, _) = await while_open(database, placing(room, [1, 2], owner), placing(room, [2, 3], owner))

    assert (await builders.hold_of(database, first)).state == "cancelled"
    assert await claims_of(database, room) == [(2, last.id), (3, last.id)]


@postgresql_only
async def test_without_turn_the_second_replacement_runs_into_the_last_constraint(
    database: Database, database_url: str
) -> None:
    """One live owner an inventory: the database itself refuses, as an error that no customer should meet."""
    room = await builders.room(database, limits=REPLACING)
    owner = builders.user_actor()
    await builders.hold(database, room, [0, 1], owner=owner)

    async with without(database_url, "turn", "state_recheck") as bare:
        (first, _), astray = await while_open(bare, placing(room, [1, 2], owner), placing(room, [3, 4], owner))

    assert isinstance(astray, IntegrityError)
    assert await claims_of(database, room) == [(1, first.id), (2, first.id)]

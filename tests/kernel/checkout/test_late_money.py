"""Money that comes after the clock: honoured where everything is still to be had, else all of it goes back.

Spec, kernel 7: decided by reading under the turn, swept or not.
"""

from datetime import timedelta

import pytest

from holdfast.kernel import inventory, tickets
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking
from holdfast.kernel.checkout import cancel_occurrence, tasks
from holdfast.kernel.inventory import Limits, turn
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time
from tests.toy_product import Room

LEAST = timedelta(microseconds=1)
MANY_HOLDS = Limits(items_max=10, hold_seconds=900, second_hold="refuse", chain_seconds=100_000)
pytestmark = pytest.mark.parametrize("is_swept", [False, True], ids=["unswept", "swept"])


async def lapsed(
    database: Database, time: Time, room: Room, *, is_swept: bool, places: tuple[int, ...] = (0, 1), count: int = 1
) -> Booking:
    """A pending booking whose moment has passed."""
    booked = await builders.booking(database, room, places, count=count)
    await time.to(booked.expires_at)
    if is_swept:
        await sweep(database, booked)
    return booked


async def sweep(database: Database, booked: Booking) -> None:
    while await tasks.sweep(database):
        pass
    assert (await builders.booking_of(database, booked.id)).state == "expired"


async def pays_late(database: Database, booked: Booking) -> str:
    return await builders.settle(database, (await builders.payments_of(database, booked.id))[0])


@pytest.mark.parametrize("shape", ["chairs", "days", "standing"])
async def test_it_is_honoured_where_nobody_took_the_places(
    database: Database, time: Time, shape: str, is_swept: bool
) -> None:
    room = await builders.room(database, shape=shape)  # type: ignore[arg-type]
    booked = await lapsed(database, time, room, is_swept=is_swept, count=2)

    outcome = await pays_late(database, booked)

    after = await builders.booking_of(database, booked.id)
    async with database.reader() as db:
        issued = (await tickets.of_bookings(db, [booked.id]))[booked.id]
    told = await builders.told_of(database, inventory_id=room.inventory.id)
    assert (outcome, after.state, after.total, after.ended_at) == ("confirmed", "confirmed", 2000, None)
    assert len(issued) == 2
    assert (await builders.inventory_of(database, room)).sold == 2
    assert told.facts[-2:] == ["BookingConfirmed", "PaymentCompleted"]


async def test_it_is_honoured_where_others_held_the_places_and_lapsed_too(
    database: Database, time: Time, is_swept: bool
) -> None:
    room = await builders.room(database)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    other = await builders.hold(database, room, [1, 2])
    await time.to(other.expires_at)

    outcome = await pays_late(database, booked)

    assert outcome == "confirmed"
    assert await builders.states_of(database, room) == {0: "sold", 1: "sold"}


async def test_it_is_refunded_where_one_place_is_held_by_somebody_else(
    database: Database, time: Time, is_swept: bool
) -> None:
    room = await builders.room(database)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    other = await builders.hold(database, room, [1, 2])

    outcome = await pays_late(database, booked)

    after, payment = (
        await builders.booking_of(database, booked.id),
        (await builders.payments_of(database, booked.id))[0],
    )
    (refund,) = await builders.refunds_of(database, booked.id)
    assert (outcome, after.state, after.refund_state) == ("refunded_late", "expired", "pending")
    assert (payment.status, payment.captured, payment.refund_reserved) == ("completed", 2000, 2000)
    assert (refund.amount, refund.why, refund.cancellation_id) == (2000, "late", None)
    assert (await builders.hold_of(database, other)).state == "active"
    assert await builders.states_of(database, room) == {1: "held", 2: "held"}


async def test_it_is_refunded_fees_and_all_where_the_places_were_sold(
    database: Database, time: Time, is_swept: bool
) -> None:
    room = await builders.room(database)
    booked = await builders.booking(database, room, [0], fee=100)
    await time.to(booked.expires_at)
    if is_swept:
        await sweep(database, booked)
    await builders.confirmed(database, room, [0])

    outcome = await pays_late(database, booked)

    (refund,) = await builders.refunds_of(database, booked.id)
    assert (outcome, refund.amount) == ("refunded_late", 1100)
    assert (await builders.inventory_of(database, room)).sold == 1


async def test_of_counted_places_it_is_refunded_where_too_few_are_left(
    database: Database, time: Time, is_swept: bool
) -> None:
    room = await builders.room(database, shape="standing", places=5)
    booked = await lapsed(database, time, room, is_swept=is_swept, count=3)
    await builders.hold(database, room, count=3)

    outcome = await pays_late(database, booked)

    assert outcome == "refunded_late"
    assert await builders.taken_of(database, room) == 3


async def test_the_owners_own_other_unpaid_hold_gives_way(database: Database, time: Time, is_swept: bool) -> None:
    room = await builders.room(database, limits=MANY_HOLDS)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    owner = builders.user_actor(booked.owner_id)
    again = await builders.hold(database, room, [1, 2], owner=owner)

    outcome = await pays_late(database, booked)

    assert outcome == "confirmed"
    assert (await builders.hold_of(database, again)).state == "cancelled"
    assert await builders.states_of(database, room) == {0: "sold", 1: "sold"}


async def test_the_owners_own_other_pending_booking_gives_way(database: Database, time: Time, is_swept: bool) -> None:
    room = await builders.room(database, limits=MANY_HOLDS)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    again = await builders.booking(database, room, [0, 1], owner=builders.user_actor(booked.owner_id))

    outcome = await pays_late(database, booked)

    assert outcome == "confirmed"
    assert (await builders.booking_of(database, again.id)).state == "cancelled"
    assert await pays_late(database, again) == "refunded_released"


async def test_of_counted_places_the_owners_own_unpaid_hold_gives_way_too(
    database: Database, time: Time, is_swept: bool
) -> None:
    room = await builders.room(database, shape="standing", places=5, limits=MANY_HOLDS)
    booked = await lapsed(database, time, room, is_swept=is_swept, count=3)
    again = await builders.hold(database, room, count=4, owner=builders.user_actor(booked.owner_id))

    outcome = await pays_late(database, booked)

    assert outcome == "confirmed"
    assert (await builders.hold_of(database, again)).state == "cancelled"
    assert await builders.taken_of(database, room) == 3


async def test_an_own_hold_elsewhere_in_the_room_stays(database: Database, time: Time, is_swept: bool) -> None:
    room = await builders.room(database, limits=MANY_HOLDS)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    again = await builders.hold(database, room, [5], owner=builders.user_actor(booked.owner_id))

    outcome = await pays_late(database, booked)

    assert outcome == "confirmed"
    assert (await builders.hold_of(database, again)).state == "active"


async def test_what_the_owner_bought_meanwhile_does_not_give_way(
    database: Database, time: Time, is_swept: bool
) -> None:
    room = await builders.room(database, limits=MANY_HOLDS)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    bought = await builders.confirmed(database, room, [1], owner=builders.user_actor(booked.owner_id))

    outcome = await pays_late(database, booked)

    assert outcome == "refunded_late"
    assert (await builders.booking_of(database, bought.id)).state == "confirmed"


async def test_news_is_good_for_a_day_and_not_a_microsecond_longer(
    database: Database, time: Time, is_swept: bool
) -> None:
    room = await builders.room(database)
    good, stale = [await builders.booking(database, room, [number]) for number in (0, 1)]
    await time.to(good.expires_at)
    if is_swept:
        await sweep(database, good)
    await time.to(good.expires_at + timedelta(hours=24))

    assert await pays_late(database, good) == "confirmed"
    await time.forward(microseconds=1)
    assert await pays_late(database, stale) == "refunded_late"


async def test_nothing_is_honoured_once_it_has_started(database: Database, time: Time, is_swept: bool) -> None:
    room = await builders.room(database, starts_in=timedelta(hours=1))
    good, started = [await builders.booking(database, room, [number]) for number in (0, 1)]
    await time.to(good.expires_at)
    if is_swept:
        await sweep(database, good)
    await time.to(room.inventory.starts_at - LEAST)

    assert await pays_late(database, good) == "confirmed"
    await time.forward(microseconds=1)
    assert await pays_late(database, started) == "refunded_late"


async def test_it_is_refunded_where_its_place_was_taken_out(database: Database, time: Time, is_swept: bool) -> None:
    room = await builders.room(database)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    async with database.transaction() as db, inventory.turn(db, room.inventory.id) as taken:
        kept = [place for place in room.layout.places if place.number]
        smaller = await inventory.next_layout(db, room.layout, places=kept, now=taken.now)
        inventory.use_layout(taken, smaller, prices=taken.inventory.prices)

    assert await pays_late(database, booked) == "refunded_late"


@pytest.mark.parametrize("state", ["closed", "over", "draft"])
async def test_nothing_is_honoured_where_nothing_is_on_sale(
    database: Database, time: Time, state: str, is_swept: bool
) -> None:
    room = await builders.room(database)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    await builders.set_state(database, room, state)  # type: ignore[arg-type]

    assert await pays_late(database, booked) == "refunded_late"


async def test_it_may_buy_the_last_places_of_what_is_sold_out_to_its_own_hold(
    database: Database, time: Time, is_swept: bool
) -> None:
    room = await builders.room(database, places=2)
    booked = await lapsed(database, time, room, is_swept=is_swept, places=(0,))
    await builders.confirmed(database, room, [1])

    assert await pays_late(database, booked) == "confirmed"
    assert (await builders.inventory_of(database, room)).state == "sold_out"


async def test_money_for_a_cancelled_occurrence_is_refunded(database: Database, time: Time, is_swept: bool) -> None:
    room = await builders.room(database)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    await database.run(lambda db: cancel_occurrence(db, room.inventory.id, actor=Actor.system(), reason=None))

    assert await pays_late(database, booked) == "refunded_provider_cancelled"


async def test_price_and_terms_are_those_of_the_day_it_was_held(database: Database, time: Time, is_swept: bool) -> None:
    room = await builders.room(database)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        taken.set(prices={"standard": 99_999}, version=taken.inventory.version + 1)

    assert await pays_late(database, booked) == "confirmed"
    assert (await builders.booking_of(database, booked.id)).total == 2000


async def test_it_is_applied_once(database: Database, time: Time, is_swept: bool) -> None:
    room = await builders.room(database)
    booked = await lapsed(database, time, room, is_swept=is_swept)
    await builders.hold(database, room, [0])

    outcomes = [await pays_late(database, booked) for _ in range(3)]

    assert outcomes == ["refunded_late", "unchanged", "unchanged"]
    assert len(await builders.refunds_of(database, booked.id)) == 1

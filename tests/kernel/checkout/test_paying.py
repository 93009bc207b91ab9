"""Hold -> pay -> confirm, and every payment that cannot pay (spec, kernel 3 to 5; money)."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from holdfast.kernel import ledger, tickets
from holdfast.kernel.holds import HoldEnded, HoldExpired
from holdfast.kernel.inventory import Limits, OccurrenceCancelled
from holdfast.kernel.payments import AlreadyPaid, AmountMismatch, TooLateToPay
from holdfast.kit import clock, jobs
from holdfast.kit.db import Database
from holdfast.kit.money import Money
from tests import builders
from tests.builders import Time

LEAST = timedelta(microseconds=1)
#: As cinema has it: a clock of its own to pay, and five minutes more after a failed try.
TWO_CLOCKS = Limits(items_max=10, hold_seconds=300, pay_seconds=900, retry_seconds=300)


async def posted(database: Database, kind: str, cause: object) -> dict[str, int]:
    async with database.reader() as db:
        return dict(await ledger.posted(db, cause_kind=kind, cause_id=cause))  # type: ignore[arg-type]


# Checkout


async def test_checkout_makes_the_hold_a_pending_booking_with_one_open_payment(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [0, 1], fee=100)

    payment = await builders.pending(database, held)

    booked = await builders.booking_of(database, payment.booking_id)
    assert (booked.state, booked.total, booked.hold.state) == ("pending", 2100, "converted")
    assert booked.expires_at == held.expires_at == payment.expires_at
    assert (payment.amount, payment.fare_amount, payment.service_fee) == (2100, 2000, 100)
    assert (payment.status, payment.captured) == ("initiated", 0)
    assert await builders.states_of(database, room) == {0: "held", 1: "held"}


async def test_going_to_the_till_again_gives_the_same_payment(database: Database) -> None:
    held = await builders.hold(database, await builders.room(database))

    first = await builders.open_payment(database, held)
    again = await builders.open_payment(database, held)

    assert (first.payment_id, first.is_new, again.is_new) == (again.payment_id, True, False)


async def test_another_method_asks_for_the_first_checkout_to_be_ended(database: Database) -> None:
    held = await builders.hold(database, await builders.room(database))
    first = await builders.open_payment(database, held)

    other = await builders.open_payment(database, held, method="wallet")

    assert (other.to_end_first, other.payment_id) == (first.payment_id, None)


async def test_the_clock_moves_at_the_first_checkout_only(database: Database, time: Time) -> None:
    held = await builders.hold(database, await builders.room(database, limits=TWO_CLOCKS))
    await time.forward(minutes=3)
    first = await builders.pending(database, held)
    await time.forward(minutes=2)

    again = await builders.pending(database, held)

    assert first.expires_at == again.expires_at == held.placed_at + timedelta(minutes=18)
    assert (await builders.hold_of(database, held)).expires_at == first.expires_at


async def test_the_clock_of_the_checkout_never_passes_the_cap(database: Database, time: Time) -> None:
    limits = Limits(items_max=10, hold_seconds=900, pay_seconds=1200)
    held = await builders.hold(database, await builders.room(database, limits=limits))
    await time.forward(minutes=14)

    payment = await builders.pending(database, held)

    assert payment.expires_at == held.first_claimed_at + timedelta(minutes=30)


async def test_a_client_s_amount_is_only_compared(database: Database) -> None:
    held = await builders.hold(database, await builders.room(database))

    with pytest.raises(AmountMismatch) as refusal:
        await builders.open_payment(database, held, amount=Money(999, "EGP"))
    with pytest.raises(AmountMismatch):
        await builders.open_payment(database, held, amount=Money(1000, "USD"))
    await builders.open_payment(database, held, amount=Money(1000, "EGP"))

    assert (refusal.value.amount, refusal.value.currency) == ("10.00", "EGP")


async def test_a_payment_is_opened_while_two_minutes_are_left_and_not_a_microsecond_later(
    database: Database, time: Time
) -> None:
    room = await builders.room(database)
    in_time, too_late = await builders.hold(database, room, [0]), await builders.hold(database, room, [1])

    await time.to(in_time.expires_at - timedelta(seconds=120))
    await builders.pending(database, in_time)
    await time.forward(microseconds=1)
    with pytest.raises(TooLateToPay):
        await builders.open_payment(database, too_late)

    assert (await builders.hold_of(database, too_late)).state == "active"


async def test_an_open_payment_is_given_again_however_late_it_is(database: Database, time: Time) -> None:
    held = await builders.hold(database, await builders.room(database))
    first = await builders.pending(database, held)

    await time.to(held.expires_at - LEAST)

    assert (await builders.pending(database, held)).id == first.id


async def test_too_late_for_another_method_leaves_the_first_checkout_open(database: Database, time: Time) -> None:
    held = await builders.hold(database, await builders.room(database))
    first = await builders.pending(database, held)

    await time.to(held.expires_at - timedelta(seconds=120) + LEAST)

    with pytest.raises(TooLateToPay):
        await builders.open_payment(database, held, method="wallet")
    assert (await builders.payment_of(database, first.id)).is_open


async def test_what_its_provider_cancelled_is_not_paid_any_more(database: Database) -> None:
    room = await builders.room(database, price=0)
    held = await builders.hold(database, room)
    await builders.set_state(database, room, "cancelled")

    with pytest.raises(OccurrenceCancelled):
        await builders.open_payment(database, held)


async def test_what_lapsed_was_released_or_is_paid_is_not_paid_again(database: Database, time: Time) -> None:
    room = await builders.room(database)
    paid = await builders.confirmed(database, room, [0])
    released, lapsed = [await builders.hold(database, room, [number]) for number in (1, 2)]
    released_booking = await builders.booking(database, room, [3])
    await builders.release(database, released)
    await builders.release(database, released_booking.hold)
    await time.to(lapsed.expires_at)

    for held, why in (
        (paid.hold, AlreadyPaid),
        (released, HoldEnded),
        (released_booking.hold, HoldEnded),
        (lapsed, HoldExpired),
    ):
        with pytest.raises(why):
            await builders.open_payment(database, held)
        with pytest.raises(why):
            await builders.release(database, held)


async def test_a_total_of_zero_confirms_at_once(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [0, 1], prices=[0, 0])
    await time.to(held.expires_at - LEAST)

    opened = await builders.open_payment(database, held)

    booked = await builders.booking_of(database, opened.booking_id)
    assert (opened.payment_id, booked.state) == (None, "confirmed")
    assert await builders.payments_of(database, booked.id) == []
    assert await builders.states_of(database, room) == {0: "sold", 1: "sold"}


# Confirm


async def test_proved_money_confirms_everything_in_one_change(database: Database, time: Time) -> None:
    who = await builders.provider(database, platform_fee_bps=333)
    room = await builders.room(database, provider_id=who.id)
    payment = await builders.pending(database, await builders.hold(database, room, [0, 1], fee=100))
    before = await builders.inventory_of(database, room)
    await time.forward(minutes=14)

    outcome = await builders.settle(database, payment, fee=37)

    booked = await builders.booking_of(database, payment.booking_id)
    paid = await builders.payment_of(database, payment.id)
    after = await builders.inventory_of(database, room)
    async with database.reader() as db:
        issued = (await tickets.of_bookings(db, [booked.id]))[booked.id]
    assert (outcome, booked.state, booked.confirmed_at) == ("confirmed", "confirmed", time.now)
    assert (paid.status, paid.captured, paid.gateway_fee, paid.gateway_reference) == (
        "completed",
        2100,
        37,
        f"ref-{payment.id}",
    )
    assert await builders.states_of(database, room) == {0: "sold", 1: "sold"}
    assert (after.sold, after.seq) == (2, before.seq + 1)
    assert [(ticket.item_number, ticket.label, ticket.state) for ticket in issued] == [
        (0, "C1", "valid"),
        (1, "C2", "valid"),
    ]
    assert await posted(database, "payment", payment.id) == {
        "fare": 1933,
        "platform_fee": 67,
        "service_fee": 100,
        "gateway_fee": 37,
    }


async def test_what_is_sold_does_not_lapse(database: Database, time: Time) -> None:
    room = await builders.room(database)
    await builders.confirmed(database, room, [0])
    standing = await builders.room(database, shape="standing")
    await builders.confirmed(database, standing, count=2)

    await time.forward(days=6)

    assert await builders.states_of(database, room) == {0: "sold"}
    assert await builders.taken_of(database, standing) == 2


async def test_the_same_word_of_the_gateway_has_one_effect(database: Database) -> None:
    room = await builders.room(database)
    payment = await builders.pending(database, await builders.hold(database, room))

    outcomes = [await builders.settle(database, payment) for _ in range(3)]

    told = await builders.told_of(database, entity_id=payment.booking_id, inventory_id=room.inventory.id)
    assert outcomes == ["confirmed", "unchanged", "unchanged"]
    assert told.actions == ["booking_opened", "booking_confirmed"]
    assert told.facts == ["HoldPlaced", "BookingConfirmed", "PaymentCompleted"]


@pytest.mark.parametrize("shape", ["chairs", "standing"])
async def test_the_last_place_sold_makes_it_sold_out_and_a_freed_one_puts_it_on_sale(
    database: Database, shape: str
) -> None:
    room = await builders.room(database, shape=shape, places=3)  # type: ignore[arg-type]
    first = await builders.confirmed(database, room, [0], count=1)
    assert (await builders.inventory_of(database, room)).state == "on_sale"

    await builders.confirmed(database, room, [1, 2], count=2)
    full = await builders.inventory_of(database, room)
    await builders.cancel(database, first)

    freed = await builders.inventory_of(database, room)
    assert (full.state, full.sold) == ("sold_out", 3)
    assert (freed.state, freed.sold) == ("on_sale", 2)


async def test_all_places_held_are_not_sold_out(database: Database) -> None:
    room = await builders.room(database, places=2)

    await builders.hold(database, room, [0, 1])

    assert (await builders.inventory_of(database, room)).state == "on_sale"


# A payment that fails


async def test_a_failed_payment_leaves_the_booking_pending_for_another_try(database: Database) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room)
    first = await builders.pending(database, held)

    outcome = await builders.settle(database, first, status="failed")
    second = await builders.pending(database, held)

    assert outcome == "failed"
    assert second.id != first.id
    assert (second.booking_id, second.expires_at) == (first.booking_id, held.expires_at)
    assert await builders.settle(database, second) == "confirmed"


async def test_a_failed_payment_gives_more_time_once_where_the_product_says_so(database: Database, time: Time) -> None:
    room = await builders.room(database, limits=TWO_CLOCKS)
    held = await builders.hold(database, room)
    first = await builders.pending(database, held)
    await time.forward(minutes=1)

    await builders.settle(database, first, status="failed")
    second = await builders.pending(database, held)
    await builders.settle(database, second, status="failed")
    third = await builders.pending(database, held)

    assert first.expires_at == held.placed_at + timedelta(minutes=15)
    assert second.expires_at == third.expires_at == held.placed_at + timedelta(minutes=20)
    await time.to(third.expires_at - LEAST)
    assert await builders.states_of(database, room) == {0: "held"}
    await time.forward(microseconds=1)
    assert await builders.states_of(database, room) == {}


async def test_more_time_for_counted_places_is_given_to_their_claims_too(database: Database, time: Time) -> None:
    room = await builders.room(database, shape="standing", limits=TWO_CLOCKS)
    held = await builders.hold(database, room, count=4)
    await builders.settle(database, await builders.pending(database, held), status="failed")

    await time.to(held.placed_at + timedelta(minutes=20) - LEAST)

    assert await builders.taken_of(database, room) == 4


async def test_a_failure_after_the_end_gives_no_time_back(database: Database, time: Time) -> None:
    room = await builders.room(database, limits=TWO_CLOCKS)
    booked = await builders.booking(database, room)
    payment = (await builders.payments_of(database, booked.id))[0]
    await time.to(booked.expires_at)

    await builders.settle(database, payment, status="failed")

    assert (await builders.booking_of(database, booked.id)).expires_at == booked.expires_at


async def test_completed_may_follow_failed_and_expired(database: Database) -> None:
    room = await builders.room(database)
    for number, status in enumerate(("failed", "expired")):
        payment = await builders.pending(database, await builders.hold(database, room, [number]))
        assert await builders.settle(database, payment, status=status) == status  # type: ignore[arg-type]

        assert await builders.settle(database, payment) == "confirmed"


async def test_failed_never_follows_completed(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database))
    payment = (await builders.payments_of(database, booked.id))[0]

    outcome = await builders.settle(database, payment, status="failed")

    assert outcome == "unchanged"
    assert (await builders.payment_of(database, payment.id)).status == "completed"


# Money that cannot be used


async def test_a_second_payment_of_a_booking_is_refunded_in_full(database: Database) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room)
    first = await builders.pending(database, held)
    await builders.settle(database, first, status="failed")
    second = await builders.pending(database, held)
    await builders.settle(database, second)

    outcome = await builders.settle(database, first)

    booked = await builders.booking_of(database, first.booking_id)
    (refund,) = await builders.refunds_of(database, booked.id)
    assert outcome == "refunded_double"
    assert (refund.payment_id, refund.amount, refund.why, refund.status) == (first.id, 1000, "double", "pending")
    assert (booked.state, booked.refund_state) == ("confirmed", "none")
    assert await posted(database, "payment", first.id) == {"unusable": 1000}
    assert await posted(database, "refund", refund.id) == {"owed:suspense": 1000}


async def test_money_of_one_try_ends_the_checkout_of_another_that_is_open(database: Database) -> None:
    held = await builders.hold(database, await builders.room(database))
    first = await builders.pending(database, held)
    await builders.settle(database, first, status="failed")
    second = await builders.pending(database, held)

    await builders.settle(database, first)

    async with database.reader() as db:
        run_at = await db.scalar(sa.select(jobs.jobs.c.run_at).where(jobs.jobs.c.key == f"payment.end:{second.id}"))
        assert run_at <= await clock.moment(db)


async def test_what_went_back_before_says_nothing_of_what_was_paid_after(database: Database) -> None:
    held = await builders.hold(database, await builders.room(database))
    wrong = await builders.pending(database, held)
    await builders.settle(database, wrong, captured=Money(999, "EGP"))
    (refund,) = await builders.refunds_of(database, wrong.booking_id)
    await builders.refunded(database, refund)

    await builders.settle(database, await builders.pending(database, held))

    booked = await builders.booking_of(database, wrong.booking_id)
    assert (booked.state, booked.refund_state) == ("confirmed", "none")


@pytest.mark.parametrize("captured", [Money(999, "EGP"), Money(1001, "EGP"), Money(1000, "USD")])
async def test_another_amount_or_currency_is_refunded_as_it_came(database: Database, captured: Money) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room)
    payment = await builders.pending(database, held)

    outcome = await builders.settle(database, payment, captured=captured)

    (refund,) = await builders.refunds_of(database, payment.booking_id)
    taken = await builders.payment_of(database, payment.id)
    assert outcome == "refunded_wrong_amount"
    assert Money(refund.amount, refund.currency) == captured
    assert Money(taken.captured, taken.captured_currency) == captured
    assert taken.refund_reserved == captured.minor
    assert (await builders.booking_of(database, payment.booking_id)).state == "pending"
    right = await builders.pending(database, held)
    assert await builders.settle(database, right) == "confirmed"


async def test_money_for_what_its_owner_released_is_refunded(database: Database) -> None:
    room = await builders.room(database)
    booked = await builders.booking(database, room, fee=100)
    await builders.release(database, booked.hold)

    outcome = await builders.settle(database, (await builders.payments_of(database, booked.id))[0])

    after = await builders.booking_of(database, booked.id)
    (refund,) = await builders.refunds_of(database, booked.id)
    assert (outcome, after.state, after.refund_state) == ("refunded_released", "cancelled", "pending")
    assert (refund.why, refund.amount) == ("released", 1100)
    assert await builders.states_of(database, room) == {}


async def test_releasing_a_pending_booking_frees_its_places_and_hastens_the_end_of_its_checkout(
    database: Database,
) -> None:
    room = await builders.room(database)
    booked = await builders.booking(database, room, [0, 1])

    await builders.release(database, booked.hold)

    told = await builders.told_of(database, entity_id=booked.id, inventory_id=room.inventory.id)
    assert await builders.states_of(database, room) == {}
    assert told.actions == ["booking_opened", "booking_released"]
    assert told.facts == ["HoldPlaced", "BookingReleased"]

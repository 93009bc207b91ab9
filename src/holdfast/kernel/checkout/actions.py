"""Coordinate: hold -> pay -> confirm. Each verb is one transaction under the inventory's turn.

Confirm and late confirm are one code path: what decides is what is read under the turn (spec, kernel 4 and 7).
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.kernel import bookings, holds, identity, inventory, ledger, payments, refunds, tickets
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking
from holdfast.kernel.checkout import rules
from holdfast.kernel.checkout.values import END, FINISH_OCCURRENCE, Opened
from holdfast.kernel.holds import Hold
from holdfast.kernel.inventory import Clocks, OccurrenceCancelled, Turn, claims, turn
from holdfast.kernel.ledger import Account, Transfer
from holdfast.kernel.payments import (
    AlreadyPaid,
    AmountMismatch,
    GatewayPayment,
    Method,
    MoneyReturned,
    Payment,
    PaymentCompleted,
    PaymentFailed,
    TooLateToPay,
)
from holdfast.kernel.refunds import Why
from holdfast.kit import jobs
from holdfast.kit.db import Transaction
from holdfast.kit.money import Money


async def open_payment(
    db: Transaction,
    hold_id: UUID,
    *,
    method: Method,
    gateway: str,
    amount: Money | None,
    actor: Actor,
    clocks: Clocks,
) -> Opened:
    """Make the hold a pending booking, if it is none yet, and write down the intent to pay it.

    Raises HoldExpired, HoldEnded, AlreadyPaid, OccurrenceCancelled, AmountMismatch (`amount` is only compared),
    TooLateToPay.
    """
    found = await holds.find(db, hold_id)
    async with turn(db, found.inventory_id) as taken:
        hold = await holds.find(db, hold_id)
        booking = await bookings.of_hold(db, hold_id)
        _refuse_unless_payable(hold, booking, now=taken.now)
        if taken.inventory.state == "cancelled":  # the job that ends it is on its way: nobody pays meanwhile
            raise OccurrenceCancelled
        total = Money(hold.total, hold.currency)
        if amount is not None and amount != total:
            raise AmountMismatch(total.amount, total.currency)
        standing = None
        if booking is not None:
            standing = await payments.open_of_booking(db, inventory_id=booking.inventory_id, booking_id=booking.id)
            if standing is not None and standing.method == method:
                return Opened(booking.id, payment_id=standing.id)
        until = (
            booking.expires_at
            if booking is not None
            else holds.end_after_checkout(hold, now=taken.now, limits=taken.inventory.limits, clocks=clocks)
        )
        if total and until - taken.now < clocks.too_late_to_pay:
            raise TooLateToPay
        if booking is not None and standing is not None:  # only now: too late for another, it is the one to pay
            return Opened(booking.id, to_end_first=standing.id)
        if booking is None:
            booking = await bookings.open_pending(taken, hold, until=until, actor=actor)
        if not total:
            await _sell(taken, booking, actor=actor)
            return Opened(booking.id, is_new=True)
        payment = await _initiate(taken, booking, method=method, gateway=gateway, actor=actor, clocks=clocks)
        return Opened(booking.id, payment_id=payment.id, is_new=True)


async def settle(db: Transaction, payment_id: UUID, state: GatewayPayment, *, clocks: Clocks) -> str:
    """Apply the true state of a payment, as its gateway says; again and again without harm. The outcome in a word.

    confirmed, refunded_<why>, failed, expired, open, or unchanged where it was applied before.
    """
    found = await payments.find(db, payment_id)
    async with turn(db, found.inventory_id) as taken:
        payment = await payments.locked(db, payment_id, inventory_id=found.inventory_id)
        await payments.remember_reference(db, payment, reference=state.reference)
        if state.status == "completed":
            if payment.status in payments.PAID:
                return "unchanged"
            await payments.capture(db, payment, state, now=taken.now)
            payment = await payments.find(db, payment_id)
            return await _use_money(taken, payment)
        if state.status not in {"failed", "expired"}:
            return "open"
        if not await payments.give_up(db, payment, to=state.status, now=taken.now):
            return "unchanged"
        await _allow_another_try(taken, payment, clocks=clocks)
        taken.tell(PaymentFailed(**_named(payment), is_expired=state.status == "expired"))
        return state.status


async def release(db: Transaction, hold_id: UUID, *, actor: Actor, reason: str | None = None) -> None:
    """Give up an unpaid hold or its pending booking; its gateway's checkout is ended by a job at once.

    Raises HoldExpired, HoldEnded, AlreadyPaid.
    """
    found = await holds.find(db, hold_id)
    async with turn(db, found.inventory_id) as taken:
        hold = await holds.find(db, hold_id)
        booking = await bookings.of_hold(db, hold_id)
        _refuse_unless_payable(hold, booking, now=taken.now)
        await give_up(taken, hold, booking, actor=actor, reason=reason)


async def give_up(taken: Turn, hold: Hold, booking: Booking | None, *, actor: Actor, reason: str | None = None) -> None:
    """End whichever of the two stands, unpaid, and the checkout at its gateway with it."""
    if booking is None:
        await holds.release(taken, hold, actor=actor, reason=reason)
        return
    if await bookings.release(taken, booking, actor=actor, reason=reason):
        await end_checkout(taken, booking)


async def end_checkout(taken: Turn, booking: Booking) -> None:
    """Let the job end the open checkout of this booking now rather than at its deadline."""
    standing = await payments.open_of_booking(taken.db, inventory_id=booking.inventory_id, booking_id=booking.id)
    if standing is not None:
        await jobs.hasten(taken.db, key=f"{END}:{standing.id}", run_at=taken.now)


def _refuse_unless_payable(hold: Hold, booking: Booking | None, *, now: datetime) -> None:
    if booking is not None and booking.was_confirmed:
        raise AlreadyPaid
    if hold.state == "cancelled" or (booking is not None and booking.state == "cancelled"):
        raise holds.HoldEnded
    if not holds.is_live(hold, now=now) or (booking is not None and booking.state == "expired"):
        raise holds.HoldExpired


async def _initiate(
    taken: Turn, booking: Booking, *, method: Method, gateway: str, actor: Actor, clocks: Clocks
) -> Payment:
    fees = sum(line.amount for line in booking.hold.lines if line.item is None and line.kind == "fee")
    payment = await payments.initiate(
        taken.db,
        inventory_id=booking.inventory_id,
        booking_id=booking.id,
        hold_id=booking.hold_id,
        user_id=booking.owner_id,
        provider_id=booking.provider_id,
        fare_amount=booking.total - fees,
        service_fee=fees,
        currency=booking.currency,
        method=method,
        gateway=gateway,
        expires_at=booking.expires_at,
        actor=actor,
        now=taken.now,
    )
    await jobs.enqueue(
        taken.db,
        kind=END,
        key=f"{END}:{payment.id}",
        payload={"payment_id": str(payment.id)},
        run_at=booking.expires_at - clocks.gateway_ends_before,
    )
    return payment


async def _use_money(taken: Turn, payment: Payment) -> str:
    """The money is there: confirm its booking with it, or send all of it back."""
    booking = await bookings.find(taken.db, payment.booking_id)
    captured = Money(payment.captured, payment.captured_currency)
    why = rules.why_unusable(
        booking,
        payment,
        inventory=taken.inventory,
        captured=captured,
        starts_at=booking.hold.starts_at,
        now=taken.now,
    )
    if why is None and rules.is_late(booking, now=taken.now) and await _is_owner_erased(taken.db, booking):
        why = "late"  # nobody is there to use it, or to cancel it
    if why is None:
        if await _sell(taken, booking, actor=Actor.system()):
            await payments.allocate(taken.db, payment, amount=payment.captured)
            await _post_capture(taken, payment)
            taken.tell(PaymentCompleted(**_named(payment)))
            await end_checkout(taken, booking)  # of another try that is open still: nobody should pay twice
            return "confirmed"
        why = "late"
    await _send_back(taken, payment, booking, why=why)
    return f"refunded_{why}"


async def _is_owner_erased(db: Transaction, booking: Booking) -> bool:
    return booking.owner_id is not None and await identity.is_erased(db, booking.owner_id)


async def _sell(taken: Turn, booking: Booking, *, actor: Actor) -> bool:
    """Make its claims permanent and it confirmed, with tickets; False, and nothing done, where a place is gone."""
    hold = booking.hold
    if await _is_taken_out(taken, hold):
        return False
    counted = Counter(slot for item in hold.kept for slot in item.counted_slots)
    still_mine = await claims.quantities_of(taken, hold.id, list(counted)) if counted else {}
    missing = {slot: quantity for slot, quantity in counted.items() if slot not in still_mine}
    giving_way = await _giving_way(taken, booking, missing)
    if giving_way is None:
        return False
    for other, its_booking in giving_way:
        await give_up(taken, other, its_booking, actor=actor, reason="late payment honoured")
    await claims.take(taken, {slot for item in hold.kept for slot in item.slots}, hold_id=hold.id, until=None)
    known = dict.fromkeys(missing, 0)  # a counter that was claimed from has its row, and its capacity there
    short = await claims.take_quantities(taken, missing, hold_id=hold.id, until=None, capacities=known)
    assert not short
    if still_mine:
        await claims.move_quantities(taken, list(still_mine), hold_id=hold.id, until=None)
    await bookings.confirm(taken, booking, actor=actor, is_late=rules.is_late(booking, now=taken.now))
    await tickets.issue(taken.db, booking, now=taken.now)
    if taken.inventory.state == "over":  # paid in its time, though what it is for is over already
        await finish_later(taken, key=f"{FINISH_OCCURRENCE}:{booking.id}")
    return True


async def _is_taken_out(taken: Turn, hold: Hold) -> bool:
    """Whether one of its places is no longer in the layout: taken out while its claim had lapsed."""
    layout = await inventory.layout(taken.db, taken.inventory.layout_id)
    return rules.lacks_any(layout, [item.place for item in hold.kept])


async def finish_later(taken: Turn, *, key: str) -> None:
    """Let a job of that key complete the bookings of what is over."""
    inventory_id = taken.inventory.id
    await jobs.enqueue(
        taken.db,
        kind=FINISH_OCCURRENCE,
        key=key,
        payload={"inventory_id": str(inventory_id)},
        run_at=taken.now,
    )


async def _giving_way(
    taken: Turn, booking: Booking, missing: Mapping[int, int]
) -> list[tuple[Hold, Booking | None]] | None:
    """The owner's other unpaid holds that have to end for it to have all its places; None where others have one.

    `missing`: the counted slots that it has lost, and how many of each.
    """
    hold = booking.hold
    found = await claims.read(taken, {slot for item in hold.kept for slot in item.slots})
    in_the_way = {claim.hold_id for claim in found.values() if claim.is_live(taken.now) and claim.hold_id != hold.id}
    own = await _own_unpaid(taken, booking, in_the_way)
    if len(own) < len(in_the_way):
        return None
    lacking = await claims.lacking(taken, missing, hold_id=hold.id)
    if lacking:
        own += await _own_unpaid(taken, booking, await claims.holders(taken, lacking) - in_the_way - {hold.id})
        freed = Counter(slot for other, _ in own for item in other.kept for slot in item.counted_slots)
        if any(freed[slot] < too_few for slot, too_few in lacking.items()):
            return None
    return own


async def _own_unpaid(taken: Turn, booking: Booking, hold_ids: set[UUID]) -> list[tuple[Hold, Booking | None]]:
    """Those of these holds that the same owner has not paid: they give way to a late payment."""
    found = await holds.find_many(taken.db, list(hold_ids)) if hold_ids else {}
    booked = await bookings.of_holds(taken.db, list(found)) if found else {}
    return [
        (hold, booked.get(hold.id))
        for hold in found.values()
        if hold.owner_id is not None
        and hold.owner_id == booking.owner_id
        and holds.is_live(hold, now=taken.now)
        and (hold.id not in booked or booked[hold.id].state == "pending")
    ]


async def _post_capture(taken: Turn, payment: Payment) -> None:
    provider = await identity.provider(taken.db, payment.provider_id)
    await ledger.post(
        taken.db,
        cause_kind="payment",
        cause_id=payment.id,
        transfers=rules.capture_transfers(payment, fee_bps=provider.platform_fee_bps),
        currency=payment.captured_currency,
        now=taken.now,
    )


async def _send_back(taken: Turn, payment: Payment, booking: Booking, *, why: Why) -> None:
    """Completed and under full refund, in one transaction; a booking that waited for it in vain ends."""
    suspense = Account("suspense")
    await ledger.post(
        taken.db,
        cause_kind="payment",
        cause_id=payment.id,
        transfers=[
            Transfer(
                "unusable",
                debit=Account("gateway_clearing", payment.gateway),
                credit=suspense,
                amount=payment.captured,
            ),
            rules.gateway_fee(payment),
        ],
        currency=payment.captured_currency,
        now=taken.now,
    )
    if payment.captured:
        await refunds.issue(
            taken,
            payment,
            amount=payment.captured,
            why=why,
            out_of=[(suspense, payment.captured)],
            actor=Actor.system(),
        )
    if booking.state == "pending" and why == "late":
        await bookings.expire(taken, booking)
    if booking.state == "pending" and why == "provider_cancelled":
        await bookings.release(taken, booking, actor=Actor.system(), reason="the occurrence was cancelled")
    taken.tell(MoneyReturned(**_named(payment), why=why))


async def _allow_another_try(taken: Turn, payment: Payment, *, clocks: Clocks) -> None:
    booking = await bookings.find(taken.db, payment.booking_id)
    limits = taken.inventory.limits
    if booking.state == "pending" and booking.expires_at > taken.now and limits.retry_seconds:
        until = holds.end_after_failure(booking.hold, limits=limits, clocks=clocks)
        await bookings.extend(taken, booking, until=until)


def _named(payment: Payment) -> dict[str, Any]:
    """What every fact of a payment names."""
    return {
        "payment_id": payment.id,
        "booking_id": payment.booking_id,
        "inventory_id": payment.inventory_id,
        "user_id": payment.user_id,
    }

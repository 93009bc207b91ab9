"""Coordinate: cancel -> refund. By the owner under the terms, by the provider in full."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from holdfast.kernel import audit, bookings, holds, inventory, ledger, payments, refunds, tickets
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking, Cancellation, Quote, TicketUsed
from holdfast.kernel.checkout import rules
from holdfast.kernel.checkout.actions import finish_later, give_up
from holdfast.kernel.checkout.values import CANCEL_OCCURRENCE, FINISH_OCCURRENCE, QuoteStale
from holdfast.kernel.inventory import (
    OccurrenceCancelled,
    OccurrenceMoved,
    OccurrenceOver,
    OccurrenceWasCancelled,
    Turn,
    turn,
)
from holdfast.kernel.ledger import Account, Transfer
from holdfast.kernel.payments import Payment
from holdfast.kernel.refunds import Why
from holdfast.kit import clock, jobs
from holdfast.kit.db import Transaction


async def quote(db: Transaction, booking_id: UUID, *, items: Collection[int] | None) -> Quote:
    """What cancelling these items (all where None) gives back now; its amounts stand for five minutes.

    Raises AlreadyCancelled, NotCancellable, CancellationClosed, NoSuchItems.
    """
    booking = await bookings.find(db, booking_id)
    now = await clock.moment(db)
    bookings.refuse_unless_cancellable(booking)
    due = bookings.quote_due(booking, bookings.chosen(booking, items), now=now)
    return await bookings.keep_quote(db, booking, due, now=now)


async def cancel(
    db: Transaction,
    booking_id: UUID,
    *,
    items: Collection[int] | None,
    reason: str | None,
    quote_id: UUID | None,
    actor: Actor,
) -> Cancellation:
    """Cancel a confirmed booking or some of its items by its terms, or by a quote given a moment ago.

    Raises AlreadyCancelled, NotCancellable, CancellationClosed, NoSuchItems, TicketUsed, QuoteNotFound, QuoteStale.
    """
    found = await bookings.find(db, booking_id)
    async with turn(db, found.inventory_id) as taken:
        booking = await bookings.find(db, booking_id)
        bookings.refuse_unless_cancellable(booking)
        due = await _due(taken, booking, items=items, quote_id=quote_id)
        if actor.is_owner(booking.owner_id):
            await _refuse_used(taken, booking, due.items)
        return await _cancel(taken, booking, due, why="cancelled", reason=reason, actor=actor)


async def cancel_occurrence(db: Transaction, inventory_id: UUID, *, actor: Actor, reason: str | None) -> None:
    """The provider cancels: the tombstone first, then a job pays everybody back. OccurrenceCancelled if it was."""
    async with turn(db, inventory_id) as taken:
        if taken.inventory.state == "cancelled":
            raise OccurrenceCancelled
        before = taken.inventory.state
        inventory.set_state(taken, "cancelled")
        await audit.record(
            db,
            actor=actor,
            action="occurrence_cancelled",
            entity_type="inventory",
            entity_id=inventory_id,
            provider_id=taken.inventory.provider_id,
            before={"state": before},
            after={"state": "cancelled"},
            details={"reason": reason} if reason else None,
            now=taken.now,
        )
        taken.tell(OccurrenceWasCancelled(inventory_id, taken.inventory.product))
        await jobs.enqueue(
            db,
            kind=CANCEL_OCCURRENCE,
            key=f"{CANCEL_OCCURRENCE}:{inventory_id}",
            payload={"inventory_id": str(inventory_id)},
            run_at=taken.now,
        )


async def cancel_for_provider(db: Transaction, booking_id: UUID) -> None:
    """One booking of a cancelled occurrence: given up if unpaid, cancelled and refunded in full, fees too, if paid."""
    found = await bookings.find(db, booking_id)
    async with turn(db, found.inventory_id) as taken:
        booking = await bookings.find(db, booking_id)
        actor, reason = Actor.system(), "the occurrence was cancelled"
        if booking.state in {"pending", "requested"}:
            await give_up(taken, booking.hold, booking, actor=actor, reason=reason)
        elif booking.state == "confirmed":
            due = bookings.amounts_due(
                booking, booking.hold.kept, percent=100, why="provider_cancelled", with_fees=True
            )
            await _cancel(taken, booking, due, why="provider_cancelled", reason=reason, actor=actor)


async def give_up_for_provider(db: Transaction, hold_id: UUID) -> None:
    """One hold of a cancelled occurrence that is no booking yet."""
    found = await holds.find(db, hold_id)
    async with turn(db, found.inventory_id) as taken:
        hold = await holds.find(db, hold_id)
        if hold.state == "active":
            await holds.release(taken, hold, actor=Actor.system(), reason="the occurrence was cancelled")


async def reschedule(
    db: Transaction, inventory_id: UUID, *, starts_at: datetime, ends_at: datetime, actor: Actor
) -> None:
    """Move the occurrence and everything sold of it. A move of more than 30 minutes makes cancelling free."""
    async with turn(db, inventory_id) as taken:
        old = taken.inventory
        if (old.starts_at, old.ends_at) == (starts_at, ends_at):
            return
        await holds.shift(taken, by=starts_at - old.starts_at, last_end=ends_at)
        taken.set(starts_at=starts_at, ends_at=ends_at, version=old.version + 1)
        await audit.record(
            db,
            actor=actor,
            action="occurrence_moved",
            entity_type="inventory",
            entity_id=inventory_id,
            provider_id=old.provider_id,
            before={"starts_at": old.starts_at.isoformat()},
            after={"starts_at": starts_at.isoformat()},
            now=taken.now,
        )
        taken.tell(OccurrenceMoved(inventory_id, old.product, starts_at))


async def finish_occurrence(db: Transaction, inventory_id: UUID, *, actor: Actor) -> bool:
    """It is over: nothing more is sold; a job completes its bookings. False where it ended otherwise before."""
    async with turn(db, inventory_id) as taken:
        if taken.inventory.state in {"cancelled", "over"}:
            return False
        before = taken.inventory.state
        inventory.set_state(taken, "over")
        await audit.record(
            db,
            actor=actor,
            action="occurrence_over",
            entity_type="inventory",
            entity_id=inventory_id,
            provider_id=taken.inventory.provider_id,
            before={"state": before},
            after={"state": "over"},
            now=taken.now,
        )
        taken.tell(OccurrenceOver(inventory_id, taken.inventory.product))
        await finish_later(taken, key=f"{FINISH_OCCURRENCE}:{inventory_id}")
        return True


async def complete(db: Transaction, booking_id: UUID) -> None:
    """A confirmed booking of what is over: completed, and its provider's money is earned."""
    found = await bookings.find(db, booking_id)
    async with turn(db, found.inventory_id) as taken:
        booking = await bookings.find(db, booking_id)
        if booking.state != "confirmed":
            return
        await bookings.complete(taken, booking)
        await ledger.post(
            db,
            cause_kind="booking",
            cause_id=booking.id,
            transfers=[
                Transfer(
                    "earned",
                    debit=Account("provider_pending", str(booking.provider_id)),
                    credit=Account("provider_payable", str(booking.provider_id)),
                    amount=await _pending_of(taken, booking),
                )
            ],
            currency=booking.currency,
            now=taken.now,
        )


async def _due(taken: Turn, booking: Booking, *, items: Collection[int] | None, quote_id: UUID | None) -> Quote:
    if quote_id is None:
        return bookings.quote_due(booking, bookings.chosen(booking, items), now=taken.now)
    quoted = await bookings.quote(taken.db, quote_id, booking_id=booking.id, now=taken.now)
    kept = {item.number for item in booking.hold.kept}
    if not set(quoted.items) <= kept or (items is not None and set(items) != set(quoted.items)):
        raise QuoteStale
    if taken.now >= booking.hold.starts_at:
        raise QuoteStale
    items_now = bookings.chosen(booking, quoted.items)
    if bookings.amounts_due(booking, items_now, percent=quoted.percent, why="by_terms").fees != quoted.fees:
        raise QuoteStale  # with the last item the fees of the whole may come back, and others were cancelled since
    return quoted


async def _refuse_used(taken: Turn, booking: Booking, items: Collection[int]) -> None:
    if await tickets.used_items(taken.db, booking) & set(items):
        raise TicketUsed


async def _cancel(
    taken: Turn, booking: Booking, due: Quote, *, why: Why, reason: str | None, actor: Actor
) -> Cancellation:
    cancellation = await bookings.cancel(taken, booking, due, actor=actor, reason=reason)
    await tickets.cancel(taken.db, booking, due.items, now=taken.now)
    left = due.total
    for payment, _ in await payments.allocated(taken.db, inventory_id=booking.inventory_id, booking_id=booking.id):
        part = min(left, payment.refundable)
        if part:
            await refunds.issue(
                taken,
                payment,
                amount=part,
                why=why,
                out_of=await _borne_by(taken, booking, payment, part=part, fees=min(due.fees, part)),
                actor=actor,
                cancellation_id=cancellation.id,
            )
            left -= part
    assert left == 0, "what is due is never more than what was captured"
    return cancellation


async def _borne_by(
    taken: Turn, booking: Booking, payment: Payment, *, part: int, fees: int
) -> list[tuple[Account, int]]:
    """Out of which accounts a refund goes: fees and the platform's share from revenue, the rest from the provider."""
    posted = dict(await ledger.posted(taken.db, cause_kind="payment", cause_id=payment.id))
    returned = sum(
        earlier.amount
        for earlier in (await refunds.of_bookings(taken.db, [booking.id]))[booking.id]
        if earlier.payment_id == payment.id and earlier.cancellation_id is not None
    )
    share = rules.platform_part(
        fee=posted.get("platform_fee", 0),
        fare=payment.fare_amount,
        returned_before=min(returned, payment.fare_amount),
        returned_now=min(part - fees, payment.fare_amount - min(returned, payment.fare_amount)),
    )
    provider = Account("provider_pending", str(booking.provider_id))
    return [(provider, part - fees - share), (Account("platform_revenue"), fees + share)]


async def _pending_of(taken: Turn, booking: Booking) -> int:
    """What its provider still has pending for this booking: captured for it, less what went back."""
    pending = 0
    for payment, _ in await payments.allocated(taken.db, inventory_id=booking.inventory_id, booking_id=booking.id):
        pending += dict(await ledger.posted(taken.db, cause_kind="payment", cause_id=payment.id)).get("fare", 0)
    for refund in (await refunds.of_bookings(taken.db, [booking.id]))[booking.id]:
        steps = dict(await ledger.posted(taken.db, cause_kind="refund", cause_id=refund.id))
        pending -= steps.get("owed:provider_pending", 0)
    return pending

"""Open, confirm, end and cancel bookings. All of it under the inventory's turn; money is the caller's business."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit, holds
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import queries, rules
from holdfast.kernel.bookings.models import booking_references, bookings, cancellation_quotes, cancellations
from holdfast.kernel.bookings.values import (
    Booking,
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingExpired,
    BookingReleased,
    Cancellation,
    Quote,
    RefundState,
    fields_of,
)
from holdfast.kernel.holds import Hold
from holdfast.kernel.inventory import Turn, claims
from holdfast.kit import ids, keeping
from holdfast.kit.db import Transaction


async def open_pending(taken: Turn, hold: Hold, *, until: datetime, actor: Actor) -> Booking:
    """Make a pending booking out of an active hold, its clock ending at `until`."""
    booking_id = ids.new_id()
    await holds.convert(taken, hold, until=until)
    await taken.db.execute(
        sa.insert(bookings).values(
            inventory_id=hold.inventory_id,
            id=booking_id,
            hold_id=hold.id,
            product=hold.product,
            provider_id=hold.provider_id,
            owner_id=hold.owner_id,
            reference=await _new_reference(taken, booking_id),
            state="pending",
            total=hold.total,
            currency=hold.currency,
            expires_at=until,
            created_at=taken.now,
            updated_at=taken.now,
        )
    )
    booking = await queries.find(taken.db, booking_id)
    await _log(taken, booking, actor=actor, action="booking_opened", after={"state": "pending"})
    return booking


async def confirm(taken: Turn, booking: Booking, *, actor: Actor, is_late: bool = False) -> None:
    """It is sold: the caller has made its claims permanent. From pending, or (late) from expired."""
    # What went back before (another amount, paid twice) was never its own.
    values = {"confirmed_at": taken.now, "ended_at": None, "refund_state": "none"}
    await _move(taken, booking, to="confirmed", of=("pending", "expired"), **values)
    await holds.settle(taken, booking.hold, paid=True)
    claims.count_sold(taken, more=slots_of(booking.hold))
    await _log(
        taken,
        booking,
        actor=actor,
        action="booking_confirmed",
        before={"state": booking.state},
        after={"state": "confirmed", "is_late": is_late},
    )
    taken.tell(BookingConfirmed(**fields_of(booking), is_late=is_late))


async def extend(taken: Turn, booking: Booking, *, until: datetime) -> bool:
    """Give a pending booking more time, once; False where that was done before."""
    if until <= booking.expires_at or not await holds.extend(taken, booking.hold, until=until):
        return False
    await _move(taken, booking, to="pending", of=("pending",), expires_at=until)
    return True


async def expire(taken: Turn, booking: Booking) -> bool:
    """End a pending booking whose moment has passed; False where it is not so any more."""
    if booking.expires_at > taken.now or not await _end_unpaid(taken, booking, state="expired"):
        return False
    await _log(taken, booking, actor=Actor.system(), action="booking_expired", after={"state": "expired"})
    taken.tell(BookingExpired(**fields_of(booking)))
    return True


async def release(taken: Turn, booking: Booking, *, actor: Actor, reason: str | None = None) -> bool:
    """Give up a pending booking before it is paid; False where it has ended already."""
    if not await _end_unpaid(taken, booking, state="cancelled"):
        return False
    details = {"reason": reason} if reason else None
    await _log(taken, booking, actor=actor, action="booking_released", after={"state": "cancelled"}, details=details)
    taken.tell(BookingReleased(**fields_of(booking), by_provider=taken.inventory.state == "cancelled"))
    return True


async def cancel(taken: Turn, booking: Booking, quote: Quote, *, actor: Actor, reason: str | None) -> Cancellation:
    """Give up confirmed items by a quote: their claims end at commit, the rest stays; the last one ends the booking."""
    given_up = tuple(item for item in booking.hold.kept if item.number in quote.items)
    is_last = len(given_up) == len(booking.hold.kept)
    freed = await holds.release_claims(taken, booking.hold, only=given_up)
    await holds.cancel_items(taken, booking.hold, quote.items)
    claims.count_sold(taken, more=-freed)
    cancellation_id = ids.new_id()
    is_due = quote.total > 0
    await taken.db.execute(
        sa.insert(cancellations).values(
            inventory_id=booking.inventory_id,
            id=cancellation_id,
            booking_id=booking.id,
            by=actor.user_id,
            reason=reason,
            items=list(quote.items),
            refund_amount=quote.total,
            currency=booking.currency,
            refund_status="pending" if is_due else "processed",
            processed_at=None if is_due else taken.now,
            created_at=taken.now,
            updated_at=taken.now,
        )
    )
    refund_state = "pending" if is_due else booking.refund_state
    if is_last:
        await _move(taken, booking, to="cancelled", of=("confirmed",), ended_at=taken.now, refund_state=refund_state)
    else:
        await _move(taken, booking, to="confirmed", of=("confirmed",), refund_state=refund_state)
    await _log(
        taken,
        booking,
        actor=actor,
        action="booking_cancelled" if is_last else "items_cancelled",
        before={"state": booking.state},
        after={"state": "cancelled" if is_last else "confirmed"},
        details={
            "cancellation_id": str(cancellation_id),
            "items": list(quote.items),
            "refund": quote.total,
            "percent": quote.percent,
            "why": quote.reason,
        },
    )
    taken.tell(
        BookingCancelled(
            **fields_of(booking),
            cancellation_id=cancellation_id,
            items=tuple(quote.items),
            by_provider=quote.reason == "provider_cancelled",
        )
    )
    return await queries.cancellation(taken.db, cancellation_id)


async def complete(taken: Turn, booking: Booking) -> None:
    """What was booked is over."""
    await _move(taken, booking, to="completed", of=("confirmed",), ended_at=taken.now)
    await _log(
        taken,
        booking,
        actor=Actor.system(),
        action="booking_completed",
        before={"state": "confirmed"},
        after={"state": "completed"},
    )
    taken.tell(BookingCompleted(**fields_of(booking)))


async def keep_quote(db: Transaction, booking: Booking, quote: Quote, *, now: datetime) -> Quote:
    """Remember a quote for its five minutes."""
    kept = dataclasses.replace(quote, id=ids.new_id(), expires_at=now + rules.QUOTE_GOOD_FOR)
    await db.execute(
        sa.insert(cancellation_quotes).values(
            id=kept.id,
            inventory_id=booking.inventory_id,
            booking_id=booking.id,
            items=list(kept.items),
            amounts=list(kept.amounts),
            fees=kept.fees,
            percent=kept.percent,
            reason=kept.reason,
            expires_at=kept.expires_at,
        )
    )
    return kept


async def set_refund_state(db: Transaction, booking: Booking, refund_state: RefundState, *, now: datetime) -> None:
    """How its refunds stand, as `refunds` tells."""
    await db.execute(sa.update(bookings).where(_row(booking)).values(refund_state=refund_state, updated_at=now))


async def settle_cancellation(
    db: Transaction, cancellation_id: UUID, *, inventory_id: UUID, status: str, now: datetime
) -> None:
    """Its refund was processed, or failed, or is being tried again."""
    await db.execute(
        sa.update(cancellations)
        .where(cancellations.c.inventory_id == inventory_id, cancellations.c.id == cancellation_id)
        .values(refund_status=status, processed_at=now if status == "processed" else None, updated_at=now)
    )


async def blank_reasons(db: Transaction, user_id: UUID) -> int:
    """Take away the words in which it was said why somebody's bookings were cancelled; how many."""
    theirs = sa.select(bookings.c.id).where(bookings.c.owner_id == user_id)
    said = (cancellations.c.reason.is_not(None), cancellations.c.booking_id.in_(theirs))
    return await db.execute(sa.update(cancellations).where(*said).values(reason=None))


async def forget_quotes(db: Transaction, *, before: datetime, limit: int) -> int:
    """Drop quotes that ran out before that moment, at most so many; how many."""
    return await keeping.drop(db, cancellation_quotes, cancellation_quotes.c.expires_at < before, limit=limit)


def slots_of(hold: Hold) -> int:
    """How many slots its kept items cover, counted ones by quantity."""
    return sum(len(item.slots) + len(item.counted_slots) for item in hold.kept)


async def _end_unpaid(taken: Turn, booking: Booking, *, state: str) -> bool:
    statement = sa.update(bookings).where(_row(booking))
    if taken.db.database.guards.stands("state_recheck"):
        statement = statement.where(bookings.c.state.in_(("pending", "requested")))
    ended = await taken.db.execute(statement.values(state=state, ended_at=taken.now, updated_at=taken.now))
    if ended:
        await holds.settle(taken, booking.hold, paid=False)
        await holds.release_claims(taken, booking.hold)
    return ended == 1


async def _move(taken: Turn, booking: Booking, *, to: str, of: tuple[str, ...], **values: object) -> None:
    touched = await taken.db.execute(
        sa.update(bookings)
        .where(_row(booking), bookings.c.state.in_(of))
        .values(state=to, updated_at=taken.now, **values)
    )
    assert touched == 1, f"booking {booking.id} is not {of}"


async def _new_reference(taken: Turn, booking_id: UUID) -> str:
    while True:
        reference = rules.new_reference()
        row = {"reference": reference, "inventory_id": taken.inventory.id, "booking_id": booking_id}
        statement = taken.db.insert(booking_references).values(row).on_conflict_do_nothing()
        if await taken.db.execute(statement):
            return reference


def _row(booking: Booking) -> sa.ColumnElement[bool]:
    return sa.and_(bookings.c.inventory_id == booking.inventory_id, bookings.c.id == booking.id)


async def _log(
    taken: Turn,
    booking: Booking,
    *,
    actor: Actor,
    action: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    await audit.record(
        taken.db,
        actor=actor,
        action=action,
        entity_type="booking",
        entity_id=booking.id,
        provider_id=booking.provider_id,
        details=details,
        before=before,
        after=after,
        now=taken.now,
    )

"""Read bookings, cancellations and quotes."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import holds
from holdfast.kernel.bookings.models import booking_references, bookings, cancellation_quotes, cancellations
from holdfast.kernel.bookings.values import (
    Booking,
    BookingNotFound,
    Cancellation,
    CancellationNotFound,
    Quote,
    QuoteNotFound,
    SoldThen,
)
from holdfast.kit.db import Dialect, Reader, given, quarter_hour

SHOWN = ("confirmed", "completed", "cancelled")


async def find(db: Reader, booking_id: UUID) -> Booking:
    """BookingNotFound where there is none."""
    found = await _load(db, sa.select(bookings).where(bookings.c.id == booking_id))
    if not found:
        raise BookingNotFound
    return found[0]


async def find_many(db: Reader, booking_ids: Sequence[UUID]) -> list[Booking]:
    """Those of them that there are, in no order."""
    return await _load(db, sa.select(bookings).where(db.among(bookings.c.id, booking_ids)))


async def of_hold(db: Reader, hold_id: UUID) -> Booking | None:
    """The booking made out of this hold; None while there is none."""
    found = await _load(db, sa.select(bookings).where(bookings.c.hold_id == hold_id))
    return found[0] if found else None


async def of_holds(db: Reader, hold_ids: Sequence[UUID]) -> dict[UUID, Booking]:
    """Bookings by the hold they were made out of."""
    rows = await db.all(_by_holds(db.dialect), {"ids": list(hold_ids)})
    return {booking.hold_id: booking for booking in await _bookings_of(db, rows)}


@cache
def _by_holds(dialect: Dialect) -> sa.Select[Any]:
    """Made once: to make one costs as much as to run it."""
    return sa.select(bookings).where(given(bookings.c.hold_id, dialect))


async def history(
    db: Reader, owner_id: UUID, *, limit: int, before: UUID | None = None, product: str | None = None
) -> list[Booking]:
    """The owner's bookings that were ever confirmed, newest first."""
    statement = sa.select(bookings).where(bookings.c.owner_id == owner_id, bookings.c.confirmed_at.is_not(None))
    if before is not None:
        statement = statement.where(bookings.c.id < before)
    if product is not None:
        statement = statement.where(bookings.c.product == product)
    return await _load(db, statement.order_by(bookings.c.id.desc()).limit(limit))


def listing(
    *,
    reference: str | None = None,
    owner_ids: Sequence[UUID] | None = None,
    provider_ids: Sequence[UUID] | None = None,
    inventory_id: UUID | None = None,
    state: str | None = None,
) -> sa.Select[Any]:
    """The statement of a list of bookings for staff, without order and limit; None filters nothing."""
    statement = sa.select(bookings)
    if reference is not None:
        named = sa.select(booking_references.c.booking_id).where(booking_references.c.reference == reference)
        statement = statement.where(bookings.c.id.in_(named))
    if owner_ids is not None:
        statement = statement.where(bookings.c.owner_id.in_(owner_ids))
    if provider_ids is not None:
        statement = statement.where(bookings.c.provider_id.in_(provider_ids))
    if inventory_id is not None:
        statement = statement.where(bookings.c.inventory_id == inventory_id)
    return statement if state is None else statement.where(bookings.c.state == state)


#: Newest first, for `kit.cursors.Page.select`.
ORDER: tuple[sa.ColumnElement[Any], ...] = (bookings.c.id,)


async def listed(db: Reader, statement: sa.Select[Any]) -> list[Booking]:
    """The bookings of a statement made of `listing`."""
    return await _load(db, statement)


async def sold_of(db: Reader, inventory_id: UUID) -> tuple[int, int]:
    """(bookings paid for, bookings that still wait for money): whom a cancellation of it concerns."""
    rows = await db.all(
        sa.select(bookings.c.state, sa.func.count().label("n"))
        .where(bookings.c.inventory_id == inventory_id, bookings.c.state.in_(("confirmed", "pending", "requested")))
        .group_by(bookings.c.state)
    )
    found = {row.state: row.n for row in rows}
    return found.get("confirmed", 0), found.get("pending", 0) + found.get("requested", 0)


async def unfinished(db: Reader, owner_id: UUID, *, now: datetime) -> list[UUID]:
    """Ids of the owner's bookings that are pending, or confirmed and not over."""
    rows = await db.all(
        sa.select(bookings.c.id).where(
            bookings.c.owner_id == owner_id,
            sa.or_(
                bookings.c.state.in_(("requested", "confirmed")),
                sa.and_(bookings.c.state == "pending", bookings.c.expires_at > now),
            ),
        )
    )
    return [row.id for row in rows]


async def counts(db: Reader, *, since: datetime) -> dict[str, int]:
    """Bookings confirmed since a moment (`today`), and all by how they stand: confirmed, cancelled, expired."""
    rows = await db.all(
        sa.select(
            bookings.c.state, bookings.c.confirmed_at.is_not(None).label("sold"), sa.func.count().label("n")
        ).group_by(bookings.c.state, bookings.c.confirmed_at.is_not(None))
    )
    by_state = {(row.state, bool(row.sold)): row.n for row in rows}
    today = await db.scalar(sa.select(sa.func.count()).where(bookings.c.confirmed_at >= since))
    return {
        "today": today,
        "confirmed": by_state.get(("confirmed", True), 0) + by_state.get(("completed", True), 0),
        "cancelled": by_state.get(("cancelled", True), 0),
        "expired": by_state.get(("expired", False), 0),
    }


async def sold(db: Reader, *, since: datetime, before: datetime, provider_id: UUID | None = None) -> list[SoldThen]:
    """What was confirmed in [since, before): by inventory, currency and quarter of an hour."""
    each = sa.select(
        bookings.c.product,
        bookings.c.inventory_id,
        bookings.c.currency,
        quarter_hour(bookings.c.confirmed_at, db.dialect).label("quarter"),
        bookings.c.total,
        holds.count_items(bookings.c.inventory_id, bookings.c.hold_id).label("item_count"),
    ).where(bookings.c.confirmed_at >= since, bookings.c.confirmed_at < before)
    if provider_id is not None:
        each = each.where(bookings.c.provider_id == provider_id)
    one = each.subquery()
    keys = (one.c.product, one.c.inventory_id, one.c.currency, one.c.quarter)
    statement = sa.select(
        *keys,
        sa.func.count().label("bookings"),
        sa.func.sum(one.c.item_count).label("item_count"),
        sa.func.sum(one.c.total).label("amount"),
    ).group_by(*keys)
    return [
        SoldThen(
            row.product, row.inventory_id, row.currency, row.quarter, row.bookings, int(row.item_count), int(row.amount)
        )
        for row in await db.all(statement)
    ]


async def cancelled(
    db: Reader, *, since: datetime, before: datetime, provider_id: UUID | None = None
) -> list[SoldThen]:
    """What was cancelled in [since, before): `bookings` counts cancellations, `amount` is what goes back."""
    quarter = quarter_hour(cancellations.c.created_at, db.dialect)
    keys = (bookings.c.product, cancellations.c.inventory_id, cancellations.c.currency, quarter)
    count_of = sa.func.jsonb_array_length if db.dialect == "postgresql" else sa.func.json_array_length
    length = count_of(cancellations.c["items"])
    statement = (
        sa.select(
            *keys[:3],
            quarter.label("quarter"),
            sa.func.count().label("bookings"),
            sa.func.sum(length).label("item_count"),
            sa.func.sum(cancellations.c.refund_amount).label("amount"),
        )
        .join(
            bookings,
            sa.and_(
                bookings.c.inventory_id == cancellations.c.inventory_id, bookings.c.id == cancellations.c.booking_id
            ),
        )
        .where(cancellations.c.created_at >= since, cancellations.c.created_at < before)
        .group_by(*keys)
    )
    if provider_id is not None:
        statement = statement.where(bookings.c.provider_id == provider_id)
    return [
        SoldThen(
            row.product, row.inventory_id, row.currency, row.quarter, row.bookings, int(row.item_count), int(row.amount)
        )
        for row in await db.all(statement)
    ]


async def lapsed(db: Reader, *, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(inventory, booking) of pending bookings whose moment has passed, read without a lock."""
    rows = await db.all(
        sa.select(bookings.c.inventory_id, bookings.c.id)
        .where(bookings.c.state == "pending", bookings.c.expires_at <= now)
        .order_by(bookings.c.expires_at)
        .limit(limit)
    )
    return [(row.inventory_id, row.id) for row in rows]


async def of_owner(db: Reader, inventory_id: UUID, *, owner_id: UUID, limit: int) -> list[Booking]:
    """What somebody has confirmed in an inventory, oldest first."""
    mine = (bookings.c.inventory_id == inventory_id, bookings.c.owner_id == owner_id, bookings.c.state == "confirmed")
    return await _load(db, sa.select(bookings).where(*mine).order_by(bookings.c.id).limit(limit))


async def owners(db: Reader, inventory_id: UUID, *, after: UUID | None = None, limit: int) -> list[tuple[UUID, UUID]]:
    """(owner, their oldest booking) of whoever has a confirmed booking in an inventory, by owner, after `after`."""
    first = sa.func.min(sa.cast(bookings.c.id, sa.String)).label(
        "booking_id"
    )  # as text: not every version compares ids
    statement = sa.select(bookings.c.owner_id, first).where(
        bookings.c.inventory_id == inventory_id, bookings.c.owner_id.is_not(None), bookings.c.state == "confirmed"
    )
    if after is not None:
        statement = statement.where(bookings.c.owner_id > after)
    rows = await db.all(statement.group_by(bookings.c.owner_id).order_by(bookings.c.owner_id).limit(limit))
    return [(row.owner_id, UUID(row.booking_id)) for row in rows]


async def of_inventory(db: Reader, inventory_id: UUID, *, states: Sequence[str], limit: int) -> list[UUID]:
    """Ids of an inventory's bookings in these states."""
    rows = await db.all(
        sa.select(bookings.c.id)
        .where(bookings.c.inventory_id == inventory_id, bookings.c.state.in_(states))
        .order_by(bookings.c.id)
        .limit(limit)
    )
    return [row.id for row in rows]


async def cancellation(db: Reader, cancellation_id: UUID) -> Cancellation:
    """CancellationNotFound where there is none."""
    row = await db.first(sa.select(cancellations).where(cancellations.c.id == cancellation_id))
    if row is None:
        raise CancellationNotFound
    return _cancellation(row)


async def cancellations_of(db: Reader, booking_ids: Sequence[UUID]) -> dict[UUID, list[Cancellation]]:
    """Cancellations by booking, oldest first."""
    found: dict[UUID, list[Cancellation]] = {booking_id: [] for booking_id in booking_ids}
    statement = sa.select(cancellations).where(db.among(cancellations.c.booking_id, booking_ids))
    for row in await db.all(statement.order_by(cancellations.c.id)):
        found[row.booking_id].append(_cancellation(row))
    return found


async def quote(db: Reader, quote_id: UUID, *, booking_id: UUID, now: datetime) -> Quote:
    """A quote given before and still good. QuoteNotFound."""
    row = await db.first(
        sa.select(cancellation_quotes).where(
            cancellation_quotes.c.id == quote_id,
            cancellation_quotes.c.booking_id == booking_id,
            cancellation_quotes.c.expires_at > now,
        )
    )
    if row is None:
        raise QuoteNotFound
    booking = await find(db, booking_id)
    return Quote(
        id=row.id,
        booking_id=row.booking_id,
        items=tuple(row.items),
        amounts=tuple(row.amounts),
        fees=row.fees,
        percent=row.percent,
        reason=row.reason,
        currency=booking.currency,
        expires_at=row.expires_at,
    )


async def _load(db: Reader, statement: sa.Select[Any]) -> list[Booking]:
    return await _bookings_of(db, await db.all(statement))


async def _bookings_of(db: Reader, rows: Sequence[sa.Row[Any]]) -> list[Booking]:
    if not rows:
        return []
    found = await holds.find_many(db, [row.hold_id for row in rows])
    return [
        Booking(
            id=row.id,
            inventory_id=row.inventory_id,
            hold_id=row.hold_id,
            product=row.product,
            provider_id=row.provider_id,
            owner_id=row.owner_id,
            reference=row.reference,
            state=row.state,
            refund_state=row.refund_state,
            total=row.total,
            currency=row.currency,
            expires_at=row.expires_at,
            created_at=row.created_at,
            confirmed_at=row.confirmed_at,
            ended_at=row.ended_at,
            updated_at=row.updated_at,
            hold=found[row.hold_id],
        )
        for row in rows
    ]


def _cancellation(row: sa.Row[Any]) -> Cancellation:
    return Cancellation(
        id=row.id,
        inventory_id=row.inventory_id,
        booking_id=row.booking_id,
        by=row.by,
        reason=row.reason,
        items=tuple(row.items),
        refund_amount=row.refund_amount,
        currency=row.currency,
        refund_status=row.refund_status,
        created_at=row.created_at,
        processed_at=row.processed_at,
        updated_at=row.updated_at,
    )

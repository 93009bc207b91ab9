"""Read payments and what gateways told us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.payments.models import gateway_events, gateway_references, payment_allocations, payments
from holdfast.kernel.payments.values import OPEN, GatewayEventNotFound, Payment, PaymentNotFound
from holdfast.kit.db import Reader


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A verified notice as it is stored."""

    id: UUID
    gateway: str
    type: str
    object: str
    key: str | None
    reference: str | None
    received_at: datetime
    processed_at: datetime | None
    #: in a word, what came of it; None while it waits
    outcome: str | None

    @property
    def is_processed(self) -> bool:
        return self.processed_at is not None


async def find(db: Reader, payment_id: UUID) -> Payment:
    """PaymentNotFound where there is none."""
    row = await db.first(sa.select(payments).where(payments.c.id == payment_id))
    if row is None:
        raise PaymentNotFound
    return payment_of(row)


async def by_reference(db: Reader, *, gateway: str, reference: str) -> Payment:
    """The payment that a gateway knows by that reference. PaymentNotFound."""
    payment_id = await db.scalar(
        sa.select(gateway_references.c.payment_id).where(
            gateway_references.c.gateway == gateway, gateway_references.c.reference == reference
        )
    )
    if payment_id is None:
        raise PaymentNotFound
    return await find(db, payment_id)


def ids_of_provider(provider_id: UUID) -> sa.Select[tuple[UUID]]:
    """The ids of all payments for what a provider sells, as a part of another query."""
    return sa.select(payments.c.id).where(payments.c.provider_id == provider_id)


async def of_bookings(db: Reader, booking_ids: Sequence[UUID]) -> dict[UUID, list[Payment]]:
    """Payments by booking, oldest first."""
    found: dict[UUID, list[Payment]] = {booking_id: [] for booking_id in booking_ids}
    statement = sa.select(payments).where(db.among(payments.c.booking_id, booking_ids)).order_by(payments.c.id)
    for row in await db.all(statement):
        found[row.booking_id].append(payment_of(row))
    return found


async def open_of_booking(db: Reader, *, inventory_id: UUID, booking_id: UUID) -> Payment | None:
    """The one payment of a booking that is still open."""
    row = await db.first(
        sa.select(payments).where(
            payments.c.inventory_id == inventory_id,
            payments.c.booking_id == booking_id,
            payments.c.status.in_(OPEN),
        )
    )
    return None if row is None else payment_of(row)


async def allocated(db: Reader, *, inventory_id: UUID, booking_id: UUID) -> list[tuple[Payment, int]]:
    """(payment, minor units) of what pays a booking, oldest first."""
    rows = await db.all(
        sa.select(payments, payment_allocations.c.amount.label("allocated"))
        .join(
            payment_allocations,
            sa.and_(
                payment_allocations.c.inventory_id == payments.c.inventory_id,
                payment_allocations.c.payment_id == payments.c.id,
            ),
        )
        .where(payment_allocations.c.inventory_id == inventory_id, payment_allocations.c.booking_id == booking_id)
        .order_by(payments.c.id)
    )
    return [(payment_of(row), row.allocated) for row in rows]


async def count_open(db: Reader, *, now: datetime) -> tuple[int, int]:
    """(how many payments are open, how many of them past their time)."""
    standing = sa.select(sa.func.count()).where(payments.c.status.in_(OPEN))
    return await db.scalar(standing), await db.scalar(standing.where(payments.c.expires_at <= now))


async def has_open(db: Reader, inventory_id: UUID) -> bool:
    """Whether a payment for something in this inventory may still become money."""
    is_open = sa.exists().where(payments.c.inventory_id == inventory_id, payments.c.status.in_(OPEN))
    return bool(await db.scalar(sa.select(is_open)))


async def open_of_user(db: Reader, user_id: UUID) -> list[UUID]:
    """Payments of somebody that may still become money."""
    theirs = (payments.c.user_id == user_id, payments.c.status.in_(OPEN))
    return [row.id for row in await db.all(sa.select(payments.c.id).where(*theirs))]


async def overdue(db: Reader, *, now: datetime, limit: int) -> list[UUID]:
    """Payments that are open past their time: ask their gateway."""
    rows = await db.all(
        sa.select(payments.c.id)
        .where(payments.c.status.in_(OPEN), payments.c.expires_at <= now)
        .order_by(payments.c.expires_at)
        .limit(limit)
    )
    return [row.id for row in rows]


async def overdue_holds(db: Reader, *, now: datetime, limit: int) -> list[UUID]:
    """The holds whose payments are open past their time."""
    rows = await db.all(
        sa.select(payments.c.hold_id)
        .where(payments.c.status.in_(OPEN), payments.c.expires_at <= now)
        .order_by(payments.c.expires_at)
        .limit(limit)
    )
    return [row.hold_id for row in rows]


async def unprocessed_events(db: Reader, *, received_before: datetime, limit: int) -> list[UUID]:
    """Notices that were stored and not processed, as a crash leaves them."""
    rows = await db.all(
        sa.select(gateway_events.c.id)
        .where(gateway_events.c.processed_at.is_(None), gateway_events.c.received_at <= received_before)
        .order_by(gateway_events.c.received_at)
        .limit(limit)
    )
    return [row.id for row in rows]


async def event(db: Reader, event_id: UUID) -> GatewayEvent:
    """A stored notice by our own id. GatewayEventNotFound."""
    row = await db.first(sa.select(gateway_events).where(gateway_events.c.id == event_id))
    if row is None:
        raise GatewayEventNotFound
    return event_of(row)


def events(*, gateway: str | None = None, outcome: str | None = None) -> sa.Select[Any]:
    """The statement of a list of notices, without order and limit; `outcome` "waiting": not processed yet."""
    statement = sa.select(gateway_events)
    if gateway is not None:
        statement = statement.where(gateway_events.c.gateway == gateway)
    if outcome == WAITING:
        return statement.where(gateway_events.c.processed_at.is_(None))
    return statement if outcome is None else statement.where(gateway_events.c.outcome == outcome)


#: Newest first, for `kit.cursors.Page.select`.
EVENT_ORDER: tuple[sa.ColumnElement[Any], ...] = (gateway_events.c.received_at, gateway_events.c.id)
WAITING = "waiting"


def event_of(row: sa.Row[Any]) -> GatewayEvent:
    """The value of a row of `gateway_events`, without its body: that may name people."""
    return GatewayEvent(
        id=row.id,
        gateway=row.gateway,
        type=row.type,
        object=row.object,
        key=row.key,
        reference=row.reference,
        received_at=row.received_at,
        processed_at=row.processed_at,
        outcome=row.outcome,
    )


def payment_of(row: sa.Row[Any]) -> Payment:
    """The value of a row of `payments`."""
    return Payment(
        id=row.id,
        inventory_id=row.inventory_id,
        booking_id=row.booking_id,
        hold_id=row.hold_id,
        user_id=row.user_id,
        provider_id=row.provider_id,
        amount=row.amount,
        currency=row.currency,
        fare_amount=row.fare_amount,
        service_fee=row.service_fee,
        method=row.method,
        gateway=row.gateway,
        gateway_reference=row.gateway_reference,
        url=row.url,
        status=row.status,
        captured=row.captured,
        captured_currency=row.captured_currency,
        gateway_fee=row.gateway_fee,
        refund_reserved=row.refund_reserved,
        expires_at=row.expires_at,
        transaction_datetime=row.transaction_datetime,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

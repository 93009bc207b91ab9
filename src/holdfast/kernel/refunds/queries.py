"""Read refunds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.refunds.models import refunds
from holdfast.kernel.refunds.values import STATUSES, Refund, RefundNotFound, Status
from holdfast.kit.db import Reader


async def find(db: Reader, refund_id: UUID) -> Refund:
    """RefundNotFound where there is none."""
    row = await db.first(sa.select(refunds).where(refunds.c.id == refund_id))
    if row is None:
        raise RefundNotFound
    return refund_of(row)


async def gateway_key(db: Reader, refund_id: UUID) -> str:
    """Its key at the gateway: the same for every repeat of one try."""
    row = await db.one(sa.select(refunds.c.id, refunds.c.tries).where(refunds.c.id == refund_id))
    return str(row.id) if row.tries == 1 else f"{row.id}-{row.tries}"


async def of_bookings(db: Reader, booking_ids: Sequence[UUID]) -> dict[UUID, list[Refund]]:
    """Refunds by booking, oldest first."""
    found: dict[UUID, list[Refund]] = {booking_id: [] for booking_id in booking_ids}
    statement = sa.select(refunds).where(db.among(refunds.c.booking_id, booking_ids)).order_by(refunds.c.id)
    for row in await db.all(statement):
        found[row.booking_id].append(refund_of(row))
    return found


async def with_status(db: Reader, status: Status, *, limit: int, after: UUID | None = None) -> list[Refund]:
    """Refunds in that status, oldest first."""
    statement = sa.select(refunds).where(refunds.c.status == status)
    if after is not None:
        statement = statement.where(refunds.c.id > after)
    return [refund_of(row) for row in await db.all(statement.order_by(refunds.c.id).limit(limit))]


async def pending_since(db: Reader, moment: datetime, *, limit: int) -> list[UUID]:
    """Refunds that nobody settled since that moment."""
    rows = await db.all(
        sa.select(refunds.c.id)
        .where(refunds.c.status == "pending", refunds.c.updated_at <= moment)
        .order_by(refunds.c.updated_at)
        .limit(limit)
    )
    return [row.id for row in rows]


async def are_owed(db: Reader, inventory_id: UUID) -> bool:
    """Whether a refund of something in this inventory is not paid back yet; one that failed is owed still."""
    is_owed = sa.exists().where(refunds.c.inventory_id == inventory_id, refunds.c.status != "processed")
    return bool(await db.scalar(sa.select(is_owed)))


async def count_failed(db: Reader) -> int:
    """How many refunds wait for somebody to try them again."""
    count: int = await db.scalar(sa.select(sa.func.count()).where(refunds.c.status == "failed"))
    return count


async def count_by_status(db: Reader) -> dict[Status, int]:
    """How many there are in each status."""
    rows = await db.all(sa.select(refunds.c.status, sa.func.count().label("n")).group_by(refunds.c.status))
    found = {row.status: row.n for row in rows}
    return {status: found.get(status, 0) for status in STATUSES}


def refund_of(row: sa.Row[Any]) -> Refund:
    """The value of a row of `refunds`."""
    return Refund(
        id=row.id,
        inventory_id=row.inventory_id,
        payment_id=row.payment_id,
        booking_id=row.booking_id,
        cancellation_id=row.cancellation_id,
        provider_id=row.provider_id,
        gateway=row.gateway,
        why=row.why,
        amount=row.amount,
        currency=row.currency,
        status=row.status,
        gateway_reference=row.gateway_reference,
        last_error=row.last_error,
        created_at=row.created_at,
        processed_at=row.processed_at,
        updated_at=row.updated_at,
    )

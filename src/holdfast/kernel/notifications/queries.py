"""Read notifications."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.notifications.models import notifications
from holdfast.kernel.notifications.values import Notification
from holdfast.kit.db import Reader

#: Of somebody's list, for `kit.cursors.Page.select`: as things happened, since facts are heard side by side.
ORDER: tuple[sa.ColumnElement[Any], ...] = (notifications.c.fact_id, notifications.c.id)


async def find(db: Reader, notification_id: UUID) -> Notification | None:
    """One; None where there is none (any more)."""
    row = await db.first(sa.select(notifications).where(notifications.c.id == notification_id))
    return None if row is None else notification_of(row)


def listing(user_id: UUID, *, unread: bool | None = None) -> sa.Select[Any]:
    """Somebody's own, without order and limit."""
    statement = sa.select(notifications).where(notifications.c.user_id == user_id)
    if unread is not None:
        is_unread = notifications.c.read_at.is_(None)
        statement = statement.where(is_unread if unread else ~is_unread)
    return statement


async def all_of(db: Reader, user_id: UUID) -> list[Notification]:
    """Whatever somebody was told, oldest first."""
    return [notification_of(row) for row in await db.all(listing(user_id).order_by(*ORDER))]


async def count_unread(db: Reader, user_id: UUID) -> int:
    """How many somebody has not read yet."""
    mine = (notifications.c.user_id == user_id, notifications.c.read_at.is_(None))
    count: int = await db.scalar(sa.select(sa.func.count()).select_from(notifications).where(*mine))
    return count


def notification_of(row: sa.Row[Any]) -> Notification:
    """The value of a row of `notifications`."""
    return Notification(
        id=row.id,
        user_id=row.user_id,
        template=row.template,
        fact_id=row.fact_id,
        inventory_id=row.inventory_id,
        booking_id=row.booking_id,
        subject_id=row.subject_id,
        channel=row.channel,
        created_at=row.created_at,
        sent_at=row.sent_at,
        refused_at=row.refused_at,
        read_at=row.read_at,
    )

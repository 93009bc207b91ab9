"""Forget the addresses that acts came from; the log itself stays whole."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.audit.models import activity_logs, activity_origins
from holdfast.kit import keeping
from holdfast.kit.db import Transaction


async def forget_origins(db: Transaction, /, *, before: datetime, limit: int = keeping.AT_ONCE) -> int:
    """Drop the addresses of acts before a moment, at most `limit`; how many."""
    old = sa.exists().where(activity_logs.c.id == activity_origins.c.log_id, activity_logs.c.timestamp < before)
    return await keeping.drop(db, activity_origins, old, first=[activity_origins.c.log_id], limit=limit)


async def forget_origins_of(db: Transaction, user_id: UUID) -> int:
    """Drop the addresses of one person's acts, at erasure; how many.

    The acts of an anonymous caller upon that account (registration, failed sign-ins) count as the person's.
    """
    own = activity_logs.c.user_id == user_id
    upon = sa.and_(
        activity_logs.c.entity_type == "user",
        activity_logs.c.entity_id == user_id,
        activity_logs.c.actor_kind == "anonymous",
    )
    logs = sa.select(activity_logs.c.id).where(sa.or_(own, upon))
    return await db.execute(sa.delete(activity_origins).where(activity_origins.c.log_id.in_(logs)))

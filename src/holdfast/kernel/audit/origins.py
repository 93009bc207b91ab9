"""Forget the addresses that acts came from; the log itself stays whole."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.audit.models import activity_logs, activity_origins
from holdfast.kit.db import Transaction


async def forget_origins(db: Transaction, *, user_id: UUID | None = None, before: datetime | None = None) -> int:
    """Drop the addresses of one user's acts (at erasure), or of all acts before a moment (after 90 days); how many.

    The acts of an anonymous caller upon that account (registration, failed sign-ins) count as the user's.
    """
    assert (user_id is None) != (before is None), "say whose, or how old"
    logs = sa.select(activity_logs.c.id)
    if user_id is not None:
        own = activity_logs.c.user_id == user_id
        upon = sa.and_(
            activity_logs.c.entity_type == "user",
            activity_logs.c.entity_id == user_id,
            activity_logs.c.actor_kind == "anonymous",
        )
        logs = logs.where(sa.or_(own, upon))
    else:
        logs = logs.where(activity_logs.c.timestamp < before)
    return await db.execute(sa.delete(activity_origins).where(activity_origins.c.log_id.in_(logs)))

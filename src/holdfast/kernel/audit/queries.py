"""Read the activity log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.audit.models import activity_logs, activity_origins
from holdfast.kernel.audit.values import LogEntry
from holdfast.kit.db import Reader

#: Newest first; of one moment, the last written first. For `kit.cursors.Page.select`.
ORDER: tuple[sa.ColumnElement[Any], ...] = (activity_logs.c.timestamp, activity_logs.c.id)
OWN_ROWS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which rows; None filters nothing. `since` and `until` bound the time, half open."""

    entity_type: str | None = None
    entity_id: UUID | None = None
    user_id: UUID | None = None
    action_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def listing(only: LogFilter) -> sa.Select[Any]:
    """The statement of a filtered list, without order and limit."""
    log = activity_logs.c
    equal = {
        log.entity_type: only.entity_type,
        log.entity_id: only.entity_id,
        log.user_id: only.user_id,
        log.action_type: only.action_type,
    }
    wanted = [column == value for column, value in equal.items() if value is not None]
    if only.since is not None:
        wanted.append(log.timestamp >= only.since)
    if only.until is not None:
        wanted.append(log.timestamp < only.until)
    joined = activity_logs.outerjoin(activity_origins, activity_origins.c.log_id == log.id)
    return sa.select(activity_logs, activity_origins.c.address).select_from(joined).where(*wanted)


async def of_entities(db: Reader, entity_types: Sequence[str], entity_ids: Sequence[UUID]) -> list[LogEntry]:
    """What was done to these things, oldest first: the story they share."""
    log = activity_logs.c
    joined = activity_logs.outerjoin(activity_origins, activity_origins.c.log_id == log.id)
    rows = await db.all(
        sa.select(activity_logs, activity_origins.c.address)
        .select_from(joined)
        .where(log.entity_type.in_(entity_types), log.entity_id.in_(entity_ids))
        .order_by(log.timestamp, log.id)
        .limit(OWN_ROWS_MAX)
    )
    return entries(rows)


async def of_user(db: Reader, user_id: UUID) -> list[LogEntry]:
    """What somebody did, newest first, for the export of everything about oneself."""
    rows = await db.all(
        listing(LogFilter(user_id=user_id)).order_by(*(column.desc() for column in ORDER)).limit(OWN_ROWS_MAX)
    )
    return entries(rows)


def entries(rows: Sequence[sa.Row[Any]]) -> list[LogEntry]:
    """The values of what `listing` found."""
    return [entry(row) for row in rows]


def entry(row: sa.Row[Any]) -> LogEntry:
    return LogEntry(
        id=row.id,
        entity_type=row.entity_type,
        entity_id=row.entity_id,
        actor_kind=row.actor_kind,
        user_id=row.user_id,
        provider_id=row.provider_id,
        action_type=row.action_type,
        details=row.details,
        before=row.before,
        after=row.after,
        address=row.address,
        request_id=row.request_id,
        timestamp=row.timestamp,
    )

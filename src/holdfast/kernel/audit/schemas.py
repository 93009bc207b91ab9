"""How a row of the activity log travels."""

from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.kernel.audit.values import LogEntry
from holdfast.kit.fields import Answer


class ActivityLog(Answer):
    """Who did what to what, when. A row never changes: created_at and updated_at are its timestamp."""

    id: UUID
    entity_type: str
    entity_id: UUID
    actor_kind: str
    user_id: UUID | None
    provider_id: UUID | None
    action_type: str
    details: dict[str, Any] | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    ip_address: str | None
    request_id: str | None
    timestamp: datetime
    created_at: datetime
    updated_at: datetime


def present(entry: LogEntry) -> ActivityLog:
    return ActivityLog(
        id=entry.id,
        entity_type=entry.entity_type,
        entity_id=entry.entity_id,
        actor_kind=entry.actor_kind,
        user_id=entry.user_id,
        provider_id=entry.provider_id,
        action_type=entry.action_type,
        details=None if entry.details is None else dict(entry.details),
        before=None if entry.before is None else dict(entry.before),
        after=None if entry.after is None else dict(entry.after),
        ip_address=entry.address,
        request_id=entry.request_id,
        timestamp=entry.timestamp,
        created_at=entry.timestamp,
        updated_at=entry.timestamp,
    )

"""Write down who changed what, in the transaction that changes it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.audit.models import activity_logs, activity_origins
from holdfast.kernel.audit.values import Actor
from holdfast.kit.bulk import Insert
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id


async def record(
    db: Transaction,
    *,
    actor: Actor,
    action: str,
    entity_type: str,
    entity_id: UUID,
    now: datetime,
    provider_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add one row. Personal data never stand in `details`, `before`, `after`: ids only (spec, identity)."""
    log_id = new_id()
    await db.execute(
        sa.insert(activity_logs).values(
            id=log_id,
            entity_type=entity_type,
            entity_id=entity_id,
            actor_kind=actor.kind,
            user_id=actor.user_id,
            provider_id=provider_id,
            action_type=action,
            details=details,
            before=before,
            after=after,
            request_id=actor.request_id,
            timestamp=now,
        )
    )
    if actor.address is not None:
        await db.execute(sa.insert(activity_origins).values(log_id=log_id, address=actor.address))


#: The same for many at once: rows of the log, and of the origins of those whose address is known.
RECORD = Insert(
    "activity_logs",
    {
        "id": "id",
        "entity_type": "text",
        "entity_id": "id",
        "actor_kind": "text",
        "user_id": "id",
        "provider_id": "id",
        "action_type": "text",
        "details": "json",
        "request_id": "text",
        "timestamp": "moment",
    },
)
#: And of those that say what was before and after, too: rows of `change_row`.
RECORD_CHANGE = Insert(
    "activity_logs",
    {
        "id": "id",
        "entity_type": "text",
        "entity_id": "id",
        "actor_kind": "text",
        "user_id": "id",
        "provider_id": "id",
        "action_type": "text",
        "details": "json",
        "before": "json",
        "after": "json",
        "request_id": "text",
        "timestamp": "moment",
    },
)
RECORD_ORIGIN = Insert("activity_origins", {"log_id": "id", "address": "text"})


def change_row(
    *,
    actor: Actor,
    action: str,
    entity_type: str,
    entity_id: UUID,
    now: datetime,
    provider_id: UUID | None = None,
    details: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> tuple[Any, ...]:
    """What `record` writes, as a row for `RECORD_CHANGE`; an address is a row of its own, by the first column."""
    return (
        new_id(),
        entity_type,
        entity_id,
        actor.kind,
        actor.user_id,
        provider_id,
        action,
        *(None if each is None else json.dumps(each, separators=(",", ":")) for each in (details, before, after)),
        actor.request_id,
        now,
    )

"""Write down what is to be told, once a fact; note that it left, and that it was read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.notifications.models import notifications
from holdfast.kernel.notifications.values import SEND, Message, Notification
from holdfast.kit import jobs, keeping
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.letters import Channel


async def write(db: Transaction, message: Message, *, now: datetime) -> bool:
    """The notification, and with it the job that sends its letter; False where that fact was told them before."""
    row = {
        "id": new_id(),
        "user_id": message.user_id,
        "template": message.template,
        "fact_id": message.fact_id,
        "inventory_id": message.inventory_id,
        "booking_id": message.booking_id,
        "subject_id": message.subject_id,
        "created_at": now,
    }
    if not await db.execute(db.insert(notifications).values(row).on_conflict_do_nothing()):
        return False
    payload = {"notification_id": str(row["id"])}
    await jobs.enqueue(db, kind=SEND, key=f"{SEND}:{row['id']}", payload=payload, run_at=now)
    return True


async def note_sent(db: Transaction, told: Notification, *, channel: Channel, now: datetime) -> None:
    """Its letter left; noted once."""
    await _note(db, told, "notification_sent", {"channel": channel, "sent_at": now}, now=now)


async def note_refused(db: Transaction, told: Notification, *, channel: Channel, why: str, now: datetime) -> None:
    """Its letter was refused for good; noted once."""
    await _note(db, told, "notification_refused", {"channel": channel, "refused_at": now}, now=now, why=why)


async def read(db: Transaction, told: Notification, *, actor: Actor, now: datetime) -> bool:
    """It was read; False where that is known already, and nothing changes."""
    unread = (notifications.c.id == told.id, notifications.c.read_at.is_(None))
    if not await db.execute(sa.update(notifications).where(*unread).values(read_at=now)):
        return False
    await _log(db, told, "notification_read", actor=actor, now=now, details=_details(told))
    return True


async def forget(db: Transaction, /, *, before: datetime, limit: int = keeping.AT_ONCE) -> int:
    """Drop what was told before that moment, at most `limit`; how many."""
    return await keeping.drop(db, notifications, notifications.c.created_at < before, limit=limit)


async def forget_all_of(db: Transaction, user_id: UUID) -> int:
    """Drop whatever somebody was told, at erasure; how many."""
    return await db.execute(sa.delete(notifications).where(notifications.c.user_id == user_id))


async def _note(
    db: Transaction,
    told: Notification,
    action: str,
    values: Mapping[str, Any],
    *,
    now: datetime,
    why: str | None = None,
) -> None:
    waiting = (notifications.c.id == told.id, notifications.c.sent_at.is_(None), notifications.c.refused_at.is_(None))
    if await db.execute(sa.update(notifications).where(*waiting).values(values)):
        details = {**_details(told), "channel": values["channel"]} | ({"why": why} if why else {})
        await _log(db, told, action, actor=Actor.system(), now=now, details=details)


def _details(told: Notification) -> dict[str, Any]:
    booking = {"booking_id": str(told.booking_id)} if told.booking_id is not None else {}
    return {"template": told.template, **booking}


async def _log(
    db: Transaction, told: Notification, action: str, *, actor: Actor, now: datetime, details: Mapping[str, Any]
) -> None:
    await audit.record(
        db, actor=actor, action=action, entity_type="notification", entity_id=told.id, details=details, now=now
    )

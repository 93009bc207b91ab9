"""Let a schedule depart, arrive, be cancelled or hidden; each under the turn of what is sold on it."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit, checkout, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.inventory import SELLING, OccurrenceCancelled
from holdfast.kit.db import Transaction
from holdfast.kit.versions import check_version
from holdfast.products.bus import access, queries
from holdfast.products.bus.models import bus_schedules
from holdfast.products.bus.records import Schedule
from holdfast.products.bus.values import ScheduleStatus, StatusBackwards


async def locked(db: Transaction, schedule_id: UUID) -> tuple[Schedule, datetime]:
    """The schedule as it is under its turn, which stays taken until the transaction ends. ScheduleNotFound."""
    await queries.schedule(db, schedule_id)
    async with inventory.turn(db, schedule_id) as taken:
        return await queries.schedule(db, schedule_id), taken.now


async def announce(db: Transaction, schedule_id: UUID) -> None:
    """The row, its stops or fares changed: whoever keeps them in memory reads them anew."""
    async with inventory.turn(db, schedule_id) as taken:
        taken.announce()


async def cancel_by_id(db: Transaction, schedule_id: UUID, *, actor: Actor, reason: str | None) -> Schedule:
    """The provider cancels. Raises ScheduleNotFound, OccurrenceCancelled (it was before), StatusBackwards."""
    schedule, now = await locked(db, schedule_id)
    access.refuse_unless_manager(actor, schedule.provider_id)
    await cancel(db, schedule, actor=actor, reason=reason, now=now)
    return await queries.schedule(db, schedule_id)


async def cancel(db: Transaction, schedule: Schedule, *, actor: Actor, reason: str | None, now: datetime) -> None:
    """The status and the kernel's tombstone in one transaction; a job pays everybody back (spec, kernel 9)."""
    if schedule.status == "cancelled":
        raise OccurrenceCancelled
    if schedule.status == "completed":
        raise StatusBackwards(schedule.status, "cancelled")
    await checkout.cancel_occurrence(db, schedule.id, actor=actor, reason=reason)
    await _set_status(db, schedule, to="cancelled", actor=actor, now=now, reason=reason)


async def delete(db: Transaction, schedule_id: UUID, *, expected: int | None, actor: Actor) -> bool:
    """Hide an unsold schedule; one of which anything is held or sold is cancelled instead. Whether it was hidden."""
    schedule, now = await locked(db, schedule_id)
    access.refuse_unless_manager(actor, schedule.provider_id)
    check_version(expected, schedule.version)
    if schedule.status in {"scheduled", "in_transit"}:
        async with inventory.turn(db, schedule_id) as taken:
            is_sold = await inventory.has_live_claims(taken)
            if not is_sold and taken.inventory.state in {*SELLING, "draft"}:
                inventory.set_state(taken, "closed")
        if is_sold:
            await cancel(db, schedule, actor=actor, reason=None, now=now)
            return False
    await db.execute(
        sa.update(bus_schedules)
        .where(bus_schedules.c.id == schedule.id)
        .values(deleted_at=now, version=schedule.version + 1, updated_at=now)
    )
    await announce(db, schedule.id)
    await audit.record(
        db,
        actor=actor,
        action="schedule_deleted",
        entity_type="bus_schedule",
        entity_id=schedule.id,
        provider_id=schedule.provider_id,
        before={"status": schedule.status},
        now=now,
    )
    return True


async def move_on(db: Transaction, schedule_id: UUID) -> bool:
    """Depart or arrive, if its moment has come; at most one step. Whether it moved."""
    schedule, now = await locked(db, schedule_id)
    if schedule.status == "scheduled" and schedule.departs_at <= now:
        await advance(db, schedule, to="in_transit", actor=Actor.system(), now=now)
        return True
    if schedule.status == "in_transit" and schedule.arrives_at <= now:
        await advance(db, schedule, to="completed", actor=Actor.system(), now=now)
        return True
    return False


async def advance(db: Transaction, schedule: Schedule, *, to: ScheduleStatus, actor: Actor, now: datetime) -> None:
    """A step forward; arriving ends the sale and completes its bookings."""
    if to == "completed":
        await checkout.finish_occurrence(db, schedule.id, actor=actor)
    await _set_status(db, schedule, to=to, actor=actor, now=now)


async def _set_status(
    db: Transaction,
    schedule: Schedule,
    *,
    to: ScheduleStatus,
    actor: Actor,
    now: datetime,
    reason: str | None = None,
) -> None:
    touched = await db.execute(
        sa.update(bus_schedules)
        .where(bus_schedules.c.id == schedule.id, bus_schedules.c.status == schedule.status)
        .values(status=to, version=bus_schedules.c.version + 1, updated_at=now)
    )
    assert touched == 1, "the turn is taken"
    await announce(db, schedule.id)
    await audit.record(
        db,
        actor=actor,
        action=f"schedule_{to}",
        entity_type="bus_schedule",
        entity_id=schedule.id,
        provider_id=schedule.provider_id,
        before={"status": schedule.status},
        after={"status": to},
        details={"reason": reason} if reason else None,
        now=now,
    )

"""Enter, change and retire buses. Seats generated from one stay as they were."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.text import match_key
from holdfast.kit.versions import VersionStale, check_version
from holdfast.products.bus import access, queries
from holdfast.products.bus.actions import service
from holdfast.products.bus.layouts import parse_layout
from holdfast.products.bus.models import bus_buses
from holdfast.products.bus.records import Bus
from holdfast.products.bus.schemas import BusChange, NewBus
from holdfast.products.bus.values import BusNumberTaken


async def create(db: Transaction, new: NewBus, *, actor: Actor, now: datetime) -> UUID:
    """A bus of the caller's provider. Raises LayoutInvalid, SeatsMiscounted, BusNumberTaken, ProviderNotFound."""
    provider = await access.provider_for(db, actor, new.provider_id)
    parse_layout(new.seat_layout_config, total_seats=new.total_seats)
    bus_id = new_id()
    values = {
        "bus_number": new.bus_number,
        "bus_number_key": match_key(new.bus_number)[:80],
        "bus_type": new.bus_type,
        "total_seats": new.total_seats,
        "seat_layout_config": new.seat_layout_config.model_dump(mode="json", exclude_none=True),
        "amenities": new.amenities,
        "is_active": new.is_active is not False,
    }
    try:
        await db.execute(
            sa.insert(bus_buses).values(
                id=bus_id, provider_id=provider.id, **values, version=1, created_at=now, updated_at=now
            )
        )
    except IntegrityError as error:
        raise BusNumberTaken(new.bus_number) from error
    await _log(db, bus_id, provider.id, actor=actor, action="bus_created", after=_summary(values), now=now)
    return bus_id


async def update(
    db: Transaction, bus_id: UUID, change: BusChange, *, expected: int | None, actor: Actor, now: datetime
) -> Bus:
    """Change a bus; seats generated from it stay as they are.

    Raises BusNotFound, VersionStale, LayoutInvalid, SeatsMiscounted, BusNumberTaken, BusInUse (deactivated while
    seats are sold).
    """
    old = await queries.bus(db, bus_id)
    access.refuse_unless_manager(actor, old.provider_id)
    check_version(expected, old.version)
    config = change.seat_layout_config or old.seat_layout_config
    total_seats = change.total_seats or old.total_seats
    if change.seat_layout_config is not None or change.total_seats is not None:
        parse_layout(config, total_seats=total_seats)
    number = change.bus_number or old.bus_number
    values = {
        "bus_number": number,
        "bus_number_key": match_key(number)[:80],
        "bus_type": change.bus_type or old.bus_type,
        "total_seats": total_seats,
        "seat_layout_config": old.seat_layout_config
        if change.seat_layout_config is None
        else change.seat_layout_config.model_dump(mode="json", exclude_none=True),
        "amenities": change.amenities if "amenities" in change.model_fields_set else old.amenities,
        "is_active": old.is_active if change.is_active is None else change.is_active,
    }
    if values["is_active"] != old.is_active:
        await service.follow(db, is_active=bool(values["is_active"]), bus_id=bus_id, actor=actor, now=now)
    try:
        await _write(db, old, values=values, now=now)
    except IntegrityError as error:
        raise BusNumberTaken(number) from error
    before = _summary({name: getattr(old, name) for name in _LOGGED})
    await _log(
        db, bus_id, old.provider_id, actor=actor, action="bus_changed", before=before, after=_summary(values), now=now
    )
    return await queries.bus(db, bus_id)


async def delete(db: Transaction, bus_id: UUID, *, expected: int | None, actor: Actor, now: datetime) -> None:
    """Hide a bus and take its unsold schedules off sale. Raises BusNotFound, VersionStale, BusInUse."""
    old = await queries.bus(db, bus_id)
    access.refuse_unless_manager(actor, old.provider_id)
    check_version(expected, old.version)
    await service.follow(db, is_active=False, bus_id=bus_id, actor=actor, now=now)
    await _write(db, old, values={"is_active": False, "deleted_at": now}, now=now)
    await _log(db, bus_id, old.provider_id, actor=actor, action="bus_deleted", now=now)


_LOGGED = ("bus_number", "bus_type", "total_seats", "is_active")


def _summary(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in _LOGGED}


async def _write(db: Transaction, old: Bus, *, values: Mapping[str, object], now: datetime) -> None:
    """The version in the condition decides between two who edit at once."""
    touched = await db.execute(
        sa.update(bus_buses)
        .where(bus_buses.c.id == old.id, bus_buses.c.version == old.version, bus_buses.c.deleted_at.is_(None))
        .values(**values, version=old.version + 1, updated_at=now)
    )
    if not touched:
        raise VersionStale(old.version + 1)


async def _log(
    db: Transaction,
    bus_id: UUID,
    provider_id: UUID,
    *,
    actor: Actor,
    action: str,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="bus",
        entity_id=bus_id,
        provider_id=provider_id,
        before=before,
        after=after,
        now=now,
    )

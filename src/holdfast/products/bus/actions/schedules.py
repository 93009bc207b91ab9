"""Plan schedules, change, cancel and hide them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.kernel import audit, checkout, identity, inventory
from holdfast.kernel.audit import Actor, RoleNeeded
from holdfast.kernel.inventory import Limits, Step, Terms
from holdfast.kit import ids
from holdfast.kit.db import Transaction, violated
from holdfast.kit.versions import check_version
from holdfast.products.bus import access, queries, rules
from holdfast.products.bus.actions import generation, moves, planning
from holdfast.products.bus.models import OVERLAP, bus_fares, bus_schedule_stops, bus_schedules, bus_stop_keys
from holdfast.products.bus.records import Route, Schedule
from holdfast.products.bus.schemas import NewSchedule, ScheduleChange
from holdfast.products.bus.values import (
    ArrivalBeforeDeparture,
    BusBusy,
    BusInactive,
    BusNotFound,
    CancelAlone,
    ProvidersDiffer,
    RouteFixed,
    RouteInactive,
    ScheduleEnded,
)

#: More than a day before boarding all of it, down to two hours half; less: not cancelled any more (seed 004, 11).
TERMS = Terms(version=1, steps=(Step(86_400, 100), Step(7_200, 50)), closed_within=7_200)
#: One clock of exactly 15 minutes, which booking and payment inherit and nothing extends (spec, bus).
LIMITS = Limits(items_max=6, hold_seconds=900, pay_seconds=0, retry_seconds=0, second_hold="refuse", chain_seconds=1800)


async def create(db: Transaction, new: NewSchedule, *, actor: Actor, now: datetime) -> UUID:
    """Plan a run; its inventory begins as a draft without seats.

    Raises RouteNotFound, BusNotFound, RouteInactive, BusInactive, ProvidersDiffer, DepartureInPast,
    ArrivalBeforeDeparture, PriceNotPositive, MalformedAmount, NonexistentTime, AmbiguousTime, BusBusy.
    """
    route = await queries.route(db, new.route_id)
    await _refuse_unusable(db, route, new.bus_id, actor=actor)
    departs_at = planning.moment_of(new.departure_datetime, route.origin.zone, new.departure_fold)
    arrives_at = (
        departs_at + timedelta(minutes=route.duration_minutes)
        if new.arrival_datetime is None
        else planning.moment_of(new.arrival_datetime, route.destination.zone, new.arrival_fold)
    )
    planning.refuse_bad_times(departs_at, arrives_at, now=now)
    currency = new.currency or (await identity.provider(db, route.provider_id)).currency
    base_price = planning.price_of(new.base_price, currency)
    schedule_id = ids.new_id()
    empty = await inventory.add_layout(db, product="bus", slots_per_place=1, places=(), now=now)
    await inventory.add(
        db,
        inventory_id=schedule_id,
        product="bus",
        occurrence_id=schedule_id,
        provider_id=route.provider_id,
        state="draft",
        starts_at=departs_at,
        ends_at=arrives_at,
        zone=route.origin.zone,
        currency=currency,
        prices={},
        limits=LIMITS,
        terms=TERMS,
        layout=empty,
        now=now,
    )
    values = {
        "provider_id": route.provider_id,
        "route_id": route.id,
        "bus_id": new.bus_id,
        "departs_at": departs_at,
        "arrives_at": arrives_at,
        "base_price": base_price,
        "currency": currency,
    }
    try:
        await db.execute(
            sa.insert(bus_schedules).values(
                id=schedule_id, **values, status="scheduled", version=1, created_at=now, updated_at=now
            )
        )
    except IntegrityError as error:
        raise _named(error) from error
    await planning.write_fares(
        db, schedule_id, planning.fares_of(new.fares, route, base_price=base_price, currency=currency)
    )
    await log(
        db, schedule_id, route.provider_id, actor=actor, action="schedule_created", after=summary(values), now=now
    )
    return schedule_id


async def update(
    db: Transaction, schedule_id: UUID, change: ScheduleChange, *, expected: int | None, actor: Actor
) -> Schedule:
    """Change a run: bus, times (with everything sold on it), prices of what is sold from now on, status.

    Raises ScheduleNotFound, VersionStale, ScheduleEnded, RouteFixed, SeatsMissing, StatusBackwards, RoleNeeded (a
    status other than cancelled is the admins'), CancelAlone, OccurrenceCancelled, and as `create`.
    """
    old, now = await moves.locked(db, schedule_id)
    access.refuse_unless_manager(actor, old.provider_id)
    check_version(expected, old.version)
    if change.status == "cancelled":
        _refuse_more_than_status(old, change)
        await moves.cancel(db, old, actor=actor, reason=None, now=now)
        return await queries.schedule(db, schedule_id)
    if old.status in {"completed", "cancelled"} and change.status in {None, old.status}:
        raise ScheduleEnded(old.status)
    if change.status is not None and change.status != old.status:
        if not actor.is_admin:
            raise RoleNeeded("admins")
        rules.check_status_change(old.status, change.status)
    await _plan_anew(db, old, change, actor=actor, now=now)
    if change.status is not None and change.status != old.status:
        await moves.advance(db, await queries.schedule(db, schedule_id), to=change.status, actor=actor, now=now)
    return await queries.schedule(db, schedule_id)


async def _plan_anew(db: Transaction, old: Schedule, change: ScheduleChange, *, actor: Actor, now: datetime) -> None:
    former = await _route_of(db, old)
    route = (
        former if change.route_id is None or change.route_id == former.id else await queries.route(db, change.route_id)
    )
    values: dict[str, Any] = {}
    if change.currency not in {None, old.currency}:
        raise RouteFixed
    if route.id != former.id and (old.generated_at is not None or route.origin.zone != former.origin.zone):
        raise RouteFixed
    if route.id != old.route_id or (change.bus_id or old.bus_id) != old.bus_id:
        await _refuse_unusable(db, route, change.bus_id or old.bus_id, actor=actor)
        values |= {"route_id": route.id, "bus_id": change.bus_id or old.bus_id}
    values |= _times(old, change, route, now=now)
    if change.base_price is not None:
        values["base_price"] = planning.price_of(change.base_price, old.currency)
    await _write(db, old, values=values, now=now)
    if {"departs_at", "arrives_at"} & values.keys():
        await _move(db, old, values["departs_at"], values["arrives_at"], actor=actor)
    if change.fares is not None:
        price = values.get("base_price", old.base_price)
        await db.execute(sa.delete(bus_fares).where(bus_fares.c.schedule_id == old.id))
        await planning.write_fares(
            db, old.id, planning.fares_of(change.fares, route, base_price=price, currency=old.currency)
        )
    changed = await queries.schedule(db, old.id)
    await _sell_anew(db, old, changed)
    before, after = summary(_fields(old)), summary(_fields(changed))
    await log(db, old.id, old.provider_id, actor=actor, action="schedule_changed", before=before, after=after, now=now)


async def _sell_anew(db: Transaction, old: Schedule, changed: Schedule) -> None:
    """Let whoever priced by what stood before look again, and give a schedule with seats those of another bus."""
    if changed.generated_at is not None and changed.bus_id != old.bus_id:
        await generation.change_bus(db, changed)
    elif (changed.base_price, changed.fares) != (old.base_price, old.fares):
        async with inventory.turn(db, old.id) as taken:
            inventory.reprice(taken, prices=taken.inventory.prices)


def _times(old: Schedule, change: ScheduleChange, route: Route, *, now: datetime) -> dict[str, datetime]:
    if change.departure_datetime is None and change.arrival_datetime is None:
        return {}
    departs_at, arrives_at = old.departs_at, old.arrives_at
    if change.departure_datetime is not None:
        departs_at = planning.moment_of(change.departure_datetime, route.origin.zone, change.departure_fold)
    if change.arrival_datetime is not None:
        arrives_at = planning.moment_of(change.arrival_datetime, route.destination.zone, change.arrival_fold)
    if (departs_at, arrives_at) == (old.departs_at, old.arrives_at):
        return {}
    if old.status == "in_transit" and departs_at == old.departs_at:  # it is on its way: the arrival may still move
        if arrives_at <= max(departs_at, now):
            raise ArrivalBeforeDeparture
    else:
        if old.status != "scheduled":
            raise ScheduleEnded(old.status)
        planning.refuse_bad_times(departs_at, arrives_at, now=now)
    on_the_way = old.stops[1:-1]
    if on_the_way and arrives_at <= on_the_way[-1].at + (departs_at - old.departs_at):
        raise ArrivalBeforeDeparture
    return {"departs_at": departs_at, "arrives_at": arrives_at}


async def _move(db: Transaction, old: Schedule, departs_at: datetime, arrives_at: datetime, *, actor: Actor) -> None:
    """Stops on the way move with the departure, as everything held or sold does; the last one is the arrival."""
    await checkout.reschedule(db, old.id, starts_at=departs_at, ends_at=arrives_at, actor=actor)
    by = departs_at - old.departs_at
    for stop in old.stops:
        at = arrives_at if stop.position == old.legs else stop.at + by
        for table in (bus_schedule_stops, bus_stop_keys):
            mine = (table.c.schedule_id == old.id, table.c.position == stop.position)
            await db.execute(sa.update(table).where(*mine).values(at=at))


async def _write(db: Transaction, old: Schedule, *, values: Mapping[str, Any], now: datetime) -> None:
    statement = sa.update(bus_schedules).where(bus_schedules.c.id == old.id)
    try:
        await db.execute(statement.values(**values, version=old.version + 1, updated_at=now))
    except IntegrityError as error:
        raise _named(error) from error
    await moves.announce(db, old.id)


async def _route_of(db: Transaction, old: Schedule) -> Route:
    return (await queries.occurrences_of(db, [old]))[0].route


async def _refuse_unusable(db: Transaction, route: Route, bus_id: UUID, *, actor: Actor) -> None:
    bus = await queries.bus(db, bus_id)
    if actor.kind != "system" and not actor.is_admin and bus.provider_id not in actor.members:
        raise BusNotFound
    access.refuse_unless_manager(actor, route.provider_id)
    access.refuse_unless_manager(actor, bus.provider_id)
    if bus.provider_id != route.provider_id:
        raise ProvidersDiffer
    if not route.is_active:
        raise RouteInactive
    if not bus.is_active:
        raise BusInactive


def _refuse_more_than_status(old: Schedule, change: ScheduleChange) -> None:
    """A client that sends the whole record again may; whoever changes something else as well is told."""
    sent = change.model_dump(exclude_none=True, exclude={"status", "fares", "departure_fold", "arrival_fold"})
    stands = {
        "bus_id": old.bus_id,
        "route_id": old.route_id,
        "departure_datetime": old.departs_at,
        "arrival_datetime": old.arrives_at,
        "currency": old.currency,
        "base_price": sent.get("base_price"),
    }
    if change.base_price is not None and planning.price_of(change.base_price, old.currency) != old.base_price:
        raise CancelAlone
    if any(stands[name] != value for name, value in sent.items()):
        raise CancelAlone


def _named(error: IntegrityError) -> Exception:
    return BusBusy() if OVERLAP in violated(error) else error


def _fields(schedule: Schedule) -> dict[str, Any]:
    names = ("route_id", "bus_id", "departs_at", "arrives_at", "base_price", "currency")
    return {name: getattr(schedule, name) for name in names}


def summary(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the activity log keeps of a schedule."""
    return {name: value if isinstance(value, int) else str(value) for name, value in values.items()}


async def log(
    db: Transaction,
    schedule_id: UUID,
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
        entity_type="bus_schedule",
        entity_id=schedule_id,
        provider_id=provider_id,
        before=before,
        after=after,
        now=now,
    )

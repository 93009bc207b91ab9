"""Open, change and close routes. What was generated from one stays as it was."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.text import match_key
from holdfast.kit.versions import VersionStale, check_version
from holdfast.kit.zones import zone_of
from holdfast.products.bus import access, queries, rules
from holdfast.products.bus.actions import service
from holdfast.products.bus.models import bus_route_stops, bus_routes
from holdfast.products.bus.records import Route, RouteStop, names_of
from holdfast.products.bus.rules import StopPoint
from holdfast.products.bus.schemas import NewRoute, RouteChange, StopBody
from holdfast.products.bus.values import StopsNeeded, StopsOutOfOrder, StopTwice


async def create(db: Transaction, new: NewRoute, *, actor: Actor, now: datetime) -> UUID:
    """A route of the caller's provider. Raises SameCity, StopsOutOfOrder, StopTwice, UnknownZone, ProviderNotFound."""
    provider = await access.provider_for(db, actor, new.provider_id)
    stops = _stops(new.stops, zone=provider.zone) if new.stops is not None else _ends(new, zone=provider.zone)
    stops = _named(stops, new)
    _check(stops)
    route_id = new_id()
    await db.execute(
        sa.insert(bus_routes).values(
            id=route_id,
            provider_id=provider.id,
            **_ends_of(stops),
            is_active=new.is_active is not False,
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    await _write_stops(db, route_id, stops)
    await _log(db, route_id, provider.id, actor=actor, action="route_created", now=now, after=_summary(stops))
    return route_id


async def update(
    db: Transaction, route_id: UUID, change: RouteChange, *, expected: int | None, actor: Actor, now: datetime
) -> Route:
    """Change a route; schedules whose seats are generated keep the stops they have.

    Raises RouteNotFound, VersionStale, StopsNeeded, RouteInUse (deactivated while seats are sold), and as `create`.
    """
    old = await queries.route(db, route_id)
    access.refuse_unless_manager(actor, old.provider_id)
    check_version(expected, old.version)
    stops = _stops(change.stops, zone=old.origin.zone) if change.stops is not None else _changed(old, change)
    stops = _named(stops, change)
    _check(stops)
    is_active = old.is_active if change.is_active is None else change.is_active
    if is_active != old.is_active:
        await service.follow(db, is_active=is_active, route_id=route_id, actor=actor, now=now)
    await _write(db, old, values={**_ends_of(stops), "is_active": is_active}, now=now)
    await _write_stops(db, route_id, stops)
    await _log(
        db,
        route_id,
        old.provider_id,
        actor=actor,
        action="route_changed",
        now=now,
        before={**_summary(old.stops), "is_active": old.is_active},
        after={**_summary(stops), "is_active": is_active},
    )
    return await queries.route(db, route_id)


async def delete(db: Transaction, route_id: UUID, *, expected: int | None, actor: Actor, now: datetime) -> None:
    """Hide a route and take its unsold schedules off sale. Raises RouteNotFound, VersionStale, RouteInUse."""
    old = await queries.route(db, route_id)
    access.refuse_unless_manager(actor, old.provider_id)
    check_version(expected, old.version)
    await service.follow(db, is_active=False, route_id=route_id, actor=actor, now=now)
    await _write(db, old, values={"is_active": False, "deleted_at": now}, now=now)
    await _log(db, route_id, old.provider_id, actor=actor, action="route_deleted", now=now)


def _stops(bodies: Sequence[StopBody], *, zone: str) -> tuple[RouteStop, ...]:
    orders = [body.order for body in bodies]
    for position, (order, body) in enumerate(zip(orders, bodies, strict=True)):
        if order is not None and order != position:
            raise StopsOutOfOrder(position, body.city)
    return tuple(
        RouteStop(
            position=position,
            city=body.city,
            names=body.names,
            zone=body.zone or zone,
            minutes=body.minutes_from_start,
            metres=round(body.km * 1000),
        )
        for position, body in enumerate(bodies)
    )


def _ends(new: NewRoute, *, zone: str) -> tuple[RouteStop, ...]:
    assert new.origin_city is not None
    assert new.destination_city is not None
    assert new.distance_km is not None
    assert new.estimated_duration_minutes is not None
    return (
        RouteStop(0, new.origin_city, {}, zone, 0, 0),
        RouteStop(1, new.destination_city, {}, zone, new.estimated_duration_minutes, round(new.distance_km * 1000)),
    )


def _changed(old: Route, change: RouteChange) -> tuple[RouteStop, ...]:
    metres = old.distance_metres if change.distance_km is None else round(change.distance_km * 1000)
    minutes = change.estimated_duration_minutes or old.duration_minutes
    if (metres, minutes) == (old.distance_metres, old.duration_minutes):
        return old.stops
    if len(old.stops) > 2:  # noqa: PLR2004 - origin and destination
        raise StopsNeeded
    return old.stops[0], replace(old.stops[1], metres=metres, minutes=minutes)


def _named(stops: tuple[RouteStop, ...], change: RouteChange) -> tuple[RouteStop, ...]:
    """The ends as they are called beside the list of stops."""
    first, last = stops[0], stops[-1]
    first = replace(
        first,
        city=change.origin_city or first.city,
        names=first.names if change.origin_names is None else change.origin_names,
        zone=change.origin_zone or first.zone,
    )
    last = replace(
        last,
        city=change.destination_city or last.city,
        names=last.names if change.destination_names is None else change.destination_names,
        zone=change.destination_zone or last.zone,
    )
    return first, *stops[1:-1], last


def _check(stops: Sequence[RouteStop]) -> None:
    rules.check_stops([StopPoint(stop.city, stop.minutes, Fraction(stop.metres, 1000)) for stop in stops])
    if stops[0].minutes or stops[0].metres:
        raise StopsOutOfOrder(0, stops[0].city)
    seen: set[str] = set()
    for stop in stops:
        zone_of(stop.zone)
        keys = names_of(stop.city, stop.names)
        if keys & seen or not match_key(stop.city):
            raise StopTwice(stop.city)
        seen |= keys


def _ends_of(stops: Sequence[RouteStop]) -> dict[str, object]:
    origin, destination = stops[0], stops[-1]
    return {
        "origin_city": origin.city,
        "origin_key": match_key(origin.city),
        "destination_city": destination.city,
        "destination_key": match_key(destination.city),
        "distance_metres": destination.metres,
        "duration_minutes": destination.minutes,
    }


async def _write(db: Transaction, old: Route, *, values: dict[str, object], now: datetime) -> None:
    """The version in the condition decides between two who edit at once."""
    touched = await db.execute(
        sa.update(bus_routes)
        .where(bus_routes.c.id == old.id, bus_routes.c.version == old.version, bus_routes.c.deleted_at.is_(None))
        .values(**values, version=old.version + 1, updated_at=now)
    )
    if not touched:
        raise VersionStale(old.version + 1)


async def _write_stops(db: Transaction, route_id: UUID, stops: Sequence[RouteStop]) -> None:
    await db.execute(sa.delete(bus_route_stops).where(bus_route_stops.c.route_id == route_id))
    await db.execute(
        sa.insert(bus_route_stops),
        [
            {
                "route_id": route_id,
                "position": stop.position,
                "city": stop.city,
                "names": dict(stop.names),
                "zone": stop.zone,
                "minutes": stop.minutes,
                "metres": stop.metres,
            }
            for stop in stops
        ],
    )


def _summary(stops: Sequence[RouteStop]) -> dict[str, object]:
    return {"stops": [stop.city for stop in stops], "minutes": stops[-1].minutes, "metres": stops[-1].metres}


async def _log(
    db: Transaction,
    route_id: UUID,
    provider_id: UUID,
    *,
    actor: Actor,
    action: str,
    now: datetime,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="bus_route",
        entity_id=route_id,
        provider_id=provider_id,
        before=before,
        after=after,
        now=now,
    )

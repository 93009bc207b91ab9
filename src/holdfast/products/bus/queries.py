"""Read the catalogue, and what of it is free at a moment."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import inventory
from holdfast.kernel.inventory import Inventory, Place, SlotState
from holdfast.kit import ids
from holdfast.kit.db import Reader
from holdfast.products.bus import offers
from holdfast.products.bus.models import (
    bus_buses,
    bus_fares,
    bus_route_stops,
    bus_routes,
    bus_schedule_stops,
    bus_schedules,
)
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.records import Bus, Fare, Route, RouteStop, Schedule, ScheduleStop
from holdfast.products.bus.values import BusNotFound, RouteNotFound, ScheduleNotFound, SeatNotFound


async def route(db: Reader, route_id: UUID) -> Route:
    """RouteNotFound where there is none, or it was deleted."""
    row = await db.first(sa.select(bus_routes).where(bus_routes.c.id == route_id, bus_routes.c.deleted_at.is_(None)))
    if row is None:
        raise RouteNotFound
    return (await routes_of(db, [row]))[0]


async def routes_of(db: Reader, rows: Sequence[sa.Row[Any]]) -> list[Route]:
    """Rows of bus_routes with their stops."""
    stops: dict[UUID, list[RouteStop]] = defaultdict(list)
    statement = sa.select(bus_route_stops).where(db.among(bus_route_stops.c.route_id, [row.id for row in rows]))
    for stop in await db.all(statement.order_by(bus_route_stops.c.position)) if rows else []:
        stops[stop.route_id].append(
            RouteStop(stop.position, stop.city, stop.names, stop.zone, stop.minutes, stop.metres)
        )
    return [
        Route(
            id=row.id,
            provider_id=row.provider_id,
            distance_metres=row.distance_metres,
            duration_minutes=row.duration_minutes,
            is_active=row.is_active,
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            stops=tuple(stops[row.id]),
        )
        for row in rows
    ]


async def bus(db: Reader, bus_id: UUID) -> Bus:
    """BusNotFound where there is none, or it was deleted."""
    row = await db.first(sa.select(bus_buses).where(bus_buses.c.id == bus_id, bus_buses.c.deleted_at.is_(None)))
    if row is None:
        raise BusNotFound
    return bus_of(row)


async def bus_numbers(db: Reader, bus_ids: Collection[UUID]) -> dict[UUID, str]:
    """What stands on each bus, whether or not it is still in service."""
    statement = sa.select(bus_buses.c.id, bus_buses.c.bus_number).where(db.among(bus_buses.c.id, set(bus_ids)))
    return {row.id: row.bus_number for row in await db.all(statement)}


def bus_of(row: sa.Row[Any]) -> Bus:
    return Bus(
        id=row.id,
        provider_id=row.provider_id,
        bus_number=row.bus_number,
        bus_type=row.bus_type,
        total_seats=row.total_seats,
        seat_layout_config=row.seat_layout_config,
        amenities=row.amenities,
        is_active=row.is_active,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def schedule(db: Reader, schedule_id: UUID) -> Schedule:
    """ScheduleNotFound where there is none, or it was deleted."""
    found = await _schedules(db, bus_schedules.c.id == schedule_id, bus_schedules.c.deleted_at.is_(None))
    if not found:
        raise ScheduleNotFound
    return found[0]


async def schedules_of(db: Reader, rows: Sequence[sa.Row[Any]]) -> list[Schedule]:
    """Rows of bus_schedules with their stops and fares."""
    wanted = [row.id for row in rows]
    if not wanted:
        return []
    stops: dict[UUID, list[ScheduleStop]] = defaultdict(list)
    of_stops = sa.select(bus_schedule_stops).where(db.among(bus_schedule_stops.c.schedule_id, wanted))
    for stop in await db.all(of_stops.order_by(bus_schedule_stops.c.position)):
        stops[stop.schedule_id].append(
            ScheduleStop(stop.position, stop.city, stop.names, stop.zone, stop.metres, stop.at)
        )
    fares: dict[UUID, list[Fare]] = defaultdict(list)
    of_fares = sa.select(bus_fares).where(db.among(bus_fares.c.schedule_id, wanted))
    for fare in await db.all(of_fares.order_by(bus_fares.c.from_key, bus_fares.c.to_key)):
        fares[fare.schedule_id].append(Fare(fare.from_city, fare.to_city, fare.price))
    return [
        Schedule(
            id=row.id,
            provider_id=row.provider_id,
            route_id=row.route_id,
            bus_id=row.bus_id,
            departs_at=row.departs_at,
            arrives_at=row.arrives_at,
            base_price=row.base_price,
            currency=row.currency,
            status=row.status,
            generated_at=row.generated_at,
            decks=row.decks or (),
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
            stops=tuple(stops[row.id]),
            fares=tuple(fares[row.id]),
        )
        for row in rows
    ]


async def offer(db: Reader, schedule_id: UUID) -> Offer:
    """A schedule with what is sold of it. ScheduleNotFound."""
    found = await schedule(db, schedule_id)
    return (await offers_of(db, [found]))[0]


async def find_offers(db: Reader, schedule_ids: Collection[UUID]) -> list[Offer]:
    """The same of many; nothing of those that are not there."""
    wanted = db.among(bus_schedules.c.id, schedule_ids)
    return await offers_of(db, await _schedules(db, wanted, bus_schedules.c.deleted_at.is_(None)))


async def seat(db: Reader, seat_id: UUID) -> tuple[Offer, Place]:
    """A seat by its public id, with the schedule it is sold on. SeatNotFound."""
    unpacked = ids.unpack(seat_id)
    if unpacked is None:
        raise SeatNotFound
    serial, number = unpacked
    try:
        found = await offer(db, (await inventory.find_by_serial(db, serial)).id)
    except (inventory.InventoryNotFound, ScheduleNotFound):
        raise SeatNotFound from None
    place = found.places.place(number)
    if place is None:
        raise SeatNotFound
    return found, place


async def offers_of(db: Reader, found: Sequence[Schedule]) -> list[Offer]:
    """Each schedule with its inventory and its seats; layouts are read once a process."""
    inventories = await inventory.find_many(db, [each.id for each in found]) if found else {}
    layouts = await inventory.layouts_of(db, {each.layout_id for each in inventories.values()})
    return [Offer(each, inventories[each.id], layouts[inventories[each.id].layout_id]) for each in found]


async def seats_free(db: Reader, found: Sequence[Offer], *, now: datetime) -> dict[UUID, int]:
    """How many seats are free over the whole way, by schedule: one scan for all of them."""
    occupied = await inventory.occupied_slots(db, [each.schedule.id for each in found], now=now) if found else {}
    return {each.schedule.id: offers.count_free(each, offers.whole(each), occupied[each.schedule.id]) for each in found}


async def slot_states(db: Reader, found: Offer, *, now: datetime) -> dict[int, SlotState]:
    """What is taken of it, slot by slot."""
    return await inventory.slot_states(db, found.schedule.id, now=now)


async def cities_served(db: Reader, *, now: datetime) -> list[str]:
    """The cities that anybody can still board or alight in, by name."""
    rows = await db.all(
        sa.select(bus_schedule_stops.c.city)
        .join(bus_schedules, bus_schedules.c.id == bus_schedule_stops.c.schedule_id)
        .where(
            bus_schedules.c.arrives_at > now,
            bus_schedules.c.status.in_(("scheduled", "in_transit")),
            bus_schedules.c.deleted_at.is_(None),
        )
        .distinct()
        .order_by(bus_schedule_stops.c.city)
        .limit(500)
    )
    return [row.city for row in rows]


async def future_schedules(
    db: Reader, *, now: datetime, route_id: UUID | None = None, bus_id: UUID | None = None
) -> list[UUID]:
    """Ids of the schedules of a route or a bus that run, or are still to run, sorted."""
    statement = sa.select(bus_schedules.c.id).where(
        bus_schedules.c.status.in_(("scheduled", "in_transit")),
        bus_schedules.c.arrives_at > now,
        bus_schedules.c.deleted_at.is_(None),
    )
    if route_id is not None:
        statement = statement.where(bus_schedules.c.route_id == route_id)
    if bus_id is not None:
        statement = statement.where(bus_schedules.c.bus_id == bus_id)
    return [row.id for row in await db.all(statement.order_by(bus_schedules.c.id))]


async def moving(db: Reader, *, now: datetime, limit: int) -> list[UUID]:
    """Ids of schedules whose departure or arrival has passed while their status has not followed."""
    late = sa.or_(
        sa.and_(bus_schedules.c.status == "scheduled", bus_schedules.c.departs_at <= now),
        sa.and_(bus_schedules.c.status == "in_transit", bus_schedules.c.arrives_at <= now),
    )
    statement = sa.select(bus_schedules.c.id).where(late, bus_schedules.c.deleted_at.is_(None))
    return [row.id for row in await db.all(statement.order_by(bus_schedules.c.departs_at).limit(limit))]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A schedule with its bus and route, deleted ones included: what its bookings are shown with."""

    schedule: Schedule
    bus: Bus
    route: Route
    inventory: Inventory


async def occurrences(db: Reader, schedule_ids: Sequence[UUID]) -> Mapping[UUID, Occurrence]:
    """By the id of schedule and inventory, for the presenters."""
    wanted = list(dict.fromkeys(schedule_ids))
    found = await _schedules(db, db.among(bus_schedules.c.id, wanted)) if wanted else []
    return {each.schedule.id: each for each in await occurrences_of(db, found)}


async def occurrences_of(db: Reader, found: Sequence[Schedule]) -> list[Occurrence]:
    """Each of these schedules with its bus and route."""
    if not found:
        return []
    buses = {
        row.id: bus_of(row)
        for row in await db.all(sa.select(bus_buses).where(db.among(bus_buses.c.id, {each.bus_id for each in found})))
    }
    rows = await db.all(sa.select(bus_routes).where(db.among(bus_routes.c.id, {each.route_id for each in found})))
    routes = {each.id: each for each in await routes_of(db, rows)}
    inventories = await inventory.find_many(db, [each.id for each in found])
    return [Occurrence(each, buses[each.bus_id], routes[each.route_id], inventories[each.id]) for each in found]


async def _schedules(db: Reader, *conditions: sa.ColumnElement[bool]) -> list[Schedule]:
    return await schedules_of(db, await db.all(sa.select(bus_schedules).where(*conditions)))

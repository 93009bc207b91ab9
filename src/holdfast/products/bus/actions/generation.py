"""Make the seats of a schedule out of its bus and its route."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit, holds, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.inventory import Layout as Places
from holdfast.kernel.inventory import Place
from holdfast.kit.db import Transaction
from holdfast.products.bus import access, offers, queries, rules
from holdfast.products.bus.actions import moves
from holdfast.products.bus.layouts import parse_layout
from holdfast.products.bus.models import bus_layouts, bus_schedule_stops, bus_schedules, bus_stop_keys
from holdfast.products.bus.records import Bus, Route, RouteStop, Schedule, names_of
from holdfast.products.bus.values import (
    BusInactive,
    Deck,
    DepartureInPast,
    RouteInactive,
    ScheduleEnded,
    SeatsInUse,
    SeatsMissing,
)


async def generate_seats(db: Transaction, schedule_id: UUID, *, actor: Actor) -> int:
    """Copy stops and layout and put the seats on sale; how many. Again: new places are numbered above the old.

    Raises ScheduleNotFound, ScheduleEnded, DepartureInPast, SeatsInUse (anything was ever held, sold or blocked),
    RouteInactive, BusInactive, StopUnknown (a fare names a stop that the route has no more), MalformedAmount.
    """
    schedule, now = await moves.locked(db, schedule_id)
    access.refuse_unless_manager(actor, schedule.provider_id)
    if schedule.status != "scheduled":
        raise ScheduleEnded(schedule.status)
    if schedule.departs_at <= now:
        raise DepartureInPast
    found = (await queries.occurrences_of(db, [schedule]))[0]
    if not found.route.is_active:
        raise RouteInactive
    if not found.bus.is_active:
        raise BusInactive
    async with inventory.turn(db, schedule_id) as taken:
        if await inventory.has_live_claims(taken) or await holds.has_items(db, schedule_id):
            raise SeatsInUse
        old = await inventory.layout(db, taken.inventory.layout_id)
        _refuse_lost_fares(schedule, found.route)
        places = await _places(db, found.bus, old, legs=len(found.route.stops) - 1, now=now)
        prices = offers.prices_of(places.places, currency=schedule.currency)
        inventory.use_layout(taken, places, prices=prices)
        inventory.set_state(taken, "on_sale")
    await copy_stops(db, schedule, found.route.stops)
    await _remember(db, schedule, found.bus, generated_at=now, now=now)
    await audit.record(
        db,
        actor=actor,
        action="seats_generated",
        entity_type="bus_schedule",
        entity_id=schedule_id,
        provider_id=schedule.provider_id,
        details={"seats": len(places.places), "layout_version": places.version, "bus_id": str(found.bus.id)},
        now=now,
    )
    return len(places.places)


async def change_bus(db: Transaction, schedule: Schedule) -> None:
    """Seats of another bus: those of the same number keep their place. SeatsMissing where a sold one has none."""
    found = (await queries.occurrences_of(db, [schedule]))[0]
    fresh = parse_layout(found.bus.seat_layout_config)
    async with inventory.turn(db, schedule.id) as taken:
        old = await inventory.layout(db, taken.inventory.layout_id)
        known = {place.label.casefold(): place for place in old.places}
        wanted = [replace(place, number=-1) for place in offers.places_of(fresh)]
        gone = known.keys() - {place.label.casefold() for place in wanted}
        try:
            await inventory.refuse_places_in_use(taken, old, [known[label].number for label in gone])
        except inventory.PlacesInUse as used:
            raise SeatsMissing(used.labels) from used
        places, next_number = [], old.next_number
        for place in wanted:
            same = known.get(place.label.casefold())
            places.append(replace(place, number=same.number if same else next_number))
            next_number += same is None
        new = await inventory.next_layout(db, old, places=places, now=taken.now)
        inventory.use_layout(taken, new, prices=offers.prices_of(new.places, currency=schedule.currency))
    await _remember(db, schedule, found.bus, generated_at=schedule.generated_at, now=schedule.updated_at)


async def copy_stops(db: Transaction, schedule: Schedule, route_stops: tuple[RouteStop, ...]) -> None:
    """The route's stops as they are now, with this run's times, and the names under which they are found."""
    for table in (bus_schedule_stops, bus_stop_keys):
        await db.execute(sa.delete(table).where(table.c.schedule_id == schedule.id))
    stops, keys = stop_rows(schedule.id, route_stops, departs_at=schedule.departs_at, arrives_at=schedule.arrives_at)
    await db.execute(sa.insert(bus_schedule_stops), stops)
    await db.execute(sa.insert(bus_stop_keys), keys)


def stop_rows(
    schedule_id: UUID, route_stops: tuple[RouteStop, ...], *, departs_at: datetime, arrives_at: datetime
) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Rows of bus_schedule_stops and bus_stop_keys."""
    times = offers.stop_times(route_stops, departs_at=departs_at, arrives_at=arrives_at)
    stops: list[dict[str, object]] = []
    keys: list[dict[str, object]] = []
    for stop, at in zip(route_stops, times, strict=True):
        common = {"schedule_id": schedule_id, "position": stop.position, "zone": stop.zone, "at": at}
        stops.append({**common, "city": stop.city, "names": dict(stop.names), "metres": stop.metres})
        keys.extend({**common, "key": key} for key in sorted(names_of(stop.city, stop.names)))
    return stops, keys


def deck_rows(decks: tuple[Deck, ...]) -> list[dict[str, object]]:
    """How the map is drawn, as it is kept with the schedule."""
    return [
        {"name": deck.name, "columns": deck.columns, "aisles": list(deck.aisles), "rows": deck.rows} for deck in decks
    ]


async def _remember(
    db: Transaction, schedule: Schedule, bus: Bus, *, generated_at: datetime | None, now: datetime
) -> None:
    decks = deck_rows(parse_layout(bus.seat_layout_config).decks)
    await db.execute(
        sa.update(bus_schedules)
        .where(bus_schedules.c.id == schedule.id)
        .values(generated_at=generated_at, decks=decks, version=schedule.version + 1, updated_at=now)
    )


def _refuse_lost_fares(schedule: Schedule, route: Route) -> None:
    for fare in schedule.fares:
        start = offers.position_of(route.stops, fare.from_city)
        end = offers.position_of(route.stops, fare.to_city)
        rules.legs_of(start, end, stops=[stop.city for stop in route.stops])


async def _places(db: Transaction, bus: Bus, old: Places, *, legs: int, now: datetime) -> Places:
    """The kernel's layout: shared with other schedules of the bus at first, a next version of its own afterwards."""
    if old.next_number == 0:
        return await shared_places(db, bus, legs=legs, now=now)
    fresh = parse_layout(bus.seat_layout_config, first_place=old.next_number)
    return await inventory.next_layout(db, old, places=offers.places_of(fresh), now=now, slots_per_place=legs)


async def shared_places(db: Transaction, bus: Bus, *, legs: int, now: datetime) -> Places:
    """The layout that all schedules generated from this version of the bus for so many legs share."""
    mine = (bus_layouts.c.bus_id == bus.id, bus_layouts.c.bus_version == bus.version, bus_layouts.c.legs == legs)
    layout_id = await db.scalar(sa.select(bus_layouts.c.layout_id).where(*mine))
    if layout_id is not None:
        return await inventory.layout(db, layout_id)
    places: tuple[Place, ...] = offers.places_of(parse_layout(bus.seat_layout_config))
    made = await inventory.add_layout(db, product="bus", slots_per_place=legs, places=places, now=now)
    row = {"bus_id": bus.id, "bus_version": bus.version, "legs": legs, "layout_id": made.id}
    await db.execute(db.insert(bus_layouts).values(row).on_conflict_do_nothing())
    return made

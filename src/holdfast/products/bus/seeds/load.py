"""Put the demonstration's world into a database; again, it adds the days that have come into sight since."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit, identity, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Provider
from holdfast.kernel.inventory import Layout
from holdfast.kernel.product import Told
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from holdfast.kit.text import match_key
from holdfast.kit.zones import local_day
from holdfast.products.bus import layouts, offers, queries, rules
from holdfast.products.bus.actions import buses, generation, routes
from holdfast.products.bus.actions.schedules import LIMITS, TERMS
from holdfast.products.bus.models import (
    bus_buses,
    bus_fares,
    bus_routes,
    bus_schedule_stops,
    bus_schedules,
    bus_stop_keys,
)
from holdfast.products.bus.records import Bus, Route
from holdfast.products.bus.schemas import NewBus, NewRoute, StopBody
from holdfast.products.bus.schemas_layout import SeatLayoutConfig
from holdfast.products.bus.seeds.cities import city
from holdfast.products.bus.seeds.fleet import FLEETS, Fleet
from holdfast.products.bus.seeds.roads import ROADS, Road, departures

DAYS = 21
TURNAROUND = timedelta(minutes=45)
NOTICE = timedelta(minutes=20)
NEARLY_SOLD_OUT_EVERY = 40
_ROADS: Mapping[str, Road] = {road.key: road for road in ROADS}


@dataclass(frozen=True, slots=True)
class _Run:
    """One departure with the bus that takes it."""

    id: UUID
    route: Route
    road: Road
    bus: Bus
    departs_at: datetime
    arrives_at: datetime


@dataclass(slots=True)
class _Where:
    """Where a bus stands, and from when on."""

    bus: Bus
    city: str | None = None
    free_at: datetime | None = None


async def load(db: Transaction, now: datetime, told: Told) -> Mapping[str, Any]:
    """Operators, buses, routes and three weeks of schedules with their seats, some nearly sold out.

    What is there already stays as it is. How many there are now, and `try`: an address worth opening.
    """
    chosen = random.Random(4)  # noqa: S311 - the same world each time, not a secret
    added, full = 0, 0
    for fleet in FLEETS:
        provider = await _provider(db, fleet, now=now)
        own_buses = await _buses(db, fleet, provider, now=now)
        own_routes = await _routes(db, fleet, provider, now=now)
        runs = await _planned(db, own_buses, own_routes, now=now)
        await _sell(db, runs, provider, currency=fleet.currency, now=now)
        for run in runs[3::NEARLY_SOLD_OUT_EVERY]:
            await _nearly_sell_out(db, run, leave=chosen.randint(1, 4), chosen=chosen)
            full += 1
        added += len(runs)
        told(provider.name)
    tomorrow = local_day(now, "Africa/Cairo") + timedelta(days=1)
    way = f"origin_city=Cairo&destination_city=Alexandria&departure_date={tomorrow.isoformat()}"
    return {
        "operators": len(FLEETS),
        "cities": len({stop.city for road in ROADS for stop in road.stops}),
        "schedules added": added,
        "nearly sold out": full,
        "try": f"/api/v1/bus/schedules/search?{way}",
    }


async def _provider(db: Transaction, fleet: Fleet, *, now: datetime) -> Provider:
    name = fleet.names["en"]
    for provider in await identity.all_providers(db):
        if match_key(provider.name) == match_key(name):
            return provider
    zone = city(_ROADS[fleet.roads[0]].stops[0].city).zone
    return await identity.create_provider(
        db, name=name, currency=fleet.currency, zone=zone, actor=Actor.system(), now=now
    )


async def _buses(db: Transaction, fleet: Fleet, provider: Provider, *, now: datetime) -> list[Bus]:
    known = await db.all(
        sa.select(bus_buses).where(bus_buses.c.provider_id == provider.id, bus_buses.c.deleted_at.is_(None))
    )
    found = {row.bus_number: queries.bus_of(row) for row in known}
    for model in fleet.models:
        for number in set(model.numbers) - found.keys():
            new = NewBus(
                bus_number=number,
                bus_type=model.bus_type,
                total_seats=model.total_seats,
                seat_layout_config=SeatLayoutConfig.model_validate(model.seat_layout_config),
                amenities=list(model.amenities),
                provider_id=provider.id,
            )
            bus_id = await buses.create(db, new, actor=Actor.system(), now=now)
            found[number] = await queries.bus(db, bus_id)
    return [found[number] for number in sorted(found) if found[number].is_active]


async def _routes(db: Transaction, fleet: Fleet, provider: Provider, *, now: datetime) -> dict[str, Route]:
    """The operator's routes by the keys of their roads."""
    rows = await db.all(
        sa.select(bus_routes).where(bus_routes.c.provider_id == provider.id, bus_routes.c.deleted_at.is_(None))
    )
    known = {_ends(route): route for route in await queries.routes_of(db, rows)}
    found = {}
    for key in fleet.roads:
        road = _ROADS[key]
        ends = (city(road.stops[0].city).names["en"], city(road.stops[-1].city).names["en"])
        if ends not in known:
            stops = [
                StopBody(
                    city=city(stop.city).names["en"],
                    names=city(stop.city).names,
                    zone=city(stop.city).zone,
                    minutes_from_start=stop.minutes,
                    km=float(stop.km),
                )
                for stop in road.stops
            ]
            route_id = await routes.create(
                db, NewRoute(stops=stops, provider_id=provider.id), actor=Actor.system(), now=now
            )
            known[ends] = await queries.route(db, route_id)
        if known[ends].is_active:
            found[key] = known[ends]
    return found


def _ends(route: Route) -> tuple[str, str]:
    return route.origin.city, route.destination.city


async def _planned(
    db: Transaction, own_buses: Sequence[Bus], own_routes: Mapping[str, Route], *, now: datetime
) -> list[_Run]:
    """Every departure for which a bus stands where it begins; each bus goes on from where it arrived."""
    last, where = await _as_it_stands(db, own_buses, own_routes)
    wanted = []
    for key, route in own_routes.items():
        road = _ROADS[key]
        first_day = local_day(now, route.origin.zone)
        for departs_at, arrives_at in departures(road, first_day=first_day, days=DAYS + 1):
            if departs_at > max(now + NOTICE, last.get(route.id, now)):
                wanted.append((departs_at, arrives_at, key))
    runs = []
    for departs_at, arrives_at, key in sorted(wanted):
        road, route = _ROADS[key], own_routes[key]
        ready = [
            each
            for each in where
            if each.city in {None, road.stops[0].city} and (each.free_at is None or each.free_at <= departs_at)
        ]
        if not ready:
            continue
        taken = min(ready, key=lambda each: (each.city is None, each.free_at or now, each.bus.bus_number))
        taken.city, taken.free_at = road.stops[-1].city, arrives_at + TURNAROUND
        runs.append(_Run(new_id(), route, road, taken.bus, departs_at, arrives_at))
    return runs


async def _as_it_stands(
    db: Transaction, own_buses: Sequence[Bus], own_routes: Mapping[str, Route]
) -> tuple[dict[UUID, datetime], list[_Where]]:
    """The last departure planned of each route, and where each bus is after its last run."""
    keys = {route.id: key for key, route in own_routes.items()}
    rows = await db.all(
        sa.select(
            bus_schedules.c.route_id, bus_schedules.c.bus_id, bus_schedules.c.departs_at, bus_schedules.c.arrives_at
        )
        .where(bus_schedules.c.route_id.in_(list(keys)), bus_schedules.c.deleted_at.is_(None))
        .order_by(bus_schedules.c.departs_at)
    )
    last: dict[UUID, datetime] = {}
    where = {bus.id: _Where(bus) for bus in own_buses}
    for row in rows:
        last[row.route_id] = row.departs_at
        if row.bus_id in where:
            where[row.bus_id].city = _ROADS[keys[row.route_id]].stops[-1].city
            where[row.bus_id].free_at = row.arrives_at + TURNAROUND
    return last, list(where.values())


async def _sell(db: Transaction, runs: Sequence[_Run], provider: Provider, *, currency: str, now: datetime) -> None:
    """Schedules with generated seats, as if each had been planned and generated by itself, in a few statements."""
    rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)
    buses_used = {run.bus.id: run.bus for run in runs}
    decks = {
        bus_id: generation.deck_rows(layouts.parse_layout(bus.seat_layout_config).decks)
        for bus_id, bus in buses_used.items()
    }
    shared: dict[tuple[UUID, int], Layout] = {}
    for run in runs:
        legs = len(run.route.stops) - 1
        if (run.bus.id, legs) not in shared:
            shared[run.bus.id, legs] = await generation.shared_places(db, run.bus, legs=legs, now=now)
        places = shared[run.bus.id, legs]
        await inventory.add(
            db,
            inventory_id=run.id,
            product="bus",
            occurrence_id=run.id,
            provider_id=provider.id,
            state="on_sale",
            starts_at=run.departs_at,
            ends_at=run.arrives_at,
            zone=run.route.origin.zone,
            currency=currency,
            prices=offers.prices_of(places.places, currency=currency),
            limits=LIMITS,
            terms=TERMS,
            layout=places,
            now=now,
        )
        await audit.record(
            db,
            actor=Actor.system(),
            action="seats_generated",
            entity_type="bus_schedule",
            entity_id=run.id,
            provider_id=provider.id,
            details={"seats": len(places.places), "layout_version": places.version, "bus_id": str(run.bus.id)},
            now=now,
        )
        rows[bus_schedules].append(_schedule_row(run, provider, decks=decks[run.bus.id], currency=currency, now=now))
        stops, keys = generation.stop_rows(
            run.id, run.route.stops, departs_at=run.departs_at, arrives_at=run.arrives_at
        )
        rows[bus_schedule_stops] += stops
        rows[bus_stop_keys] += keys
        rows[bus_fares] += _fare_rows(run, currency=currency)
    for table in (bus_schedules, bus_schedule_stops, bus_stop_keys, bus_fares):
        if rows[table]:
            await db.execute(sa.insert(table), rows[table])


def _schedule_row(
    run: _Run, provider: Provider, *, decks: Sequence[object], currency: str, now: datetime
) -> dict[str, Any]:
    return {
        "id": run.id,
        "provider_id": provider.id,
        "route_id": run.route.id,
        "bus_id": run.bus.id,
        "departs_at": run.departs_at,
        "arrives_at": run.arrives_at,
        "base_price": Money.parse(run.road.fare, currency).minor,
        "currency": currency,
        "status": "scheduled",
        "generated_at": now,
        "decks": decks,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _fare_rows(run: _Run, *, currency: str) -> list[dict[str, Any]]:
    rows = []
    for start, end, fare in run.road.fares:
        from_city, to_city = city(start).names["en"], city(end).names["en"]
        rows.append(
            {
                "schedule_id": run.id,
                "from_key": match_key(from_city),
                "to_key": match_key(to_city),
                "from_city": from_city,
                "to_city": to_city,
                "price": Money.parse(fare, currency).minor,
            }
        )
    return rows


async def _nearly_sell_out(db: Transaction, run: _Run, *, leave: int, chosen: random.Random) -> None:
    """Places kept for the counter: blocked by the provider, all but a few."""
    async with inventory.turn(db, run.id) as taken:
        places = await inventory.layout(db, taken.inventory.layout_id)
        legs = places.slots_per_place
        left = {place.number for place in chosen.sample([p for p in places.places if not p.flags], leave)}
        slots = [
            slot
            for place in places.places
            if place.number not in left
            for slot in rules.slots_of(place.number, legs=range(legs), legs_total=legs)
        ]
        await inventory.claims.take(taken, slots, hold_id=new_id(), until=None, kind="block")
        inventory.claims.count_sold(taken, more=len(slots))

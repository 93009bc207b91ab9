"""What our side sells in the bench: people who are signed in, and schedules on sale, put there at once.

Rows are those that the platform writes itself when an operator plans runs and people sign in; only their making is
quick. Nothing here is about a request: those are made of what this hands back.
"""

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.app.house import House, build
from holdfast.app.settings import Settings
from holdfast.kernel import identity, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import tokens
from holdfast.kernel.identity.models import logins, users
from holdfast.kernel.inventory import Limits, Place
from holdfast.kernel.inventory.models import inventories
from holdfast.kit import clock, ids
from holdfast.kit.db import Transaction
from holdfast.kit.text import match_key
from holdfast.products.bus import layouts, offers
from holdfast.products.bus.actions import generation
from holdfast.products.bus.actions.schedules import LIMITS, TERMS
from holdfast.products.bus.models import (
    bus_buses,
    bus_route_stops,
    bus_routes,
    bus_schedule_stops,
    bus_schedules,
    bus_stop_keys,
)
from holdfast.products.bus.records import RouteStop

ZONE = "Africa/Cairo"
CURRENCY = "EGP"
PRICE = 15_000
#: From here on serials are of rows that nobody asks for.
SERIALS_OF_HISTORY = 1_000_000_000
_ROWS_AT_ONCE = 2_000
_IN_A_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run on sale, with the public ids of its places in their order."""

    id: UUID
    serial: int
    labels: Sequence[str]
    numbers: Sequence[int]

    def seat_id(self, at: int) -> UUID:
        return ids.pack(self.serial, self.numbers[at])


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who is signed in."""

    id: UUID
    token: str


class World:
    """Makes people and schedules in one database, by the platform's own parts."""

    def __init__(self, settings: dict[str, object]) -> None:
        self.house: House = build(Settings(_env_file=None, **settings))  # type: ignore[arg-type] # names of settings
        self._provider: UUID | None = None
        self._days = 0
        self._cities = 0
        #: when the first of those planned last leaves
        self.last_day = datetime.min.replace(tzinfo=UTC)

    async def close(self) -> None:
        await self.house.close()

    async def callers(self, count: int) -> list[Caller]:
        """So many verified accounts, each with a login and an access token signed as any sign-in signs it."""
        people, signed_in, found = [], [], []
        settings = self.house.identity
        async with self.house.database.reader() as db:
            now = await clock.moment(db)
        for _ in range(count):
            user_id, login_id, name = ids.new_id(), ids.new_id(), secrets.token_hex(8)
            people.append(
                {
                    "id": user_id,
                    "email": f"{name}@example.org",
                    "email_key": f"{name}@example.org",
                    "email_verified_at": now,
                    "first_name": "Amal",
                    "last_name": "Hassan",
                    "locale": "en",
                    "zone": ZONE,
                    "is_active": True,
                    "version": 1,
                    "created_at": now,
                    "updated_at": now,
                }
            )
            signed_in.append(
                {
                    "id": login_id,
                    "user_id": user_id,
                    "created_at": now,
                    "last_used_at": now,
                    "expires_at": now + timedelta(days=30),
                }
            )
            token = tokens.access_token(
                settings, user_id=user_id, login_id=login_id, roles=("customer",), role="customer", now=now
            )
            found.append(Caller(user_id, token))
        await self._insert({users: people, logins: signed_in})
        return found

    async def schedules(
        self,
        count: int,
        *,
        rows: int = 12,
        limits: Limits | None = None,
        places: int | None = None,
        cities: tuple[str, str] | None = None,
        apart: timedelta = timedelta(minutes=1),
    ) -> list[Schedule]:
        """So many runs of one route, a vehicle each, all of one layout: 49 places, or `places` in one long one.

        They leave on one day of their own, `apart` one from the next.
        """
        database = self.house.database
        async with database.transaction() as db:
            now = await clock.moment(db)
            provider_id = await self._provider_id(db, now=now)
            config = layouts.standard(rows)
            layout = layouts.parse_layout(config)
            sold = offers.places_of(layout) if places is None else _long(offers.places_of(layout), places)
            kept = await inventory.add_layout(db, product="bus", slots_per_place=1, places=sold, now=now)
            self._days += 1
            self._cities += 1
            ends = cities or (f"Aton {self._cities}", f"Beset {self._cities}")
            route_id, stops = await _route(db, provider_id, ends, now=now)
            first = (now + _IN_A_WEEK + timedelta(days=self._days)).replace(hour=2, minute=0, second=0, microsecond=0)
            self.last_day = first
            made_here = inventories.c.serial < SERIALS_OF_HISTORY
            serial = int(
                await db.scalar(sa.select(sa.func.coalesce(sa.func.max(inventories.c.serial), 0)).where(made_here))
            )
            planned: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)
            found = []
            for number in range(count):
                departs_at = first + apart * number
                serial += 1
                one = Schedule(ids.new_id(), serial, [place.label for place in sold], [place.number for place in sold])
                found.append(one)
                bus_id = ids.new_id()
                common = {"provider_id": provider_id, "created_at": now, "updated_at": now, "version": 1}
                bus_number = f"B{self._days}-{number}"
                planned[bus_buses].append(
                    {
                        **common,
                        "id": bus_id,
                        "bus_number": bus_number,
                        "bus_number_key": match_key(bus_number),
                        "bus_type": "standard",
                        "total_seats": len(layout.seats),
                        "seat_layout_config": config,
                        "amenities": ["usb"],
                        "is_active": True,
                    }
                )
                planned[inventories].append(
                    {
                        **common,
                        "id": one.id,
                        "serial": serial,
                        "product": "bus",
                        "occurrence_id": one.id,
                        "state": "on_sale",
                        "starts_at": departs_at,
                        "ends_at": departs_at + timedelta(hours=4),
                        "zone": ZONE,
                        "currency": CURRENCY,
                        "prices": offers.prices_of(sold, currency=CURRENCY),
                        "limits": (limits or LIMITS).to_json(),
                        "terms": TERMS.to_json(),
                        "layout_id": kept.id,
                        "capacity": kept.capacity,
                    }
                )
                planned[bus_schedules].append(
                    {
                        **common,
                        "id": one.id,
                        "route_id": route_id,
                        "bus_id": bus_id,
                        "departs_at": departs_at,
                        "arrives_at": departs_at + timedelta(hours=4),
                        "base_price": PRICE,
                        "currency": CURRENCY,
                        "status": "scheduled",
                        "generated_at": now,
                        "decks": generation.deck_rows(layout.decks),
                    }
                )
                at_stops, keys = generation.stop_rows(
                    one.id, stops, departs_at=departs_at, arrives_at=departs_at + timedelta(hours=4)
                )
                planned[bus_schedule_stops] += at_stops
                planned[bus_stop_keys] += keys
            for table, rows_of in planned.items():
                await _insert(db, table, rows_of)
            if db.dialect == "postgresql":
                await db.scalar(sa.select(sa.func.setval("inventory_serials", serial)))
        return found

    async def _provider_id(self, db: Transaction, *, now: datetime) -> UUID:
        if self._provider is None:
            name = f"Bench {secrets.token_hex(4)}"
            made = await identity.create_provider(
                db, name=name, currency=CURRENCY, zone=ZONE, actor=Actor.system(), now=now
            )
            self._provider = made.id
        return self._provider

    async def _insert(self, planned: dict[sa.Table, list[dict[str, Any]]]) -> None:
        async with self.house.database.transaction() as db:
            for table, rows in planned.items():
                await _insert(db, table, rows)


def allowing_more(limits: Limits = LIMITS) -> Limits:
    """The same, but that one person may hold more than once: where fewer people than places take part."""
    return replace(limits, second_hold="allow")


def _long(pattern: Sequence[Place], count: int) -> tuple[Place, ...]:
    """So many places after the pattern of a vehicle, numbered on."""
    return tuple(
        replace(
            pattern[number % len(pattern)], number=number, label=f"P{number}", row=str(number // 50), column=number % 50
        )
        for number in range(count)
    )


async def _route(
    db: Transaction, provider_id: UUID, ends: tuple[str, str], *, now: datetime
) -> tuple[UUID, tuple[RouteStop, ...]]:
    route_id = ids.new_id()
    stops = (RouteStop(0, ends[0], {}, ZONE, 0, 0), RouteStop(1, ends[1], {}, ZONE, 240, 300_000))
    await db.execute(
        sa.insert(bus_routes).values(
            id=route_id,
            provider_id=provider_id,
            origin_city=ends[0],
            origin_key=match_key(ends[0]),
            destination_city=ends[1],
            destination_key=match_key(ends[1]),
            distance_metres=300_000,
            duration_minutes=240,
            is_active=True,
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    rows = [
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
    ]
    await _insert(db, bus_route_stops, rows)
    return route_id, stops


async def _insert(db: Transaction, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        await db.execute(sa.insert(table), list(rows[at : at + _ROWS_AT_ONCE]))

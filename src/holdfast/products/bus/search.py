"""Find a way from one city to another on a local day: legs of longer runs included."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal, TypeAlias

import sqlalchemy as sa

from holdfast.kernel import inventory
from holdfast.kit.db import Reader
from holdfast.kit.text import match_key
from holdfast.kit.zones import day_bounds, utc_to_local
from holdfast.products.bus import offers, queries
from holdfast.products.bus.models import bus_buses, bus_routes, bus_schedules, bus_stop_keys
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.queries import Occurrence
from holdfast.products.bus.records import Bus
from holdfast.products.bus.values import BusType

#: More runs a day between two cities are not looked at; the earliest are.
RUNS_MAX = 1_000

Sort: TypeAlias = Literal["departure", "price", "duration"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where from and to, on which day where one boards, and what else must be so."""

    origin: str
    destination: str
    day: date
    bus_type: BusType | None = None
    amenities: Collection[str] = ()
    time_from: time | None = None
    time_to: time | None = None
    seats_together: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A way that is on sale: the part of the schedule, what is free of it, and the cheapest seat."""

    occurrence: Occurrence
    offer: Offer
    part: Part
    available: int
    price_from: int

    @property
    def minutes(self) -> int:
        return int((self.part.alight.at - self.part.board.at).total_seconds() // 60)

    def sort_key(self, sort: Sort) -> tuple[int, int, str]:
        """By what was asked, then by departure; unique."""
        first = {"departure": 0, "price": self.price_from, "duration": self.minutes}[sort]
        return first, int(self.part.board.at.timestamp()), str(self.offer.schedule.id)


async def runs(db: Reader, wanted: Wanted, *, now: datetime) -> list[Run]:
    """What leaves the one city on that day and reaches the other, as long as it is on sale; by departure."""
    rows = await _candidates(db, wanted, now=now)
    found = await queries.schedules_of(db, rows)
    positions = {row.id: (row.board, row.alight) for row in rows}
    occurrences = await queries.occurrences_of(db, found)
    sold = {offer.schedule.id: offer for offer in await queries.offers_of(db, found)}
    occupied = await inventory.occupied_slots(db, list(positions), now=now) if positions else {}
    shown = []
    for occurrence in occurrences:
        offer = sold[occurrence.schedule.id]
        board, alight = positions[occurrence.schedule.id]
        part = offers.part_of(offer.schedule, str(board), str(alight))
        run = _run(occurrence, offer, part, occupied[offer.schedule.id], wanted)
        if run is not None:
            shown.append(run)
    return sorted(shown, key=lambda run: run.sort_key("departure"))


def _run(occurrence: Occurrence, offer: Offer, part: Part, occupied: Sequence[int], wanted: Wanted) -> Run | None:
    local = utc_to_local(part.board.at, part.board.zone).time()
    is_in_time = (wanted.time_from is None or wanted.time_from <= local) and (
        wanted.time_to is None or local <= wanted.time_to
    )
    if (
        not offer.is_selling
        or not is_in_time
        or not set(map(match_key, wanted.amenities)) <= _amenities(occurrence.bus)
    ):
        return None
    free = offers.free_places(offer, part, occupied)
    if wanted.seats_together is not None and not offers.has_together(offer, free, wanted.seats_together):
        return None
    cheapest = min((offers.modifier_of(offer, place) for place in free or offer.places.places), default=0)
    return Run(occurrence, offer, part, len(free), part.fare + cheapest)


def _amenities(bus: Bus) -> set[str]:
    """What the bus offers; of an object, the names of what is not denied."""
    offered = bus.amenities
    if offered is None:
        return set()
    names = [name for name, value in offered.items() if value] if hasattr(offered, "items") else list(offered)
    return set(map(match_key, names))


async def _candidates(db: Reader, wanted: Wanted, *, now: datetime) -> Sequence[sa.Row[tuple[object, ...]]]:
    """Schedules that pass the two cities in this order, leaving the first within its local day."""
    board, alight = bus_stop_keys.alias("board"), bus_stop_keys.alias("alight")
    origin, destination = match_key(wanted.origin), match_key(wanted.destination)
    zones = await db.all(sa.select(bus_stop_keys.c.zone).where(bus_stop_keys.c.key == origin).distinct())
    within = [
        sa.and_(board.c.zone == row.zone, board.c.at >= start, board.c.at < end)
        for row in zones
        for start, end in [day_bounds(wanted.day, row.zone)]
    ]
    if not within:
        return []
    statement = (
        sa.select(bus_schedules, board.c.position.label("board"), alight.c.position.label("alight"))
        .join(board, board.c.schedule_id == bus_schedules.c.id)
        .join(alight, sa.and_(alight.c.schedule_id == board.c.schedule_id, alight.c.position > board.c.position))
        .join(bus_buses, bus_buses.c.id == bus_schedules.c.bus_id)
        .join(bus_routes, bus_routes.c.id == bus_schedules.c.route_id)
        .where(
            board.c.key == origin,
            alight.c.key == destination,
            sa.or_(*within),
            board.c.at > now,
            bus_schedules.c.status.in_(("scheduled", "in_transit")),
            bus_schedules.c.deleted_at.is_(None),
        )
    )
    if wanted.bus_type is not None:
        statement = statement.where(bus_buses.c.bus_type == wanted.bus_type)
    return await db.all(statement.order_by(board.c.at, bus_schedules.c.id).limit(RUNS_MAX))

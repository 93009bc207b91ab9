"""Find a way from one city to another on a local day: legs of longer runs included.

A search reads few and light rows: which runs pass both cities, of which versions, and how many seats of each are taken
now. What is said of a run comes from the timetable, which is right as long as those versions are.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, Literal, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import inventory
from holdfast.kernel.inventory import SELLING, Glance
from holdfast.kit.db import EPOCH, Reader
from holdfast.kit.text import match_key
from holdfast.kit.zones import day_bounds, utc_to_local
from holdfast.products.bus import offers
from holdfast.products.bus.models import bus_buses, bus_routes, bus_schedules, bus_stop_keys
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.queries import Occurrence
from holdfast.products.bus.timetable import Card, Timetable, Versions, Way
from holdfast.products.bus.values import BusType

#: More runs a day between two cities are not looked at where all must be, to sort or to sift; the earliest are.
RUNS_MAX = 1_000
#: A day lasts from so long before midnight in Greenwich to so long after the next, wherever on earth.
_EARLIEST, _LATEST = timedelta(hours=14), timedelta(hours=36)

Sort: TypeAlias = Literal["departure", "price", "duration"]
#: Where a page begins: behind the run that leaves at that moment and has that id.
After: TypeAlias = tuple[datetime, UUID]


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

    @property
    def is_plain(self) -> bool:
        """Whether whatever leaves there and then is wanted, so that the first rows found are the first shown."""
        return not self.amenities and (self.time_from, self.time_to, self.seats_together) == (None, None, None)


@dataclass(frozen=True, slots=True)
class Run:
    """A way that is on sale: the part of the schedule, what is free of it, and the cheapest seat."""

    card: Card
    available: int
    price_from: int

    @property
    def occurrence(self) -> Occurrence:
        return self.card.occurrence

    @property
    def offer(self) -> Offer:
        return self.card.offer

    @property
    def part(self) -> Part:
        return self.card.part

    @property
    def minutes(self) -> int:
        return self.card.minutes

    def sort_key(self, sort: Sort) -> tuple[int, int, str]:
        """By what was asked, then by departure (microseconds since 1970); unique."""
        first = {"departure": 0, "price": self.price_from, "duration": self.minutes}[sort]
        return first, (self.part.board.at - EPOCH) // timedelta(microseconds=1), str(self.offer.schedule.id)


@dataclass(frozen=True, slots=True)
class _Passing:
    """A light row: which run passes both cities, when it leaves the first, and of which rows it is made."""

    way: Way
    at: datetime
    zone: str
    schedule: int
    bus: int
    route: int


async def runs(db: Reader, wanted: Wanted, *, now: datetime, timetable: Timetable | None = None) -> list[Run]:
    """What leaves the one city on that day and reaches the other, as long as it is on sale; by departure."""
    at_hand = timetable or Timetable()
    passing = await _passing(db, wanted, at_hand, now=now, limit=RUNS_MAX)
    return await _on_sale(db, passing, wanted, at_hand, now=now)


async def first_runs(
    db: Reader, wanted: Wanted, *, now: datetime, timetable: Timetable, after: After | None, limit: int
) -> list[Run]:
    """The first `limit` of them behind `after`, without looking at the others. Only where `wanted.is_plain`."""
    assert wanted.is_plain
    found: list[Run] = []
    while len(found) < limit:
        missing = limit - len(found)
        passing = await _passing(db, wanted, timetable, now=now, limit=missing, after=after)
        found += await _on_sale(db, passing, wanted, timetable, now=now)
        if len(passing) < missing:
            break
        after = passing[-1].at, passing[-1].way[0]
    return found


async def _on_sale(
    db: Reader, passing: Sequence[_Passing], wanted: Wanted, timetable: Timetable, *, now: datetime
) -> list[Run]:
    """Those of them that are on sale and as they are wanted, with what is free of each at this moment."""
    passing = [each for each in passing if _is_in_time(each, wanted)]
    glances = await _glances(db, [each.way for each in passing], now=now)
    selling = [each for each in passing if each.way[0] in glances and glances[each.way[0]].state in SELLING]
    versions = {
        each.way: Versions(each.schedule, each.bus, each.route, glances[each.way[0]].version) for each in selling
    }
    cards = await timetable.cards(db, versions)
    amenities = set(map(match_key, wanted.amenities))
    fitting = [cards[way] for way in versions if way in cards and amenities <= cards[way].amenities]
    taken = {card.offer.schedule.id: glances[card.offer.schedule.id].taken for card in fitting}
    exact = [
        card
        for card in fitting
        if wanted.seats_together is not None
        or card.cheapest_count <= taken[card.offer.schedule.id] < card.seats  # the cheapest may be gone
    ]
    occupied = await inventory.occupied_slots(db, [card.offer.schedule.id for card in exact], now=now) if exact else {}
    found = []
    for card in fitting:
        slots = occupied.get(card.offer.schedule.id)
        run = _counted(card, taken[card.offer.schedule.id]) if slots is None else _exactly(card, slots, wanted)
        if run is not None:
            found.append(run)
    return found


def _counted(card: Card, taken: int) -> Run:
    """Fewer are taken than there are of the cheapest, or all are: so the cheapest costs what it always does."""
    return Run(card, max(0, card.seats - taken), card.part.fare + card.cheapest_modifier)


def _exactly(card: Card, occupied: Sequence[int], wanted: Wanted) -> Run | None:
    """Seat by seat; None where not so many as are wanted are free side by side."""
    free = offers.free_places(card.offer, card.part, occupied)
    if wanted.seats_together is not None and not offers.has_together(card.offer, free, wanted.seats_together):
        return None
    cheapest = min((offers.modifier_of(card.offer, place) for place in free), default=card.cheapest_modifier)
    return Run(card, len(free), card.part.fare + cheapest)


def _is_in_time(passing: _Passing, wanted: Wanted) -> bool:
    if wanted.time_from is None and wanted.time_to is None:
        return True
    local = utc_to_local(passing.at, passing.zone).time()
    return (wanted.time_from is None or wanted.time_from <= local) and (
        wanted.time_to is None or local <= wanted.time_to
    )


async def _glances(db: Reader, ways: Sequence[Way], *, now: datetime) -> dict[UUID, Glance]:
    """How each of them sells; one scan for all that are boarded and left at the same stops."""
    alike: defaultdict[tuple[int, int], list[UUID]] = defaultdict(list)
    for schedule_id, board, alight in ways:
        alike[board, alight].append(schedule_id)
    found: dict[UUID, Glance] = {}
    for (board, alight), schedule_ids in alike.items():
        found |= await inventory.glances(db, schedule_ids, parts=range(board, alight), now=now)
    return found


async def _passing(
    db: Reader, wanted: Wanted, timetable: Timetable, *, now: datetime, limit: int, after: After | None = None
) -> list[_Passing]:
    """Schedules that pass the two cities in this order, leaving the first within its local day; by departure."""
    origin = match_key(wanted.origin)
    midnight = datetime.combine(wanted.day, time.min, tzinfo=UTC)
    values: dict[str, object] = {
        "origin": origin,
        "destination": match_key(wanted.destination),
        "earliest": max(now, midnight - _EARLIEST - timedelta(microseconds=1)),
        "latest": midnight + _LATEST,
        "most": limit,
    }
    if wanted.bus_type is not None:
        values["bus_type"] = wanted.bus_type
    if after is not None:
        values |= {"after": after[0], "after_id": after[1]}
    while True:
        zones = sorted(timetable.zones.get(origin, ()))
        for number, zone in enumerate(zones):
            start, end = day_bounds(wanted.day, zone)
            values |= {f"zone_{number}": zone, f"start_{number}": start, f"end_{number}": end}
        statement = _statement(len(zones), has_type=wanted.bus_type is not None, has_after=after is not None)
        rows = await db.all(statement, values)
        new = {row.zone for row in rows} - set(zones)
        if not new:
            return [
                _Passing((row.id, row.board, row.alight), row.at, row.zone, row.version, row.bus, row.route)
                for row in rows
            ]
        for zone in new:
            timetable.learn_zone(origin, zone)


@cache
def _statement(zones: int, *, has_type: bool, has_after: bool) -> sa.Select[Any]:
    """When the day begins depends on the zone. Of zones that the city was never seen in, all that may be its day.

    Made once for each shape: to make one costs as much as to run it.
    """
    board, alight = bus_stop_keys.alias("board"), bus_stop_keys.alias("alight")
    known = [board.c.zone == sa.bindparam(f"zone_{number}") for number in range(zones)]
    within: list[sa.ColumnElement[bool]] = [sa.not_(sa.or_(sa.false(), *known))]
    for number, is_in_zone in enumerate(known):
        its_day = (board.c.at >= sa.bindparam(f"start_{number}"), board.c.at < sa.bindparam(f"end_{number}"))
        within.append(sa.and_(is_in_zone, *its_day))
    statement = (
        sa.select(
            bus_schedules.c.id,
            bus_schedules.c.version,
            bus_buses.c.version.label("bus"),
            bus_routes.c.version.label("route"),
            board.c.position.label("board"),
            alight.c.position.label("alight"),
            board.c.at,
            board.c.zone,
        )
        .join(board, board.c.schedule_id == bus_schedules.c.id)
        .join(alight, sa.and_(alight.c.schedule_id == board.c.schedule_id, alight.c.position > board.c.position))
        .join(bus_buses, bus_buses.c.id == bus_schedules.c.bus_id)
        .join(bus_routes, bus_routes.c.id == bus_schedules.c.route_id)
        .where(
            board.c.key == sa.bindparam("origin"),
            alight.c.key == sa.bindparam("destination"),
            board.c.at > sa.bindparam("earliest"),
            board.c.at < sa.bindparam("latest"),
            sa.or_(*within),
            bus_schedules.c.status.in_(("scheduled", "in_transit")),
            bus_schedules.c.generated_at.is_not(None),
            bus_schedules.c.deleted_at.is_(None),
        )
    )
    if has_type:
        statement = statement.where(bus_buses.c.bus_type == sa.bindparam("bus_type"))
    if has_after:
        after = sa.bindparam("after", type_=board.c.at.type)
        later = sa.and_(board.c.at == after, bus_schedules.c.id > sa.bindparam("after_id"))
        statement = statement.where(sa.or_(board.c.at > after, later))
    return statement.order_by(board.c.at, bus_schedules.c.id).limit(sa.bindparam("most", type_=sa.Integer))

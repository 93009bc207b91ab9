"""Find a way from one city to another: the form, what leaves on that day, and other days where nothing does."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from holdfast import web
from holdfast.kernel.audit import anyone
from holdfast.kit import clock
from holdfast.kit.db import Reader
from holdfast.kit.http import Db, allow
from holdfast.kit.words import mark
from holdfast.kit.zones import utc_to_local
from holdfast.products.bus import queries, search
from holdfast.products.bus.search import Run, Sort, Wanted

router = web.Pages()

DAYS_AROUND = 3
RUNS_SHOWN = 50
SORTS = {
    "departure": mark("Departure"),
    "price": mark("Price"),
    "duration": mark("Duration"),
}
BUS_TYPES = {
    "standard": mark("Standard"),
    "deluxe": mark("Deluxe"),
    "sleeper": mark("Sleeper"),
    "semi_sleeper": mark("Semi-sleeper"),
}


@dataclass(frozen=True, slots=True)
class DayOffer:
    """A day near the one asked for, with how many runs have places."""

    day: date
    runs: int


@router.get("/bus")
@allow(anyone)
async def search_page(
    *,
    request: Request,
    database: Db,
    origin: Annotated[str, Query(max_length=80)] = "",
    destination: Annotated[str, Query(max_length=80)] = "",
    day: Annotated[str, Query(max_length=10)] = "",
    seats: Annotated[int, Query(ge=1, le=6)] = 1,
    sort: Sort = "departure",
) -> Response:
    """The form, and below it what was found. A day that is none is today."""
    async with database.snapshot() as db:
        now = await clock.moment(db)
        cities = await queries.cities_served(db, now=now)
        today = utc_to_local(now, request.app.state.frame.identity.zone).date()
        wanted_day = _day(day) or today
        is_asked = bool(origin.strip() and destination.strip())
        runs: list[Run] = []
        around: list[DayOffer] = []
        if is_asked:
            wanted = Wanted(origin=origin, destination=destination, day=wanted_day)
            runs = [run for run in await search.runs(db, wanted, now=now) if run.available >= seats]
            runs.sort(key=lambda run: run.sort_key(sort))
            around = await _around(db, wanted, today=today, seats=seats, now=now) if not runs else []
    return await web.show(
        request,
        "bus/search.html",
        cities=cities,
        origin=origin,
        destination=destination,
        day=wanted_day,
        today=today,
        seats=seats,
        sort=sort,
        sorts=SORTS,
        bus_types=BUS_TYPES,
        is_asked=is_asked,
        runs=runs[:RUNS_SHOWN],
        found=len(runs),
        around=around,
    )


async def _around(db: Reader, wanted: Wanted, *, today: date, seats: int, now: datetime) -> list[DayOffer]:
    """The days nearest to the one asked for on which somebody goes."""
    offers = []
    for days in range(-DAYS_AROUND, DAYS_AROUND + 1):
        day = wanted.day + timedelta(days=days)
        if days and day >= today:
            near = Wanted(origin=wanted.origin, destination=wanted.destination, day=day)
            runs = [run for run in await search.runs(db, near, now=now) if run.available >= seats]
            if runs:
                offers.append(DayOffer(day, len(runs)))
    return offers


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

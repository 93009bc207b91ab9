"""Routes: the list, opening one, changing its stops."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Caller, staff
from holdfast.kit import clock
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, raw, unkeyed
from holdfast.products.bus import access, queries, schemas
from holdfast.products.bus.actions import routes
from holdfast.products.bus.models import bus_routes
from holdfast.products.bus.pages.staff import lookups
from holdfast.products.bus.records import Route
from holdfast.web import FORM_BYTES_MAX, Filled, Form, Pages, read_form, refused
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff

router = Pages()

OneRoute: TypeAlias = Annotated[Route, Found]
#: Empty lines below the stops there are, to be filled with more.
LINES_FREE = 3
LINES_MIN = 4
_Column: TypeAlias = Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=60)]


class RouteForm(Form):
    """The stops are columns: the n-th of each belongs to the n-th stop. A line without a city is none."""

    provider_id: UUID | None = None
    version: Annotated[int, Field(ge=0, le=10**9)] | None = None
    city: _Column = ()
    city_ar: _Column = ()
    minutes: _Column = ()
    km: _Column = ()
    is_active: Annotated[str, Field(max_length=5)] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One stop as it is typed; what else it is called stays as it was."""

    city: str = ""
    city_ar: str = ""
    minutes: str = ""
    km: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.city.strip() or self.city_ar.strip() or self.minutes.strip() or self.km.strip())


@router.get("/staff/bus/routes")
@allow(staff)
async def routes_page(request: Request, database: Db, caller: Caller, page: Paged) -> Response:
    """Newest first."""
    async with database.reader() as db:
        rows = await db.all(page.select(_listing(caller), bus_routes.c.created_at, bus_routes.c.id))
        found = await queries.routes_of(db, rows[: page.limit])
        names = await lookups.provider_names(db)
    last = rows[page.limit - 1] if len(rows) > page.limit else None
    return await show_staff(
        request,
        "bus/staff/routes.html",
        routes=found,
        providers=names,
        next_cursor=None if last is None else page.cursor((last.created_at, last.id)),
        may_open=access.managed(caller) != [],
    )


@router.get("/staff/bus/routes.csv")
@allow(staff)
async def routes_csv(database: Db, caller: Caller) -> Response:
    async with database.reader() as db:
        rows = await db.all(_listing(caller).order_by(bus_routes.c.created_at.desc()).limit(ROWS_MAX))
        found = await queries.routes_of(db, rows)
    head = ("route", "provider", "from", "to", "stops", "km", "minutes", "in_service", "created_at")
    return csv_answer(
        "routes",
        head,
        (
            (
                route.id,
                route.provider_id,
                route.origin.city,
                route.destination.city,
                " > ".join(stop.city for stop in route.stops),
                route.distance_metres / 1000,
                route.duration_minutes,
                route.is_active,
                route.created_at,
            )
            for route in found
        ),
    )


@router.get("/staff/bus/routes/new")
@allow(staff)
async def new_route_page(request: Request, database: Db, caller: Caller) -> Response:
    return await _shown(request, database, caller, None)


@router.post("/staff/bus/routes/new")
@allow(staff)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a route more does no harm, and the page leads away")
async def open_route(request: Request, database: Db, caller: Caller) -> Response:
    filled = await read_form(request, RouteForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, caller, None, filled=filled, status=422)
    body, errors = await _body(request, schemas.NewRoute, said, None, {"provider_id": said.provider_id})
    if body is None:
        return await _shown(request, database, caller, None, filled=Filled(filled.typed, said, errors), status=422)
    new = body

    async def create(db: Transaction) -> UUID:
        return await routes.create(db, new, actor=caller, now=await clock.moment(db))

    try:
        route_id = await database.run(create)
    except Error as error:
        filled = await refused(request, filled, error)
        return await _shown(request, database, caller, None, filled=filled, status=error.status)
    return RedirectResponse(f"/staff/bus/routes/{route_id}?done=created", status_code=303)


@router.get("/staff/bus/routes/{route_id}")
@allow(staff, find=lookups.route)
async def route_page(request: Request, route: OneRoute, database: Db, caller: Caller) -> Response:
    return await _shown(request, database, caller, route)


@router.post("/staff/bus/routes/{route_id}")
@allow(staff, find=lookups.route_to_edit)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the version that was read makes a repeat harmless")
async def change_route(request: Request, route: OneRoute, database: Db, caller: Caller) -> Response:
    """Schedules whose seats are generated keep the stops they have."""
    filled = await read_form(request, RouteForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, caller, route, filled=filled, status=422)
    body, errors = await _body(request, schemas.RouteChange, said, route, {})
    if body is None:
        return await _shown(request, database, caller, route, filled=Filled(filled.typed, said, errors), status=422)
    change = body

    async def write(db: Transaction) -> None:
        await routes.update(db, route.id, change, expected=said.version, actor=caller, now=await clock.moment(db))

    try:
        await database.run(write)
    except Error as error:
        filled = await refused(request, filled, error)
        return await _shown(request, database, caller, route, filled=filled, status=error.status)
    return RedirectResponse(f"/staff/bus/routes/{route.id}?done=saved", status_code=303)


async def _body(
    request: Request, body: type[lookups.B], said: RouteForm, old: Route | None, values: dict[str, Any]
) -> tuple[lookups.B | None, dict[str, str]]:
    """A stop that stays keeps its zone and its names in languages beside Arabic."""
    known = {} if old is None else {stop.city: stop for stop in old.stops}
    stops = []
    for line in _lines(said):
        before = known.get(line.city.strip())
        names = {} if before is None else {**before.names}
        if line.city_ar.strip():
            names["ar"] = line.city_ar.strip()
        stops.append(
            {
                "city": line.city.strip(),
                "names": names,
                "minutes_from_start": _number(line.minutes, int),
                "km": _number(line.km, float),
            }
            | ({} if before is None else {"zone": before.zone})
        )
    return await lookups.read_body(request, body, {**values, "stops": stops, "is_active": said.is_active is not None})


def _lines(said: RouteForm) -> list[Line]:
    columns = zip_longest(said.city, said.city_ar, said.minutes, said.km, fillvalue="")
    return [line for line in (Line(*each) for each in columns) if not line.is_empty]


def _number(text: str, kind: type[int] | type[float]) -> object:
    """As it is typed where it is none: the schema says no."""
    try:
        return kind(text.strip() or 0)
    except ValueError:
        return text


async def _shown(
    request: Request,
    database: Database,
    caller: Actor,
    route: Route | None,
    *,
    filled: Filled[RouteForm] | None = None,
    status: int = 200,
) -> Response:
    async with database.reader() as db:
        providers = await lookups.managed_providers(db, caller)
        names = await lookups.provider_names(db)
        if route is not None:
            route = await queries.route(db, route.id)
    typed: Sequence[Line] = () if filled is None or filled.said is None else _lines(filled.said)
    lines = list(typed) or ([] if route is None else _stops(route))
    more = max(LINES_FREE, LINES_MIN - len(lines))
    return await show_staff(
        request,
        "bus/staff/route.html",
        route=route,
        lines=[*lines, *[Line()] * more],
        provider="" if route is None else names.get(route.provider_id, ""),
        providers=[(each.id, each.name) for each in providers],
        may_edit=access.manages(caller, route.provider_id) if route is not None else access.managed(caller) != [],
        filled=filled or Filled(),
        status=status,
    )


def _stops(route: Route) -> list[Line]:
    return [
        Line(stop.city, stop.names.get("ar", ""), str(stop.minutes), f"{stop.metres / 1000:g}") for stop in route.stops
    ]


def _listing(caller: Actor) -> sa.Select[Any]:
    statement = sa.select(bus_routes).where(bus_routes.c.deleted_at.is_(None))
    providers = lookups.known_providers(caller)
    return statement if providers is None else statement.where(bus_routes.c.provider_id.in_(providers))

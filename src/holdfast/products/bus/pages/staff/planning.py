"""Plan a run: which route, which bus, when, for how much."""

from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Caller, staff
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, allow, raw, unkeyed
from holdfast.products.bus import access, queries, schemas
from holdfast.products.bus.actions import generation, schedules
from holdfast.products.bus.models import bus_buses, bus_routes
from holdfast.products.bus.pages.staff import lookups
from holdfast.products.bus.records import Bus, Route
from holdfast.products.bus.values import RouteNotFound
from holdfast.web import FORM_BYTES_MAX, Filled, Form, Pages, read_form, refused
from holdfast.web.staff import show_staff

router = Pages()

CHOICES_MAX = 500
_AT_ERRORS = {
    "departure_in_past": "departure",
    "nonexistent_time": "departure",
    "ambiguous_time": "departure",
    "arrival_before_departure": "arrival",
    "price_not_positive": "base_price",
    "malformed_amount": "base_price",
    "bus_busy": "bus_id",
    "providers_differ": "bus_id",
}


class PlanForm(Form):
    route_id: UUID
    bus_id: UUID
    departure: Annotated[str, Field(max_length=25)]
    arrival: Annotated[str, Field(max_length=25)] | None = None
    base_price: Annotated[str, Field(max_length=20)]
    with_seats: Annotated[str, Field(max_length=5)] | None = None


@router.get("/staff/bus/schedules/new")
@allow(staff)
async def plan_page(request: Request, database: Db, caller: Caller) -> Response:
    return await _shown(request, database, caller)


@router.post("/staff/bus/schedules/new")
@allow(staff)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a bus is never on two schedules at once: the database refuses a repeat")
async def plan(request: Request, database: Db, caller: Caller) -> Response:
    """Enter it and, where asked for, put its seats on sale at once."""
    filled = await read_form(request, PlanForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, caller, filled=filled, status=422)
    body, errors = await lookups.read_body(
        request,
        schemas.NewSchedule,
        {
            "route_id": said.route_id,
            "bus_id": said.bus_id,
            "departure_datetime": said.departure,
            "arrival_datetime": said.arrival,
            "base_price": said.base_price,
        },
        at=("departure_datetime", "arrival_datetime", "base_price"),
    )
    if body is None:
        errors = {place.removesuffix("_datetime"): text for place, text in errors.items()}
        return await _shown(request, database, caller, filled=Filled(filled.typed, said, errors), status=422)
    new = body

    async def create(db: Transaction) -> UUID:
        route = await queries.route(db, said.route_id)
        if lookups.known_providers(caller) is not None and route.provider_id not in caller.members:
            raise RouteNotFound
        schedule_id = await schedules.create(db, new, actor=caller, now=await clock.moment(db))
        if said.with_seats is not None:
            await generation.generate_seats(db, schedule_id, actor=caller)
        return schedule_id

    try:
        schedule_id = await database.run(create)
    except Error as error:
        filled = await refused(request, filled, error, at=_AT_ERRORS.get(error.code, ""))
        return await _shown(request, database, caller, filled=filled, status=error.status)
    return RedirectResponse(f"/staff/bus/schedules/{schedule_id}?done=created", status_code=303)


async def _shown(
    request: Request, database: Database, caller: Actor, *, filled: Filled[PlanForm] | None = None, status: int = 200
) -> Response:
    async with database.reader() as db:
        routes, buses = await _choices(database, caller)
        names = await lookups.provider_names(db)
    return await show_staff(
        request,
        "bus/staff/plan.html",
        routes=[(route.id, _called(route, names)) for route in routes],
        buses=[(bus.id, f"{bus.bus_number} ({names.get(bus.provider_id, '')})") for bus in buses],
        filled=filled or Filled(),
        status=status,
    )


async def _choices(database: Database, caller: Actor) -> tuple[list[Route], list[Bus]]:
    """Routes and buses in service of those whom the caller manages."""
    own = access.managed(caller)
    routes = sa.select(bus_routes).where(bus_routes.c.deleted_at.is_(None), bus_routes.c.is_active)
    buses = sa.select(bus_buses).where(bus_buses.c.deleted_at.is_(None), bus_buses.c.is_active)
    if own is not None:
        routes = routes.where(bus_routes.c.provider_id.in_(own))
        buses = buses.where(bus_buses.c.provider_id.in_(own))
    async with database.reader() as db:
        by_name = (bus_routes.c.origin_key, bus_routes.c.destination_key, bus_routes.c.id)
        found = await db.all(routes.order_by(*by_name).limit(CHOICES_MAX))
        rows = await db.all(buses.order_by(bus_buses.c.bus_number_key, bus_buses.c.id).limit(CHOICES_MAX))
        return await queries.routes_of(db, found), [queries.bus_of(row) for row in rows]


def _called(route: Route, providers: dict[UUID, str]) -> str:
    return f"{route.origin.city} \u2013 {route.destination.city} ({providers.get(route.provider_id, '')})"

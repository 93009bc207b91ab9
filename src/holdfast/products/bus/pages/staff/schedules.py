"""Schedules with how full they are; one of them: seats, price, times, seats generated, cancelled, deleted."""

from collections import Counter
from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import bookings
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Caller, staff
from holdfast.kit import clock
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Database, Reader, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, raw, unkeyed
from holdfast.kit.money import Money
from holdfast.kit.text import match_key
from holdfast.kit.words import say
from holdfast.kit.zones import day_bounds, utc_to_local
from holdfast.products.bus import access, offers, queries, schemas
from holdfast.products.bus.actions import generation, moves, schedules
from holdfast.products.bus.models import bus_routes, bus_schedules
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.pages.staff import lookups
from holdfast.products.bus.pages.staff.lookups import SALES, SEAT_STATUSES, STATUSES
from holdfast.products.bus.queries import Occurrence
from holdfast.web import FORM_BYTES_MAX, Filled, Form, Pages, frame_of, read_form, refused, told, viewer_of
from holdfast.web.forms import MISSING, UNFIT, asked
from holdfast.web.staff import REASON_MAX, ROWS_MAX, csv_answer, show_staff, zone_of

router = Pages()

OneSchedule: TypeAlias = Annotated[Offer, Found]
_WALL = "%Y-%m-%dT%H:%M"


class ScheduleFilter(Form):
    day: Annotated[date, Field(ge=date(1970, 1, 2), le=date(2199, 12, 30))] | None = None
    city: Annotated[str, Field(max_length=80)] | None = None
    status: Literal["scheduled", "in_transit", "completed", "cancelled"] | None = None
    bus: UUID | None = None
    route: UUID | None = None


class ChangeForm(Form):
    version: Annotated[int, Field(ge=0, le=10**9)]
    departure: Annotated[str, Field(max_length=25)]
    arrival: Annotated[str, Field(max_length=25)]
    base_price: Annotated[str, Field(max_length=20)]


class CancelForm(Form):
    reason: Annotated[str, Field(max_length=REASON_MAX)] = ""


class VersionForm(Form):
    version: Annotated[int, Field(ge=0, le=10**9)]


@router.get("/staff/bus/schedules")
@allow(staff)
async def schedules_page(request: Request, database: Db, caller: Caller, page: Paged) -> Response:
    """By departure, from now on unless a day is named."""
    filled = await asked(request, ScheduleFilter)
    table = bus_schedules.c
    async with database.reader() as db:
        now = await clock.moment(db)
        statement = await _listing(request, filled.said or ScheduleFilter(), caller, now=now)
        rows = await db.all(page.select(statement, table.departs_at, table.id, descending=False))
        found = await queries.offers_of(db, await queries.schedules_of(db, rows[: page.limit]))
        shown = await _with_counts(db, found, now=now)
        names = await lookups.provider_names(db)
    last = rows[page.limit - 1] if len(rows) > page.limit else None
    return await show_staff(
        request,
        "bus/staff/schedules.html",
        schedules=shown,
        providers=names,
        next_cursor=None if last is None else page.cursor((last.departs_at, last.id)),
        filled=filled,
        statuses=STATUSES,
        sales=SALES,
        may_plan=access.managed(caller) != [],
    )


@router.get("/staff/bus/schedules.csv")
@allow(staff)
async def schedules_csv(request: Request, database: Db, caller: Caller) -> Response:
    only = (await asked(request, ScheduleFilter)).said or ScheduleFilter()
    table = bus_schedules.c
    async with database.reader() as db:
        now = await clock.moment(db)
        statement = await _listing(request, only, caller, now=now)
        rows = await db.all(statement.order_by(table.departs_at, table.id).limit(ROWS_MAX))
        found = await queries.offers_of(db, await queries.schedules_of(db, rows))
        shown = await _with_counts(db, found, now=now)
    head = ("schedule", "from", "to", "departs_at", "arrives_at", "bus", "status", "sale", "price", "currency", "seats")
    return csv_answer("schedules", (*head, "free", "percent_sold"), (_row(*each) for each in shown))


@router.get("/staff/bus/schedules/{schedule_id}")
@allow(staff, find=lookups.schedule)
async def schedule_page(request: Request, schedule: OneSchedule, database: Db, caller: Caller) -> Response:
    return await _shown(request, database, schedule.schedule.id, caller)


@router.post("/staff/bus/schedules/{schedule_id}")
@allow(staff, find=lookups.schedule_to_edit)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the version that was read makes a repeat harmless")
async def change_schedule(request: Request, schedule: OneSchedule, database: Db, caller: Caller) -> Response:
    """Another price for what is sold from now on, other times for everything on it. What stands is left alone."""
    filled = await read_form(request, ChangeForm)
    said = filled.said
    schedule_id = schedule.schedule.id
    if said is None:
        return await _shown(request, database, schedule_id, caller, change=filled, status=422)
    async with database.reader() as db:
        occurrence = (await queries.occurrences_of(db, [schedule.schedule]))[0]
    stands = _typed(occurrence)
    body, errors = await lookups.read_body(
        request,
        schemas.ScheduleChange,
        {
            "departure_datetime": said.departure if said.departure != stands["departure"] else None,
            "arrival_datetime": said.arrival if said.arrival != stands["arrival"] else None,
            "base_price": said.base_price if said.base_price != stands["base_price"] else None,
        },
        at=_AT.values(),
    )
    if body is None:
        errors = {_FIELDS.get(place, place): text for place, text in errors.items()}
        return await _shown(
            request, database, schedule_id, caller, change=Filled(filled.typed, said, errors), status=422
        )
    change = body

    async def write(db: Transaction) -> None:
        await schedules.update(db, schedule_id, change, expected=said.version, actor=caller)

    try:
        await database.run(write)
    except Error as error:
        filled = await refused(request, filled, error, at=_AT_ERRORS.get(error.code, ""))
        return await _shown(request, database, schedule_id, caller, change=filled, status=error.status)
    return RedirectResponse(f"/staff/bus/schedules/{schedule_id}?done=saved", status_code=303)


@router.post("/staff/bus/schedules/{schedule_id}/generate-seats")
@allow(staff, find=lookups.schedule_to_edit)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("again only while nothing was ever held or sold, with the same effect")
async def generate_seats(request: Request, schedule: OneSchedule, database: Db, caller: Caller) -> Response:
    """Copy stops and seats from route and bus, and put them on sale."""
    schedule_id = schedule.schedule.id
    try:
        await database.run(lambda db: generation.generate_seats(db, schedule_id, actor=caller))
    except Error as error:
        return await _shown(request, database, schedule_id, caller, error=error, status=error.status)
    return RedirectResponse(f"/staff/bus/schedules/{schedule_id}?done=generated", status_code=303)


@router.post("/staff/bus/schedules/{schedule_id}/cancel")
@allow(staff, find=lookups.schedule_to_edit)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a schedule is cancelled once")
async def cancel_schedule(request: Request, schedule: OneSchedule, database: Db, caller: Caller) -> Response:
    """For a reason: what is unpaid ends, every paid booking is refunded in full."""
    schedule_id = schedule.schedule.id
    filled = await read_form(request, CancelForm)
    said = filled.said
    if said is None or not said.reason:
        locale = (await viewer_of(request)).locale
        missing = Filled(filled.typed, said, {"reason": say(MISSING, locale), **filled.errors})
        return await _shown(request, database, schedule_id, caller, cancel=missing, status=422)
    try:
        await database.run(lambda db: moves.cancel_by_id(db, schedule_id, actor=caller, reason=said.reason))
    except Error as error:
        return await _shown(request, database, schedule_id, caller, error=error, status=error.status)
    return RedirectResponse(f"/staff/bus/schedules/{schedule_id}?done=schedule_cancelled", status_code=303)


@router.post("/staff/bus/schedules/{schedule_id}/delete")
@allow(staff, find=lookups.schedule_to_edit)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the version that was read makes a repeat harmless")
async def delete_schedule(request: Request, schedule: OneSchedule, database: Db, caller: Caller) -> Response:
    """Hide one of which nothing is sold; one that is sold is not deleted by this but cancelled, for a reason."""
    schedule_id = schedule.schedule.id
    filled = await read_form(request, VersionForm)
    said = filled.said
    if said is None:
        unfit = say(UNFIT, (await viewer_of(request)).locale)
        return await _shown(request, database, schedule_id, caller, change=Filled({}, None, {"": unfit}), status=422)

    async def delete(db: Transaction) -> None:
        await moves.delete(db, schedule_id, expected=said.version, actor=caller)

    try:
        await database.run(delete)
    except Error as error:
        return await _shown(request, database, schedule_id, caller, error=error, status=error.status)
    return RedirectResponse("/staff/bus/schedules?done=deleted", status_code=303)


#: field of the form -> of the API, and back; code of an error -> the field it belongs to
_AT = {"departure": "departure_datetime", "arrival": "arrival_datetime", "base_price": "base_price"}
_FIELDS = {there: here for here, there in _AT.items()}
_AT_ERRORS = {
    "departure_in_past": "departure",
    "arrival_before_departure": "arrival",
    "price_not_positive": "base_price",
    "malformed_amount": "base_price",
}


async def _shown(
    request: Request,
    database: Database,
    schedule_id: UUID,
    caller: Actor,
    *,
    change: Filled[ChangeForm] | None = None,
    cancel: Filled[CancelForm] | None = None,
    error: Error | None = None,
    status: int = 200,
) -> Response:
    async with database.snapshot() as db:
        now = await clock.moment(db)
        offer = await queries.offer(db, schedule_id)
        occurrence = (await queries.occurrences_of(db, [offer.schedule]))[0]
        states = await queries.slot_states(db, offer, now=now)
        paid, unpaid = await bookings.sold_of(db, schedule_id)
        names = await lookups.provider_names(db)
    part = offers.whole(offer)
    seats = offers.statuses(offer, part, states) if part is not None else {}
    viewer = await viewer_of(request)
    return await show_staff(
        request,
        "bus/staff/schedule.html",
        home=f"/staff/bus/schedules/{schedule_id}",
        offer=offer,
        schedule=offer.schedule,
        occurrence=occurrence,
        provider=names.get(offer.schedule.provider_id, ""),
        counts=Counter(seats.values()),
        seat_statuses=SEAT_STATUSES,
        floors=floors_of(offer, seats),
        paid=paid,
        unpaid=unpaid,
        typed=_typed(occurrence),
        change=change or Filled(),
        cancel=cancel or Filled(),
        statuses=STATUSES,
        sales=SALES,
        may_edit=access.manages(caller, offer.schedule.provider_id),
        is_ended=offer.schedule.status in {"completed", "cancelled"},
        is_future=offer.schedule.departs_at > now,
        error=None if error is None else told(error, viewer.locale),
        status=status,
    )


def floors_of(offer: Offer, statuses: dict[int, Any]) -> list[dict[str, Any]]:
    """Each deck as rows of cells, empty where nobody sits: what a bus looks like from above."""
    floors = []
    for number, deck in enumerate(offer.schedule.decks):
        seats = {
            (int(place.row or 0), place.column or 0): place
            for place in offer.places.places
            if place.detail["deck"] == number
        }
        rows = [
            [
                None if place is None else {"label": place.label, "status": statuses.get(place.number, "available")}
                for column in range(1, deck["columns"] + 1)
                for place in (seats.get((row, column)),)
            ]
            for row in range(1, deck["rows"] + 1)
        ]
        floors.append({"name": deck["name"], "rows": rows})
    return floors


async def _listing(request: Request, only: ScheduleFilter, caller: Actor, *, now: datetime) -> sa.Select[Any]:
    table = bus_schedules.c
    statement = sa.select(bus_schedules).where(table.deleted_at.is_(None))
    providers = lookups.known_providers(caller)
    if providers is not None:
        statement = statement.where(table.provider_id.in_(providers))
    if only.day is not None:
        begin, end = day_bounds(only.day, zone_of(await viewer_of(request), frame_of(request)))
        statement = statement.where(table.departs_at >= begin, table.departs_at < end)
    elif only.status not in {"completed", "cancelled"}:
        statement = statement.where(table.arrives_at > now)
    if only.city is not None:
        key = match_key(only.city)
        ends = sa.or_(bus_routes.c.origin_key.startswith(key), bus_routes.c.destination_key.startswith(key))
        statement = statement.where(table.route_id.in_(sa.select(bus_routes.c.id).where(ends)))
    for column, value in ((table.status, only.status), (table.bus_id, only.bus), (table.route_id, only.route)):
        if value is not None:
            statement = statement.where(column == value)
    return statement


async def _with_counts(db: Reader, found: list[Offer], *, now: datetime) -> list[tuple[Occurrence, int, int, int]]:
    """(schedule with bus and route, seats, free ones, percent sold) of each."""
    free = await queries.seats_free(db, found, now=now)
    occurrences = await queries.occurrences_of(db, [each.schedule for each in found])
    return [
        (
            occurrence,
            len(each.places.places),
            free[each.schedule.id],
            round(100 * each.inventory.sold / each.inventory.capacity) if each.inventory.capacity else 0,
        )
        for each, occurrence in zip(found, occurrences, strict=True)
    ]


def _typed(occurrence: Occurrence) -> dict[str, str]:
    """What stands, as the form's fields say it: times by the clocks of origin and destination."""
    schedule, route = occurrence.schedule, occurrence.route
    return {
        "departure": utc_to_local(schedule.departs_at, route.origin.zone).strftime(_WALL),
        "arrival": utc_to_local(schedule.arrives_at, route.destination.zone).strftime(_WALL),
        "base_price": Money(schedule.base_price, schedule.currency).amount,
    }


def _row(occurrence: Occurrence, seats: int, free: int, percent: int) -> tuple[object, ...]:
    schedule, route = occurrence.schedule, occurrence.route
    return (
        schedule.id,
        route.origin.city,
        route.destination.city,
        schedule.departs_at,
        schedule.arrives_at,
        occurrence.bus.bus_number,
        schedule.status,
        occurrence.inventory.state,
        Money(schedule.base_price, schedule.currency).amount,
        schedule.currency,
        seats,
        free,
        percent,
    )

"""Buses: the list, one with its seats drawn, entering and changing one."""

import json
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, TypeAlias
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
from holdfast.kit.words import Phrase, mark, say
from holdfast.products.bus import access, layouts, queries, schemas
from holdfast.products.bus.actions import buses
from holdfast.products.bus.models import bus_buses
from holdfast.products.bus.pages.search import BUS_TYPES
from holdfast.products.bus.pages.staff import lookups
from holdfast.products.bus.records import Bus
from holdfast.products.bus.values import BusType, LayoutInvalid
from holdfast.web import FORM_BYTES_MAX, Filled, Form, Pages, read_form, refused, viewer_of
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff

router = Pages()

OneBus: TypeAlias = Annotated[Bus, Found]
LayoutName: TypeAlias = Literal["keep", "standard", "deluxe", "sleeper", "semi_sleeper", "json"]
LAYOUTS: dict[str, str] = {
    "standard": mark("2 + 2, a row of five at the back"),
    "deluxe": mark("2 + 1, all premium"),
    "sleeper": mark("Berths 2 + 1 on two decks"),
    "semi_sleeper": mark("Seats 2 + 2 below, berths above"),
    "json": mark("As JSON, below"),
}
KEEP = mark("As they are")
_AT_ERRORS = {"bus_number_taken": "bus_number", "layout_invalid": "layout", "seats_miscounted": "layout"}


class BusForm(Form):
    provider_id: UUID | None = None
    version: Annotated[int, Field(ge=0, le=10**9)] | None = None
    bus_number: Annotated[str, Field(max_length=40)]
    bus_type: BusType
    amenities: Annotated[str, Field(max_length=1000)] | None = None
    layout: LayoutName = "keep"
    rows: Annotated[int, Field(ge=1, le=60)] | None = None
    surcharge: Annotated[str, Field(max_length=12)] | None = None
    layout_json: str | None = None
    is_active: Annotated[str, Field(max_length=5)] | None = None


@router.get("/staff/bus/buses")
@allow(staff)
async def buses_page(request: Request, database: Db, caller: Caller, page: Paged) -> Response:
    """Newest first."""
    async with database.reader() as db:
        rows = await db.all(page.select(_listing(caller), bus_buses.c.created_at, bus_buses.c.id))
        names = await lookups.provider_names(db)
    listed = page.listed(rows, queries.bus_of, lambda row: (row.created_at, row.id))
    return await show_staff(
        request,
        "bus/staff/buses.html",
        buses=listed.items,
        next_cursor=listed.next_cursor,
        providers=names,
        bus_types=BUS_TYPES,
        may_enter=access.managed(caller) != [],
    )


@router.get("/staff/bus/buses.csv")
@allow(staff)
async def buses_csv(database: Db, caller: Caller) -> Response:
    async with database.reader() as db:
        rows = await db.all(_listing(caller).order_by(bus_buses.c.created_at.desc()).limit(ROWS_MAX))
    head = ("bus", "provider", "number", "type", "seats", "amenities", "in_service", "created_at")
    return csv_answer(
        "buses",
        head,
        (
            (b.id, b.provider_id, b.bus_number, b.bus_type, b.total_seats, b.amenities, b.is_active, b.created_at)
            for b in map(queries.bus_of, rows)
        ),
    )


@router.get("/staff/bus/buses/new")
@allow(staff)
async def new_bus_page(request: Request, database: Db, caller: Caller) -> Response:
    return await _shown(request, database, caller, None)


@router.post("/staff/bus/buses/new")
@allow(staff)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a bus number is unique within its provider: a repeat is refused")
async def enter_bus(request: Request, database: Db, caller: Caller) -> Response:
    filled = await read_form(request, BusForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, caller, None, filled=filled, status=422)
    values = {"provider_id": said.provider_id, "is_active": said.is_active is not None}
    try:
        body, errors = await _body(request, schemas.NewBus, said, values)
        if body is None:
            return await _shown(request, database, caller, None, filled=Filled(filled.typed, said, errors), status=422)
        new = body

        async def create(db: Transaction) -> UUID:
            return await buses.create(db, new, actor=caller, now=await clock.moment(db))

        bus_id = await database.run(create)
    except Error as error:
        filled = await refused(request, filled, error, at=_AT_ERRORS.get(error.code, ""))
        return await _shown(request, database, caller, None, filled=filled, status=error.status)
    return RedirectResponse(f"/staff/bus/buses/{bus_id}?done=created", status_code=303)


@router.get("/staff/bus/buses/{bus_id}")
@allow(staff, find=lookups.bus)
async def bus_page(request: Request, bus: OneBus, database: Db, caller: Caller) -> Response:
    return await _shown(request, database, caller, bus)


@router.post("/staff/bus/buses/{bus_id}")
@allow(staff, find=lookups.bus_to_edit)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the version that was read makes a repeat harmless")
async def change_bus(request: Request, bus: OneBus, database: Db, caller: Caller) -> Response:
    """Seats generated before keep their layout."""
    filled = await read_form(request, BusForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, caller, bus, filled=filled, status=422)
    try:
        body, errors = await _body(request, schemas.BusChange, said, {"is_active": said.is_active is not None})
        if body is None:
            return await _shown(request, database, caller, bus, filled=Filled(filled.typed, said, errors), status=422)
        change = body

        async def write(db: Transaction) -> None:
            await buses.update(db, bus.id, change, expected=said.version, actor=caller, now=await clock.moment(db))

        await database.run(write)
    except Error as error:
        filled = await refused(request, filled, error, at=_AT_ERRORS.get(error.code, ""))
        return await _shown(request, database, caller, bus, filled=filled, status=error.status)
    return RedirectResponse(f"/staff/bus/buses/{bus.id}?done=saved", status_code=303)


async def _body(
    request: Request, body: type[lookups.B], said: BusForm, values: dict[str, Any]
) -> tuple[lookups.B | None, dict[str, str]]:
    config = _config(said)
    words = [word.strip() for word in (said.amenities or "").split(",")]
    return await lookups.read_body(
        request,
        body,
        {
            **values,
            "bus_number": said.bus_number,
            "bus_type": said.bus_type,
            "amenities": [word for word in words if word],
            "seat_layout_config": config,
            "total_seats": None if config is None else _count(config),
        },
        at=("bus_number", "bus_type", "amenities"),
    )


def _config(said: BusForm) -> dict[str, Any] | None:
    """The layout that was chosen; None: keep what stands. LayoutInvalid."""
    surcharge = _surcharge(said.surcharge)
    match said.layout:
        case "standard":
            return layouts.standard(said.rows or 12, modifier_front=surcharge)
        case "deluxe":
            return layouts.deluxe(said.rows or 10, modifier_single=surcharge)
        case "sleeper":
            return layouts.sleeper(said.rows or 6, modifier_lower=surcharge)
        case "semi_sleeper":
            return layouts.semi_sleeper(said.rows or 9, modifier_berth=surcharge)
        case "json":
            try:
                config = json.loads(said.layout_json or "", parse_float=Decimal)
            except (ValueError, RecursionError):
                raise LayoutInvalid("", Phrase("this is no JSON")) from None
            layouts.parse_layout(config)
            return dict(config)
    return None


def _surcharge(text: str | None) -> str:
    try:
        amount = Decimal(text or "0")
    except InvalidOperation:
        raise LayoutInvalid("", Phrase("the surcharge is no amount")) from None
    if not amount.is_finite() or not 0 <= amount < 10**6:
        raise LayoutInvalid("", Phrase("the surcharge is no amount"))
    return f"{amount:.2f}"


def _count(config: dict[str, Any]) -> int:
    return sum(len(row["seats"]) for deck in config["decks"] for row in deck["rows"])


async def _shown(
    request: Request,
    database: Database,
    caller: Actor,
    bus: Bus | None,
    *,
    filled: Filled[BusForm] | None = None,
    status: int = 200,
) -> Response:
    async with database.reader() as db:
        providers = await lookups.managed_providers(db, caller)
        names = await lookups.provider_names(db)
        if bus is not None:
            bus = await queries.bus(db, bus.id)
    locale = (await viewer_of(request)).locale
    amenities = bus.amenities if bus is not None else None
    words = [word for word in amenities or () if not isinstance(amenities, dict) or amenities[word]]
    return await show_staff(
        request,
        "bus/staff/bus.html",
        bus=bus,
        floors=[] if bus is None else floors_of(bus),
        provider="" if bus is None else names.get(bus.provider_id, ""),
        providers=[(each.id, each.name) for each in providers],
        bus_types=BUS_TYPES,
        bus_type_choices=[(key, say(label, locale)) for key, label in BUS_TYPES.items()],
        layout_choices=[
            *([] if bus is None else [("keep", say(KEEP, locale))]),
            *((key, say(label, locale)) for key, label in LAYOUTS.items()),
        ],
        amenities=", ".join(words),
        may_edit=access.manages(caller, bus.provider_id) if bus is not None else access.managed(caller) != [],
        filled=filled or Filled(),
        status=status,
    )


def floors_of(bus: Bus) -> list[dict[str, Any]]:
    """Each deck as rows of seats, None where nobody sits."""
    layout = layouts.parse_layout(bus.seat_layout_config)
    floors = []
    for number, deck in enumerate(layout.decks):
        seats = {(seat.row, seat.column): seat for seat in layout.seats if seat.deck == number}
        rows = [[seats.get((row, column)) for column in range(1, deck.columns + 1)] for row in range(1, deck.rows + 1)]
        floors.append({"name": deck.name, "rows": rows})
    return floors


def _listing(caller: Actor) -> sa.Select[Any]:
    statement = sa.select(bus_buses).where(bus_buses.c.deleted_at.is_(None))
    providers = lookups.known_providers(caller)
    return statement if providers is None else statement.where(bus_buses.c.provider_id.in_(providers))

"""Seats over HTTP: single seats of one schedule, edited by its provider's managers and admins."""

from typing import Annotated, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request, Response

from holdfast.kernel.audit import anyone
from holdfast.kernel.identity import Caller, staff
from holdfast.kernel.inventory import Place
from holdfast.kit import clock, ids
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.http import Db, Found, Key, Router, allow, idempotent, versioned
from holdfast.kit.versions import etag, expect_version
from holdfast.products.bus import offers, queries, schemas
from holdfast.products.bus import schemas_answers as answers
from holdfast.products.bus.actions import seats
from holdfast.products.bus.api import lookups
from holdfast.products.bus.api.seat_maps import Stop
from holdfast.products.bus.models import bus_schedules
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.schemas_answers import SeatView

SCHEDULES_AT_ONCE = 10

router = Router()

OneSeat: TypeAlias = Annotated[tuple[Offer, Place], Found]


async def _as_it_is(request: Request, seat_id: UUID) -> SeatView:
    async with lookups.database_of(request).reader() as db:
        return await shown(db, seat_id)


@router.post("/seats", status_code=201)
@allow(staff)
@idempotent(replay=_as_it_is)
async def create_seat(*, body: schemas.NewSeat, caller: Caller, database: Db, key: Key) -> SeatView:
    """One seat more on one schedule."""

    async def add(db: Transaction) -> SeatView:
        number = await seats.add(db, body, actor=caller)
        offer = await queries.offer(db, body.schedule_id)
        await key.remember(db, subject=offer.seat_id(number), status=201)
        return await shown(db, offer.seat_id(number))

    return await database.run(add)


@router.get("/seats")
@allow(staff)
async def list_seats(*, caller: Caller, database: Db, page: Paged, schedule_id: UUID | None = None) -> Listed[SeatView]:
    """All seats of one's providers' schedules (an admin: of all), newest schedule first; or those of one schedule."""
    table = bus_schedules.c
    statement = sa.select(bus_schedules).where(table.deleted_at.is_(None), table.generated_at.is_not(None))
    if not caller.is_admin:
        statement = statement.where(table.provider_id.in_(list(caller.members)))
    if schedule_id is not None:
        statement = statement.where(table.id == schedule_id)
    found: list[SeatView] = []
    after_schedule, after_place = page.after or (None, None)
    async with database.reader() as db:
        while len(found) <= page.limit:
            some = statement
            if after_schedule is not None:
                some = some.where(table.id <= after_schedule if after_place is not None else table.id < after_schedule)
            rows = await db.all(some.order_by(table.id.desc()).limit(SCHEDULES_AT_ONCE))
            if not rows:
                break
            for offer in await queries.offers_of(db, await queries.schedules_of(db, rows)):
                views = await _all_of(db, offer)
                is_first = offer.schedule.id == after_schedule and after_place is not None
                found.extend(view for view in views if not is_first or _place_of(view) > int(str(after_place)))
            after_schedule, after_place = rows[-1].id, None
    return page.listed(found, lambda view: view, lambda view: (view.schedule_id, _place_of(view)))


@router.get("/seats/{seat_id}")
@allow(anyone, find=lookups.seat)
async def show_seat(
    *, seat: OneSeat, response: Response, database: Db, from_stop: Stop = None, to_stop: Stop = None
) -> SeatView:
    """One seat as it is now, over the whole way or between two stops."""
    offer, place = seat
    response.headers["ETag"] = etag(offer.schedule.version)
    async with database.reader() as db:
        return await _shown(db, offer, place, from_stop=from_stop, to_stop=to_stop)


@router.put("/seats/{seat_id}")
@allow(staff, find=lookups.seat_to_edit)
@versioned
async def update_seat(
    *, seat: OneSeat, body: schemas.SeatChange, request: Request, response: Response, caller: Caller, database: Db
) -> SeatView:
    """Change a seat of this schedule alone; one that is held or sold keeps its number and price (409)."""
    offer, place = seat
    seat_id = offer.seat_id(place.number)

    async def change(db: Transaction) -> SeatView:
        await seats.change(db, seat_id, body, expected=expect_version(request), actor=caller)
        return await shown(db, seat_id)

    changed = await database.run(change)
    response.headers["ETag"] = etag(offer.schedule.version + 1)
    return changed


@router.delete("/seats/{seat_id}", status_code=204)
@allow(staff, find=lookups.seat_to_edit)
@versioned
async def delete_seat(*, seat: OneSeat, request: Request, caller: Caller, database: Db) -> None:
    """Take a seat out of this schedule; 409 while it is held or sold."""
    offer, place = seat
    expected = expect_version(request)
    await database.run(lambda db: seats.remove(db, offer.seat_id(place.number), expected=expected, actor=caller))


async def shown(db: Reader, seat_id: UUID) -> SeatView:
    """One seat over the whole way. SeatNotFound."""
    offer, place = await queries.seat(db, seat_id)
    return await _shown(db, offer, place, from_stop=None, to_stop=None)


async def _shown(db: Reader, offer: Offer, place: Place, *, from_stop: str | None, to_stop: str | None) -> SeatView:
    part = offers.part_of(offer.schedule, from_stop, to_stop)
    states = await queries.slot_states(db, offer, now=await clock.moment(db))
    views = answers.seat_views(offer, part, offers.statuses(offer, part, states))
    return next(view for view in views if view.id == offer.seat_id(place.number))


async def _all_of(db: Reader, offer: Offer) -> list[SeatView]:
    part = offers.part_of(offer.schedule, None, None)
    states = await queries.slot_states(db, offer, now=await clock.moment(db))
    return sorted(answers.seat_views(offer, part, offers.statuses(offer, part, states)), key=_place_of)


def _place_of(view: SeatView) -> int:
    unpacked = ids.unpack(view.id)
    assert unpacked is not None
    return unpacked[1]

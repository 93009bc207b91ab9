"""Schedules over HTTP: everybody reads and watches seats, their provider's managers and admins write."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request, Response

from holdfast.kernel.audit import anyone
from holdfast.kernel.identity import Caller, staff
from holdfast.kit import clock
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.fields import Answer
from holdfast.kit.http import Db, Found, Key, Router, allow, idempotent, versioned
from holdfast.kit.versions import etag, expect_version
from holdfast.products.bus import queries, schemas
from holdfast.products.bus import schemas_answers as answers
from holdfast.products.bus.actions import generation, moves, schedules
from holdfast.products.bus.api import lookups
from holdfast.products.bus.api.seat_maps import SeatSummary, Stop, part_asked, seat_map
from holdfast.products.bus.models import bus_schedules
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.schemas_answers import RouteView, ScheduleStopView, ScheduleView, SeatView
from holdfast.products.bus.values import ScheduleStatus

router = Router()

OneSchedule: TypeAlias = Annotated[Offer, Found]


class GeneratedView(Answer):
    schedule_id: UUID
    created_seats: int
    available_seats: int


class ScheduleDetails(ScheduleView):
    bus: answers.BusSummary
    route: RouteView
    stops: list[ScheduleStopView]
    seat_summary: SeatSummary
    seats: list[SeatView]
    server_time: datetime


async def _as_it_is(request: Request, schedule_id: UUID) -> ScheduleView:
    async with lookups.database_of(request).reader() as db:
        return (await shown(db, [await queries.offer(db, schedule_id)]))[0]


async def _generated(request: Request, schedule_id: UUID) -> GeneratedView:
    async with lookups.database_of(request).reader() as db:
        return await _counted(db, schedule_id)


@router.post("/schedules", status_code=201)
@allow(staff)
@idempotent(replay=_as_it_is)
async def create_schedule(*, body: schemas.NewSchedule, caller: Caller, database: Db, key: Key) -> ScheduleView:
    """Plan a run of a bus. Nothing is on sale before its seats are generated; 409 where the bus is elsewhere."""

    async def create(db: Transaction) -> ScheduleView:
        schedule_id = await schedules.create(db, body, actor=caller, now=await clock.moment(db))
        await key.remember(db, subject=schedule_id, status=201)
        return (await shown(db, [await queries.offer(db, schedule_id)]))[0]

    return await database.run(create)


@router.get("/schedules")
@allow(anyone)
async def list_schedules(
    *,
    database: Db,
    page: Paged,
    status: ScheduleStatus | None = None,
    route_id: UUID | None = None,
    bus_id: UUID | None = None,
    provider_id: UUID | None = None,
) -> Listed[ScheduleView]:
    """All schedules by departure, with the seats left on each."""
    table = bus_schedules.c
    statement = sa.select(bus_schedules).where(table.deleted_at.is_(None))
    filters = {table.status: status, table.route_id: route_id, table.bus_id: bus_id, table.provider_id: provider_id}
    for column, value in filters.items():
        if value is not None:
            statement = statement.where(column == value)
    async with database.reader() as db:
        rows = await db.all(page.select(statement, table.departs_at, table.id, descending=False))
        found = await queries.offers_of(db, await queries.schedules_of(db, rows))
        views = await shown(db, found)
    return page.listed(views, lambda view: view, lambda view: (view.departure_datetime, view.id))


@router.get("/schedules/{schedule_id}")
@allow(anyone, find=lookups.schedule)
async def show_schedule(*, schedule: OneSchedule, response: Response, database: Db) -> ScheduleView:
    """One schedule, with the seats left on it."""
    response.headers["ETag"] = etag(schedule.schedule.version)
    async with database.reader() as db:
        return (await shown(db, [schedule]))[0]


@router.put("/schedules/{schedule_id}")
@allow(staff, find=lookups.schedule_to_edit)
@versioned
async def update_schedule(
    *,
    schedule: OneSchedule,
    body: schemas.ScheduleChange,
    request: Request,
    response: Response,
    caller: Caller,
    database: Db,
) -> ScheduleView:
    """Change a schedule; what is left out stays. Other times move everything sold on it; status cancelled refunds."""

    async def change(db: Transaction) -> ScheduleView:
        expected = expect_version(request)
        await schedules.update(db, schedule.schedule.id, body, expected=expected, actor=caller)
        return (await shown(db, [await queries.offer(db, schedule.schedule.id)]))[0]

    changed = await database.run(change)
    response.headers["ETag"] = etag(changed.version)
    return changed


@router.delete("/schedules/{schedule_id}", status_code=204)
@allow(staff, find=lookups.schedule_to_edit)
@versioned
async def delete_schedule(*, schedule: OneSchedule, request: Request, caller: Caller, database: Db) -> None:
    """Hide an unsold schedule; one of which something is held or sold is cancelled, and everybody paid back."""
    expected = expect_version(request)
    await database.run(lambda db: moves.delete(db, schedule.schedule.id, expected=expected, actor=caller))


@router.post("/schedules/{schedule_id}/cancel")
@allow(staff, find=lookups.schedule_to_edit)
@idempotent(replay=_as_it_is)
async def cancel_schedule(
    *, schedule: OneSchedule, body: schemas.CancelSchedule | None = None, caller: Caller, database: Db, key: Key
) -> ScheduleView:
    """Cancel a schedule: what is unpaid ends, every paid booking is refunded in full. The second time is 409."""
    reason = body.reason if body is not None else None

    async def cancel(db: Transaction) -> ScheduleView:
        await moves.cancel_by_id(db, schedule.schedule.id, actor=caller, reason=reason)
        await key.remember(db, subject=schedule.schedule.id, status=200)
        return (await shown(db, [await queries.offer(db, schedule.schedule.id)]))[0]

    return await database.run(cancel)


@router.post("/schedules/{schedule_id}/generate-seats", status_code=201)
@allow(staff, find=lookups.schedule_to_edit)
@idempotent(replay=_generated)
async def generate_seats(*, schedule: OneSchedule, caller: Caller, database: Db, key: Key) -> GeneratedView:
    """Copy stops and seats from route and bus and put them on sale; again only while nothing was ever held or sold."""

    async def generate(db: Transaction) -> GeneratedView:
        await generation.generate_seats(db, schedule.schedule.id, actor=caller)
        await key.remember(db, subject=schedule.schedule.id, status=201)
        return await _counted(db, schedule.schedule.id)

    return await database.run(generate)


@router.get("/schedules/{schedule_id}/details")
@allow(anyone, find=lookups.schedule)
async def show_schedule_details(
    *, schedule: OneSchedule, database: Db, from_stop: Stop = None, to_stop: Stop = None
) -> ScheduleDetails:
    """A schedule with its bus, route, stops and seats."""
    async with database.snapshot() as db:
        now = await clock.moment(db)
        states = await queries.slot_states(db, schedule, now=now)
        drawn = seat_map(schedule, part_asked(schedule, from_stop, to_stop), states, now=now)
        found = (await queries.occurrences_of(db, [schedule.schedule]))[0]
    fields = ScheduleView.fields_of(schedule.schedule, offer=schedule, available_seats=drawn.available_seats)
    return ScheduleDetails(
        **fields,
        bus=answers.BusSummary.of(found.bus),
        route=RouteView.of(found.route),
        stops=[ScheduleStopView.of(stop) for stop in schedule.schedule.stops],
        seat_summary=drawn.summary,
        seats=drawn.seats,
        server_time=drawn.server_time,
    )


async def shown(db: Reader, found: Sequence[Offer]) -> list[ScheduleView]:
    """Schedules with the seats left on each at this moment: one scan for all."""
    free = await queries.seats_free(db, found, now=await clock.moment(db))
    return [ScheduleView.of(offer, available_seats=free[offer.schedule.id]) for offer in found]


async def _counted(db: Reader, schedule_id: UUID) -> GeneratedView:
    offer = await queries.offer(db, schedule_id)
    free = await queries.seats_free(db, [offer], now=await clock.moment(db))
    return GeneratedView(
        schedule_id=schedule_id, created_seats=len(offer.places.places), available_seats=free[schedule_id]
    )

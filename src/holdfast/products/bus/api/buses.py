"""Buses over HTTP: known to their provider's members and admins alone."""

from typing import Annotated, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request, Response

from holdfast.kernel.identity import Caller, staff
from holdfast.kit import clock
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Transaction
from holdfast.kit.http import Db, Found, Key, Router, allow, idempotent, versioned
from holdfast.kit.versions import etag, expect_version
from holdfast.products.bus import queries, schemas
from holdfast.products.bus import schemas_answers as answers
from holdfast.products.bus.actions import buses
from holdfast.products.bus.api import lookups
from holdfast.products.bus.models import bus_buses
from holdfast.products.bus.records import Bus
from holdfast.products.bus.values import BusType

router = Router()

OneBus: TypeAlias = Annotated[Bus, Found]


async def _as_it_is(request: Request, bus_id: UUID) -> answers.BusView:
    async with lookups.database_of(request).reader() as db:
        return answers.BusView.of(await queries.bus(db, bus_id))


@router.post("/buses", status_code=201)
@allow(staff)
@idempotent(replay=_as_it_is)
async def create_bus(*, body: schemas.NewBus, caller: Caller, database: Db, key: Key) -> answers.BusView:
    """Enter a bus of one's provider; its layout has as many seats as total_seats says."""

    async def create(db: Transaction) -> answers.BusView:
        bus_id = await buses.create(db, body, actor=caller, now=await clock.moment(db))
        await key.remember(db, subject=bus_id, status=201)
        return answers.BusView.of(await queries.bus(db, bus_id))

    return await database.run(create)


@router.get("/buses")
@allow(staff)
async def list_buses(
    *,
    caller: Caller,
    database: Db,
    page: Paged,
    bus_type: BusType | None = None,
    is_active: bool | None = None,
) -> Listed[answers.BusView]:
    """The buses of one's providers (an admin: all), newest first."""
    statement = sa.select(bus_buses).where(bus_buses.c.deleted_at.is_(None))
    if not caller.is_admin:
        statement = statement.where(bus_buses.c.provider_id.in_(list(caller.members)))
    if bus_type is not None:
        statement = statement.where(bus_buses.c.bus_type == bus_type)
    if is_active is not None:
        statement = statement.where(bus_buses.c.is_active.is_(is_active))
    async with database.reader() as db:
        rows = await db.all(page.select(statement, bus_buses.c.created_at, bus_buses.c.id))
    return page.listed(rows, lambda row: answers.BusView.of(queries.bus_of(row)), lambda row: (row.created_at, row.id))


@router.get("/buses/{bus_id}")
@allow(staff, find=lookups.bus)
async def show_bus(*, bus: OneBus, response: Response) -> answers.BusView:
    """One bus with its layout."""
    response.headers["ETag"] = etag(bus.version)
    return answers.BusView.of(bus)


@router.put("/buses/{bus_id}")
@allow(staff, find=lookups.bus_to_edit)
@versioned
async def update_bus(
    *, bus: OneBus, body: schemas.BusChange, request: Request, response: Response, caller: Caller, database: Db
) -> answers.BusView:
    """Change a bus; what is left out stays. Seats generated before keep their layout."""

    async def change(db: Transaction) -> Bus:
        now = await clock.moment(db)
        return await buses.update(db, bus.id, body, expected=expect_version(request), actor=caller, now=now)

    changed = await database.run(change)
    response.headers["ETag"] = etag(changed.version)
    return answers.BusView.of(changed)


@router.delete("/buses/{bus_id}", status_code=204)
@allow(staff, find=lookups.bus_to_edit)
@versioned
async def delete_bus(*, bus: OneBus, request: Request, caller: Caller, database: Db) -> None:
    """Hide a bus; its number may be used again. 409 while seats are sold on its future schedules."""

    async def delete(db: Transaction) -> None:
        now = await clock.moment(db)
        await buses.delete(db, bus.id, expected=expect_version(request), actor=caller, now=now)

    await database.run(delete)

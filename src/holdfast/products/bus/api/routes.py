"""Routes over HTTP: everybody reads, their provider's managers and admins write."""

from typing import Annotated, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from fastapi import Query, Request, Response

from holdfast.kernel.audit import anyone
from holdfast.kernel.identity import Caller, staff
from holdfast.kit import clock
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Transaction
from holdfast.kit.http import Db, Found, Key, Router, allow, idempotent, versioned
from holdfast.kit.text import match_key
from holdfast.kit.versions import etag, expect_version
from holdfast.products.bus import queries, schemas
from holdfast.products.bus import schemas_answers as answers
from holdfast.products.bus.actions import routes
from holdfast.products.bus.api import lookups
from holdfast.products.bus.models import bus_routes
from holdfast.products.bus.records import Route

router = Router()

OneRoute: TypeAlias = Annotated[Route, Found]
City: TypeAlias = Annotated[str | None, Query(max_length=200)]


async def _as_it_is(request: Request, route_id: UUID) -> answers.RouteView:
    async with lookups.database_of(request).reader() as db:
        return answers.RouteView.of(await queries.route(db, route_id))


@router.post("/routes", status_code=201)
@allow(staff)
@idempotent(replay=_as_it_is)
async def create_route(*, body: schemas.NewRoute, caller: Caller, database: Db, key: Key) -> answers.RouteView:
    """Open a route of one's provider (an admin: of the default one, or of any that is named)."""

    async def create(db: Transaction) -> answers.RouteView:
        route_id = await routes.create(db, body, actor=caller, now=await clock.moment(db))
        await key.remember(db, subject=route_id, status=201)
        return answers.RouteView.of(await queries.route(db, route_id))

    return await database.run(create)


@router.get("/routes")
@allow(anyone)
async def list_routes(
    *,
    database: Db,
    page: Paged,
    origin_city: City = None,
    destination_city: City = None,
    provider_id: UUID | None = None,
    is_active: bool | None = None,
) -> Listed[answers.RouteView]:
    """All routes, newest first; cities whatever their case and accents."""
    statement = sa.select(bus_routes).where(bus_routes.c.deleted_at.is_(None))
    if origin_city is not None:
        statement = statement.where(bus_routes.c.origin_key == match_key(origin_city))
    if destination_city is not None:
        statement = statement.where(bus_routes.c.destination_key == match_key(destination_city))
    if provider_id is not None:
        statement = statement.where(bus_routes.c.provider_id == provider_id)
    if is_active is not None:
        statement = statement.where(bus_routes.c.is_active.is_(is_active))
    async with database.reader() as db:
        rows = await db.all(page.select(statement, bus_routes.c.created_at, bus_routes.c.id))
        found = await queries.routes_of(db, rows)
    return page.listed(found, answers.RouteView.of, lambda route: (route.created_at, route.id))


@router.get("/routes/{route_id}")
@allow(anyone, find=lookups.route)
async def show_route(*, route: OneRoute, response: Response) -> answers.RouteView:
    """One route with its stops."""
    response.headers["ETag"] = etag(route.version)
    return answers.RouteView.of(route)


@router.put("/routes/{route_id}")
@allow(staff, find=lookups.route_to_edit)
@versioned
async def update_route(
    *,
    route: OneRoute,
    body: schemas.RouteChange,
    request: Request,
    response: Response,
    caller: Caller,
    database: Db,
) -> answers.RouteView:
    """Change a route; what is left out stays. 409 where it is deactivated while seats are sold."""

    async def change(db: Transaction) -> Route:
        now = await clock.moment(db)
        return await routes.update(db, route.id, body, expected=expect_version(request), actor=caller, now=now)

    changed = await database.run(change)
    response.headers["ETag"] = etag(changed.version)
    return answers.RouteView.of(changed)


@router.delete("/routes/{route_id}", status_code=204)
@allow(staff, find=lookups.route_to_edit)
@versioned
async def delete_route(*, route: OneRoute, request: Request, caller: Caller, database: Db) -> None:
    """Hide a route; what was sold on it still finds it. 409 while seats are sold on its future schedules."""

    async def delete(db: Transaction) -> None:
        now = await clock.moment(db)
        await routes.delete(db, route.id, expected=expect_version(request), actor=caller, now=now)

    await database.run(delete)

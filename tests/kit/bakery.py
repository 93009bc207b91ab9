"""The smallest application with an edge: a bakery. Who says `Bearer anna` is Anna, who says `Bearer baker` bakes."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import httpx2
import sqlalchemy as sa
from fastapi import FastAPI, File, Response, UploadFile
from pydantic import Field
from starlette.requests import Request

from holdfast.kit import http, openapi
from holdfast.kit.clock import moment
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Database, Id, Moment
from holdfast.kit.errors import Conflict, Forbidden, NotFound, Unauthenticated
from holdfast.kit.fields import AmountField, Answer, Body, Count, IdField, MomentField, ShortText, Text
from holdfast.kit.headers import networks
from holdfast.kit.http import Db, Found, Key, Policy, RawBody, Router, allow, idempotent, public, unkeyed
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from holdfast.kit.versions import check_version, etag, expect_version

SECRET = "a secret of the bakery, long enough"

metadata = sa.MetaData()
loaves = sa.Table(
    "bakery_loaves",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner", sa.String(40), nullable=False),
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("baked_at", Moment, nullable=False),
)

router = Router(prefix="/bakery")


@dataclass(frozen=True)
class Customer:
    user_id: str | None


@dataclass(eq=False)
class OvenFull(Conflict):
    """The oven is full: {labels} are in it until {until}, for {price}."""

    labels: list[str]
    until: datetime
    price: Money
    tray: UUID
    retry_after: int = 60


async def authenticate(request: Request) -> Customer:
    scheme, _, name = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        return Customer(None)
    if scheme != "Bearer" or name not in {"anna", "bert", "baker"}:
        raise Unauthenticated
    return Customer(name)


async def _known(request: Request) -> None:
    if request.state.principal.user_id is None:
        raise Unauthenticated


async def _bakes(request: Request) -> None:
    await _known(request)
    if request.state.principal.user_id != "baker":
        raise Forbidden


signed_in = Policy("signed_in", _known)
bakers = Policy("bakers", _bakes)


class Order(Body):
    label: ShortText
    pieces: Count = 1
    price: AmountField | None = None
    ready_at: MomentField | None = None
    note: Text = ""
    toppings: Annotated[list[IdField], Field(max_length=3, default_factory=list)]


class Loaf(Answer):
    id: UUID
    label: str
    pieces: int | None = None
    price: str | None = None
    ready_at: datetime | None = None


async def own_loaf(request: Request, customer: Customer) -> Any:
    loaf_id = http.path_id(request, "loaf_id")
    async with request.app.state.database.reader() as db:
        row = await db.first(sa.select(loaves).where(loaves.c.id == loaf_id, loaves.c.owner == customer.user_id))
    if row is None:
        raise NotFound
    return row


async def _again(request: Request, subject: UUID) -> Loaf:
    async with request.app.state.database.reader() as db:
        row = await db.one(sa.select(loaves).where(loaves.c.id == subject))
    return Loaf(id=row.id, label=row.label)


@router.get("/menu")
@allow(public)
@http.cacheable("public, max-age=60")
async def show_menu() -> dict[str, str]:
    return {"today": "rye"}


@router.post("/loaves", status_code=201)
@allow(signed_in)
@idempotent(replay=_again)
async def bake(order: Order, request: Request, key: Key, database: Db) -> Loaf:
    """Labels steer the oven: slow, burnt (refused after the write), forgotten (not remembered), bug."""
    price = None if order.price is None else Money.parse(order.price, "EGP").amount
    if order.label == "slow":
        await asyncio.sleep(0.2)
    async with database.transaction() as db:
        now = await moment(db)
        loaf_id = new_id()
        owner = request.state.principal.user_id
        await db.execute(sa.insert(loaves).values(id=loaf_id, owner=owner, label=order.label, baked_at=now))
        if order.label == "bug":
            message = "the oven exploded at /etc/oven with password hunter2"
            raise RuntimeError(message)
        if order.label == "burnt":
            raise OvenFull(["rye", "oat"], now, Money(1250, "EGP"), loaf_id)
        if order.label != "forgotten":
            await key.remember(db, subject=loaf_id, status=201)
    return Loaf(id=loaf_id, label=order.label, pieces=order.pieces, price=price, ready_at=order.ready_at)


@router.post("/guest-loaves", status_code=201)
@allow(public)
@idempotent(replay=_again)
async def bake_for_guest(order: Order, key: Key, database: Db) -> Loaf:
    async with database.transaction() as db:
        loaf_id = new_id()
        row = {"id": loaf_id, "owner": "guest", "label": order.label, "baked_at": await moment(db)}
        await db.execute(sa.insert(loaves).values(row))
        await key.remember(db, subject=loaf_id, status=201)
    return Loaf(id=loaf_id, label=order.label)


@router.get("/loaves")
@allow(signed_in)
async def list_loaves(request: Request, page: Paged, database: Db, label: str | None = None) -> Listed[Loaf]:
    mine = sa.select(loaves).where(loaves.c.owner == request.state.principal.user_id)
    if label is not None:
        mine = mine.where(loaves.c.label == label)
    async with database.reader() as db:
        rows = await db.all(page.select(mine, loaves.c.baked_at, loaves.c.id))
    return page.listed(rows, lambda row: Loaf(id=row.id, label=row.label), lambda row: (row.baked_at, row.id))


@router.get("/loaves/{loaf_id}")
@allow(signed_in, find=own_loaf)
async def show_loaf(loaf: Annotated[Any, Found]) -> Loaf:
    return Loaf(id=loaf.id, label=loaf.label)


@router.put("/loaves/{loaf_id}")
@allow(bakers, find=own_loaf)
@http.versioned
async def change_loaf(order: Order, loaf: Annotated[Any, Found], request: Request, response: Response) -> Loaf:
    check_version(expect_version(request, required=True), 7)
    response.headers["ETag"] = etag(8)
    return Loaf(id=loaf.id, label=order.label)


@router.post("/loaves/{loaf_id}/slice")
@allow(signed_in, find=own_loaf)
@unkeyed("slicing twice is slicing once")
async def slice_loaf(loaf: Annotated[Any, Found]) -> Loaf:
    return Loaf(id=loaf.id, label=loaf.label)


@router.post("/deliveries")
@allow(public)
@unkeyed("the mill's number decides")
@http.raw(limit=1_000)
async def take_delivery(content: RawBody) -> dict[str, int]:
    return {"bytes": len(content)}


@router.post("/pictures")
@allow(public)
@unkeyed("a picture more does no harm")
@http.form(limit=2_000)
async def hang_picture(picture: Annotated[UploadFile, File()]) -> dict[str, int]:
    return {"bytes": len(await picture.read())}


@router.get("/address")
@allow(public)
async def tell_address(request: Request) -> dict[str, str | None]:
    return {"address": request.state.address, "scheme": request.url.scheme}


def application(database: Database, *, is_test: bool = True) -> FastAPI:
    app = FastAPI(title="Bakery", version="1")
    app.include_router(router, prefix="/api")
    http.install(
        app,
        database=database,
        secret=SECRET,
        authenticate=authenticate,
        trusted_proxies=networks(["10.0.0.0/8"]),
        is_test=is_test,
    )
    openapi.install(app)
    return app


def client(app: FastAPI, *, name: str | None = "anna", address: str = "192.0.2.1") -> httpx2.AsyncClient:
    headers = {} if name is None else {"Authorization": f"Bearer {name}"}
    transport = httpx2.ASGITransport(app, client=(address, 4711))
    return httpx2.AsyncClient(transport=transport, base_url="http://bakery", headers=headers)

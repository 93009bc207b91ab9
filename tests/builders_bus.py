"""A bus line in one line: a provider with a manager, a route with stops, a bus, and a schedule with its seats."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI
from pydantic import SecretStr

from holdfast.app.main import create_app
from holdfast.app.settings import Settings
from holdfast.kernel import bookings, checkout, holds, payments
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking
from holdfast.kernel.holds import Hold
from holdfast.kernel.identity import Provider
from holdfast.kernel.inventory import Clocks
from holdfast.kernel.payments import GatewayPayment
from holdfast.kernel.realtime import Lookout
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.money import Money
from holdfast.products.bus import queries, tasks
from holdfast.products.bus.actions import buses, generation, routes, schedules
from holdfast.products.bus.choosing import Chooser
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.reservations import Asked, Buyer, canonical
from holdfast.products.bus.schemas import FareBody, NewBus, NewRoute, NewSchedule, StopBody
from holdfast.products.bus.shelf import Shelf
from holdfast.products.bus.tasks import Counter
from tests import builders_identity
from tests.builders_identity import Person, open_provider, sign_up

CLOCKS = Clocks()
SYSTEM = Actor.system()
STOPS = (("Cairo", 0, 0), ("Suez", 110, 134), ("Hurghada", 390, 530))


@dataclass(frozen=True, slots=True)
class Line:
    """A bus line that sells."""

    provider: Provider
    route_id: UUID
    bus_id: UUID
    schedule_id: UUID


def layout(rows: int = 2, *, prefix: str = "", modifier: str = "0.00", flags: Sequence[str] = ()) -> dict[str, Any]:
    """Rows of four with an aisle: 1A, 1B, 1C, 1D, …; `modifier` and `flags` are those of the first seat."""
    lines = [
        {"seats": [{"number": f"{prefix}{row}{letter}", "column": column} for letter, column in SPOTS]}
        for row in range(1, rows + 1)
    ]
    lines[0]["seats"][0] |= {"price_modifier": modifier, "flags": list(flags)}
    return {"decks": [{"name": "main", "columns": 5, "aisles": [3], "rows": lines}]}


SPOTS = (("A", 1), ("B", 2), ("C", 4), ("D", 5))


async def open_line(
    database: Database,
    *,
    stops: Sequence[tuple[str, int, int]] = STOPS,
    zone: str = "Africa/Cairo",
    zones: dict[str, str] | None = None,
    price: str = "320.00",
    fares: Sequence[tuple[str, str, str]] = (),
    departs_in: timedelta = timedelta(days=7),
    seats: dict[str, Any] | None = None,
    is_generated: bool = True,
    provider: Provider | None = None,
) -> Line:
    """A line that runs once, a week from now."""
    its_provider = provider or await open_provider(database)
    async with database.transaction() as db:
        now = await clock.moment(db)
        route_id = await routes.create(
            db,
            NewRoute(
                stops=[
                    StopBody(city=city, zone=(zones or {}).get(city, zone), minutes_from_start=minutes, km=km)
                    for city, minutes, km in stops
                ],
                provider_id=its_provider.id,
            ),
            actor=SYSTEM,
            now=now,
        )
        bus_id = await enter_bus(db, its_provider, seats=seats, now=now)
        schedule_id = await schedules.create(
            db,
            NewSchedule(
                route_id=route_id,
                bus_id=bus_id,
                departure_datetime=now + departs_in,
                base_price=price,  # type: ignore[arg-type] # as JSON has it
                fares=[FareBody(from_stop=a, to_stop=b, price=fare) for a, b, fare in fares],  # type: ignore[arg-type]
            ),
            actor=SYSTEM,
            now=now,
        )
        if is_generated:
            await generation.generate_seats(db, schedule_id, actor=SYSTEM)
    return Line(its_provider, route_id, bus_id, schedule_id)


async def enter_bus(
    db: Transaction,
    provider: Provider,
    *,
    seats: dict[str, Any] | None = None,
    now: datetime,
    number: str | None = None,
) -> UUID:
    """A bus with eight seats, unless another layout is given."""
    config = seats or layout()
    total = sum(len(row["seats"]) for deck in config["decks"] for row in deck["rows"])
    new = NewBus(
        bus_number=number or f"B-{builders_identity.new_phone()}",
        bus_type="standard",
        total_seats=total,
        seat_layout_config=config,  # type: ignore[arg-type] # as JSON has it
        provider_id=provider.id,
    )
    return await buses.create(db, new, actor=SYSTEM, now=now)


async def offer_of(database: Database, line: Line) -> Offer:
    async with database.reader() as db:
        return await queries.offer(db, line.schedule_id)


async def reserve(
    database: Database,
    line: Line,
    person: Person,
    numbers: Sequence[str] = ("1A",),
    *,
    from_stop: str | None = None,
    to_stop: str | None = None,
    key: str | None = None,
) -> Hold:
    """Hold these seats for somebody."""
    asked = Asked(
        schedule_id=line.schedule_id,
        seat_ids=None,
        seat_numbers=tuple(numbers),
        count=None,
        preference="together",
        flags=(),
        from_stop=from_stop,
        to_stop=to_stop,
        document=canonical([str(line.schedule_id), list(numbers), from_stop, to_stop]),
    )
    async with holds.Batcher(database, CLOCKS) as batcher:
        counter = Counter(database, Shelf(database), batcher, Chooser(Lookout(database)))
        hold, _, _ = await tasks.reserve(counter, asked, buyer=Buyer(person.id, key), actor=person.actor)
    return hold


async def pay(database: Database, hold: Hold, person: Person) -> Booking:
    """Open a payment and let its gateway say that it was paid."""

    async def work(db: Transaction) -> Booking:
        opened = await checkout.open_payment(
            db, hold.id, method="credit_card", gateway="sandbox", amount=None, actor=person.actor, clocks=CLOCKS
        )
        assert opened.payment_id is not None
        payment = await payments.find(db, opened.payment_id)
        whole = Money(payment.amount, payment.currency)
        state = GatewayPayment(
            key=str(payment.id),
            reference=f"ref-{payment.id}",
            status="completed",
            amount=whole,
            captured=whole,
            fee=Money.zero(payment.currency),
            at=await clock.moment(db),
        )
        assert await checkout.settle(db, payment.id, state, clocks=CLOCKS) == "confirmed"
        return await bookings.find(db, opened.booking_id)

    return await database.run(work)


async def hold_again(database: Database, hold: Hold) -> Hold:
    async with database.reader() as db:
        return await holds.find(db, hold.id)


def application(database: Database, folder: Path) -> FastAPI:
    """The whole platform on this database."""
    settings = Settings(
        environment="test", data_folder=folder, secret=SecretStr(builders_identity.SECRET), bcrypt_cost=4
    )
    return create_app(settings, database=database)


@asynccontextmanager
async def browsing(app: FastAPI, person: Person | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    """A client under /api/v1/bus, signed in as a person."""
    headers = person.headers if person is not None else {}
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    async with (
        app.state.batcher,
        httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1/bus", headers=headers) as client,
    ):
        yield client


async def manager_of(database: Database, provider: Provider) -> Person:
    return await sign_up(database, members={provider.id: "manager"})

"""Schedules in service: taken off sale, cancelled, hidden, and moving by themselves."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.kernel import bookings, holds, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import tasks as checkout_tasks
from holdfast.kernel.holds import Hold
from holdfast.kernel.inventory import OccurrenceCancelled, SalesClosed
from holdfast.kit import clock, ids
from holdfast.kit.db import Database, Transaction
from holdfast.products.bus import tasks
from holdfast.products.bus.actions import buses, moves, routes, schedules
from holdfast.products.bus.models import bus_schedule_stops, bus_schedules
from holdfast.products.bus.schemas import BusChange, RouteChange, ScheduleChange
from holdfast.products.bus.values import (
    BusInUse,
    CancelAlone,
    RouteInUse,
    ScheduleEnded,
    ScheduleNotFound,
    StatusBackwards,
)
from tests.builders_bus import SYSTEM, Line, offer_of, open_line, pay, reserve
from tests.builders_identity import sign_up


async def test_a_route_and_a_bus_with_a_sold_schedule_to_come_stay_in_service(database: Database) -> None:
    line = await open_line(database)
    person = await sign_up(database)
    await reserve(database, line, person)

    with pytest.raises(RouteInUse):
        await _serve(database, line, route=False)
    with pytest.raises(BusInUse):
        await _serve(database, line, bus=False)


async def test_out_of_service_nothing_is_sold_until_it_is_back(database: Database) -> None:
    line = await open_line(database)
    person = await sign_up(database)

    await _serve(database, line, bus=False)
    with pytest.raises(SalesClosed):
        await reserve(database, line, person)
    await _serve(database, line, bus=True)

    assert (await reserve(database, line, person)).state == "active"


async def test_cancelling_a_schedule_and_what_is_sold_on_it_are_one_act(database: Database) -> None:
    line = await open_line(database)
    person, other = await sign_up(database), await sign_up(database)
    booking = await pay(database, await reserve(database, line, person, ["1A"]), person)
    hold = await reserve(database, line, other, ["1B"])

    await database.run(lambda db: moves.cancel_by_id(db, line.schedule_id, actor=SYSTEM, reason="no fuel"))

    offer = await offer_of(database, line)
    assert (offer.schedule.status, offer.inventory.state) == ("cancelled", "cancelled")
    with pytest.raises(OccurrenceCancelled):
        await reserve(database, line, await sign_up(database), ["2A"])
    with pytest.raises(OccurrenceCancelled):
        await _change(database, line, ScheduleChange(status="cancelled"))
    await checkout_tasks.cancel_occurrence(database, {"inventory_id": str(line.schedule_id)})
    async with database.reader() as db:
        assert (await bookings.find(db, booking.id)).state == "cancelled"
    assert (await _hold(database, hold.id)).state == "cancelled"


async def test_deleting_hides_what_is_unsold_and_cancels_what_is_sold(database: Database) -> None:
    unsold, sold = await open_line(database), await open_line(database)
    await reserve(database, sold, await sign_up(database))

    hidden = await database.run(lambda db: moves.delete(db, unsold.schedule_id, expected=None, actor=SYSTEM))
    cancelled = await database.run(lambda db: moves.delete(db, sold.schedule_id, expected=None, actor=SYSTEM))

    assert (hidden, cancelled) == (True, False)
    assert (await offer_of(database, sold)).schedule.status == "cancelled"
    async with database.reader() as db:
        assert (await inventory.find(db, unsold.schedule_id)).state == "closed"


async def test_cancelling_changes_nothing_else(database: Database) -> None:
    line = await open_line(database, price="100.00")

    with pytest.raises(CancelAlone):
        await _change(database, line, ScheduleChange(status="cancelled", base_price="90.00"))  # type: ignore[arg-type]


async def test_statuses_move_by_themselves_at_departure_and_arrival(database: Database) -> None:
    line = await open_line(database)
    person = await sign_up(database)
    booking = await pay(database, await reserve(database, line, person), person)
    async with database.reader() as db:
        now = await clock.moment(db)

    await _pretend(database, line, departs_at=now - timedelta(hours=1), arrives_at=now + timedelta(hours=1))
    await tasks.move_statuses(database)
    assert (await offer_of(database, line)).schedule.status == "in_transit"
    await _pretend(database, line, departs_at=now - timedelta(hours=2), arrives_at=now - timedelta(seconds=1))
    await tasks.move_statuses(database)

    offer = await offer_of(database, line)
    assert (offer.schedule.status, offer.inventory.state) == ("completed", "over")
    await checkout_tasks.finish_occurrence(database, {"inventory_id": str(line.schedule_id)})
    async with database.reader() as db:
        assert (await bookings.find(db, booking.id)).state == "completed"
    with pytest.raises(ScheduleEnded):
        await _change(database, line, ScheduleChange(base_price="1.00"))  # type: ignore[arg-type] # as JSON has it
    with pytest.raises(StatusBackwards):
        await _change(database, line, ScheduleChange(status="scheduled"))


async def test_a_leg_is_on_sale_until_its_own_departure(database: Database) -> None:
    line = await open_line(database)
    await _boards(database, line, 0, -timedelta(minutes=5))
    await tasks.move_statuses(database)
    person = await sign_up(database)

    with pytest.raises(SalesClosed):
        await reserve(database, line, person, from_stop="Cairo", to_stop="Suez")
    hold = await reserve(database, line, person, from_stop="Suez")

    assert (await offer_of(database, line)).schedule.status == "in_transit"
    assert hold.state == "active"


async def test_a_schedule_that_is_absent_cannot_move(database: Database) -> None:
    with pytest.raises(ScheduleNotFound):
        await database.run(lambda db: moves.move_on(db, ids.new_id()))


async def _change(database: Database, line: Line, change: ScheduleChange) -> None:
    admin = Actor("user", ids.new_id(), frozenset({"admin"}))
    await database.run(lambda db: schedules.update(db, line.schedule_id, change, expected=None, actor=admin))


async def _serve(database: Database, line: Line, *, route: bool | None = None, bus: bool | None = None) -> None:
    async def serve(db: Transaction) -> None:
        now = await clock.moment(db)
        if route is not None:
            change = RouteChange(is_active=route)
            await routes.update(db, line.route_id, change, expected=None, actor=SYSTEM, now=now)
        if bus is not None:
            await buses.update(db, line.bus_id, BusChange(is_active=bus), expected=None, actor=SYSTEM, now=now)

    await database.run(serve)


async def _pretend(database: Database, line: Line, **times: datetime) -> None:
    """As if it had been planned for then."""
    async with database.transaction() as db:
        await db.execute(sa.update(bus_schedules).where(bus_schedules.c.id == line.schedule_id).values(times))


async def _boards(database: Database, line: Line, position: int, by: timedelta) -> None:
    """As if the bus left that stop so long from now, and had set out then at the latest."""
    async with database.transaction() as db:
        at = await clock.moment(db) + by
        mine = (bus_schedule_stops.c.schedule_id == line.schedule_id, bus_schedule_stops.c.position == position)
        await db.execute(sa.update(bus_schedule_stops).where(*mine).values(at=at))
        await db.execute(sa.update(bus_schedules).where(bus_schedules.c.id == line.schedule_id).values(departs_at=at))


async def _hold(database: Database, hold_id: UUID) -> Hold:
    async with database.reader() as db:
        return await holds.find(db, hold_id)

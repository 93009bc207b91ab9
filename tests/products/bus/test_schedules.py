"""Schedules: planned, generated, moved, priced, and given another bus."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.kernel import bookings, checkout, holds, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import Hold, SlotsTaken
from holdfast.kernel.inventory import SalesClosed
from holdfast.kit import clock, ids
from holdfast.kit.db import Database, Transaction, violated
from holdfast.kit.zones import AmbiguousTime, NonexistentTime
from holdfast.products.bus import queries
from holdfast.products.bus.actions import generation, routes, schedules
from holdfast.products.bus.models import OVERLAP, bus_schedules
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.schemas import NewSchedule, RouteChange, ScheduleChange
from holdfast.products.bus.values import (
    BusBusy,
    DepartureInPast,
    SeatsInUse,
    SeatsMissing,
)
from tests.builders_bus import SYSTEM, Line, enter_bus, layout, offer_of, open_line, reserve
from tests.builders_identity import sign_up


async def test_nothing_is_on_sale_before_the_seats_are_generated(database: Database) -> None:
    line = await open_line(database, is_generated=False)
    person = await sign_up(database)
    offer = await offer_of(database, line)

    with pytest.raises(SalesClosed):
        await reserve(database, line, person)

    async with database.reader() as db:
        assert await queries.seats_free(db, [offer], now=await clock.moment(db)) == {line.schedule_id: 0}
    async with database.transaction() as db:
        assert await generation.generate_seats(db, line.schedule_id, actor=SYSTEM) == 8
    assert (await reserve(database, line, person)).items[0].label == "1A"


async def test_generated_again_new_places_are_numbered_above_the_old(database: Database) -> None:
    line = await open_line(database)

    async with database.transaction() as db:
        await generation.generate_seats(db, line.schedule_id, actor=SYSTEM)

    offer = await offer_of(database, line)
    assert [place.number for place in offer.places.places] == list(range(8, 16))


async def test_seats_are_not_generated_again_once_any_was_ever_held(database: Database) -> None:
    line = await open_line(database)
    person = await sign_up(database)
    hold = await reserve(database, line, person)
    await database.run(lambda db: checkout.release(db, hold.id, actor=person.actor))

    with pytest.raises(SeatsInUse):
        await database.run(lambda db: generation.generate_seats(db, line.schedule_id, actor=SYSTEM))


async def test_later_edits_of_a_route_leave_what_was_generated(database: Database) -> None:
    line = await open_line(database, stops=(("Cairo", 0, 0), ("Suez", 110, 134)))

    async with database.transaction() as db:
        change = RouteChange(distance_km=150, estimated_duration_minutes=200)
        await routes.update(db, line.route_id, change, expected=1, actor=SYSTEM, now=await clock.moment(db))

    offer = await offer_of(database, line)
    assert offer.schedule.stops[-1].metres == 134_000


async def test_a_bus_is_not_on_two_schedules_at_once(database: Database) -> None:
    line = await open_line(database)
    schedule = (await offer_of(database, line)).schedule
    during = schedule.departs_at + timedelta(minutes=30)

    with pytest.raises(BusBusy):
        await _plan(database, line, departure=during)

    await _plan(database, line, departure=schedule.arrives_at)  # half open: one arrives, the next leaves


async def test_the_database_itself_refuses_overlapping_schedules(database: Database) -> None:
    line = await open_line(database)
    other = await _plan(database, line, departure=datetime.now(UTC) + timedelta(days=60))
    schedule = (await offer_of(database, line)).schedule
    onto = sa.update(bus_schedules).where(bus_schedules.c.id == other)

    with pytest.raises(IntegrityError) as refused:
        await _pretend(
            database,
            replace(line, schedule_id=other),
            departs_at=schedule.arrives_at - timedelta(seconds=1),
            arrives_at=schedule.arrives_at,
        )

    assert OVERLAP in violated(refused.value)
    with pytest.raises(IntegrityError):
        await _copy(database, line.schedule_id, to=other)
    async with database.transaction() as db:  # what is cancelled or deleted is in nobody's way
        await db.execute(sa.update(bus_schedules).where(bus_schedules.c.id == other).values(status="cancelled"))
        await db.execute(onto.values(departs_at=schedule.departs_at, arrives_at=schedule.arrives_at))


async def test_wall_times_are_those_of_the_place(database: Database) -> None:
    line = await open_line(
        database,
        stops=(("Lisbon", 0, 0), ("Madrid", 450, 628)),
        zones={"Lisbon": "Europe/Lisbon", "Madrid": "Europe/Madrid"},
    )

    planned = await _plan(database, line, departure=_wall("2030-01-10T08:00"), arrival=_wall("2030-01-10T17:00"))

    async with database.reader() as db:
        schedule = await queries.schedule(db, planned)
    assert schedule.departs_at == datetime(2030, 1, 10, 8, 0, tzinfo=UTC)
    assert schedule.arrives_at == datetime(2030, 1, 10, 16, 0, tzinfo=UTC)


async def test_a_departure_in_the_gap_or_fold_of_the_clocks_is_refused(database: Database) -> None:
    line = await open_line(database, stops=(("Lisbon", 0, 0), ("Porto", 200, 313)), zone="Europe/Lisbon")

    with pytest.raises(NonexistentTime):
        await _plan(database, line, departure=_wall("2030-03-31T01:30"))
    with pytest.raises(AmbiguousTime):
        await _plan(database, line, departure=_wall("2030-10-27T01:30"))

    second = await _plan(database, line, departure=_wall("2030-10-27T01:30"), fold=1)
    async with database.reader() as db:
        assert (await queries.schedule(db, second)).departs_at == datetime(2030, 10, 27, 1, 30, tzinfo=UTC)


async def test_a_departure_lies_in_the_future(database: Database) -> None:
    line = await open_line(database)

    with pytest.raises(DepartureInPast):
        await _plan(database, line, departure=datetime.now(UTC) - timedelta(minutes=1))


async def test_other_times_move_everything_sold(database: Database) -> None:
    line = await open_line(database)
    person = await sign_up(database)
    hold = await reserve(database, line, person, from_stop="Suez")
    old = (await offer_of(database, line)).schedule
    by = timedelta(hours=2)

    change = ScheduleChange(departure_datetime=old.departs_at + by, arrival_datetime=old.arrives_at + by)
    await database.run(lambda db: schedules.update(db, line.schedule_id, change, expected=None, actor=SYSTEM))

    offer = await offer_of(database, line)
    async with database.reader() as db:
        moved = await bookings.of_hold(db, hold.id)
        found = await inventory.find(db, line.schedule_id)
    assert moved is None
    assert found.starts_at == old.departs_at + by
    assert [stop.at for stop in offer.schedule.stops] == [stop.at + by for stop in old.stops]
    assert (await _hold(database, hold.id)).starts_at == old.stops[1].at + by


async def test_another_bus_needs_a_seat_for_each_that_is_sold(database: Database) -> None:
    line = await open_line(database, seats=layout(3))
    person = await sign_up(database)
    await reserve(database, line, person, ["2B"])
    async with database.transaction() as db:
        now = await clock.moment(db)
        smaller = await enter_bus(db, line.provider, seats=layout(1), now=now)
        enough = await enter_bus(db, line.provider, seats=layout(2), now=now)

    with pytest.raises(SeatsMissing) as refused:
        await _change(database, line, ScheduleChange(bus_id=smaller))
    before = await offer_of(database, line)
    await _change(database, line, ScheduleChange(bus_id=enough))

    after = await offer_of(database, line)
    assert refused.value.numbers == ["2B"]
    assert len(after.places.places) == 8
    assert _number(before, "2B") == _number(after, "2B")
    with pytest.raises(SlotsTaken):
        await reserve(database, line, await sign_up(database), ["2B"])


async def test_a_new_price_is_for_those_who_come_after(database: Database) -> None:
    line = await open_line(database, price="100.00")
    early, late = await sign_up(database), await sign_up(database)
    first = await reserve(database, line, early, ["1A"])

    await _change(database, line, ScheduleChange(base_price="120.00"))  # type: ignore[arg-type] # as JSON has it

    assert first.total == 10_000
    assert (await reserve(database, line, late, ["1B"])).total == 12_000


async def _plan(
    database: Database,
    line: Line,
    *,
    departure: datetime,
    arrival: datetime | None = None,
    fold: Literal[0, 1] | None = None,
) -> UUID:
    new = NewSchedule(
        route_id=line.route_id,
        bus_id=line.bus_id,
        departure_datetime=departure,
        departure_fold=fold,
        arrival_datetime=arrival,
        base_price="100.00",  # type: ignore[arg-type] # as JSON has it
    )

    async def plan(db: Transaction) -> UUID:
        return await schedules.create(db, new, actor=SYSTEM, now=await clock.moment(db))

    return await database.run(plan)


async def _copy(database: Database, schedule_id: UUID, *, to: UUID) -> None:
    """Another row of the same bus and time, in the place of one that is removed for it."""
    async with database.transaction() as db:
        row = await db.one(sa.select(bus_schedules).where(bus_schedules.c.id == schedule_id))
        await db.execute(sa.delete(bus_schedules).where(bus_schedules.c.id == to))
        await db.execute(sa.insert(bus_schedules).values({**row._asdict(), "id": to}))


async def _change(database: Database, line: Line, change: ScheduleChange) -> None:
    admin = Actor("user", ids.new_id(), frozenset({"admin"}))
    await database.run(lambda db: schedules.update(db, line.schedule_id, change, expected=None, actor=admin))


async def _pretend(database: Database, line: Line, **times: datetime) -> None:
    """As if it had been planned for then."""
    async with database.transaction() as db:
        await db.execute(sa.update(bus_schedules).where(bus_schedules.c.id == line.schedule_id).values(times))


async def _hold(database: Database, hold_id: UUID) -> Hold:
    async with database.reader() as db:
        return await holds.find(db, hold_id)


def _number(offer: Offer, label: str) -> int:
    return next(place.number for place in offer.places.places if place.label == label)


def _wall(text: str) -> datetime:
    """What clocks show, without an offset."""
    return datetime.fromisoformat(text)

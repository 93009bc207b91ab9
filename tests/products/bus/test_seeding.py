"""The demonstration's world: loaded once, topped up afterwards, and nothing in it overlaps."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from holdfast.kernel import inventory
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.products.bus import queries, seeds
from holdfast.products.bus.models import bus_schedules

pytestmark = pytest.mark.alone


async def test_the_world_is_made_once_and_grows_by_the_days_that_come(database: Database) -> None:
    told: list[str] = []
    async with database.transaction() as db:
        now = await clock.moment(db)
        first = await seeds.load(db, now, told.append)
        again = await seeds.load(db, now, told.append)
        later = await seeds.load(db, now + timedelta(days=1), told.append)

    assert first["operators"] == 5
    assert len(told) == 3 * len(seeds.FLEETS)
    assert first["schedules added"] > 500
    assert first["nearly sold out"] > 5
    assert again["schedules added"] == 0
    assert 0 < later["schedules added"] < 100
    async with database.reader() as db:
        rows = await db.all(sa.select(bus_schedules).order_by(bus_schedules.c.departs_at))
        found = await queries.offers_of(db, await queries.schedules_of(db, rows))
        free = await queries.seats_free(db, found, now=now)
    last = max(row.departs_at for row in rows)
    assert last > now + timedelta(days=20)
    assert {offer.inventory.state for offer in found} == {"on_sale"}
    assert any(0 < left < 5 for left in free.values())
    assert all(offer.schedule.stops for offer in found)
    await _is_where_it_leaves(database)


async def _is_where_it_leaves(database: Database) -> None:
    """Every bus goes on from where it arrived."""
    async with database.reader() as db:
        rows = await db.all(sa.select(bus_schedules).order_by(bus_schedules.c.bus_id, bus_schedules.c.departs_at))
        found = await queries.schedules_of(db, rows)
        assert await inventory.find_many(db, [found[0].id])
    arrived: dict[object, tuple[str, datetime]] = {}
    for schedule in found:
        before = arrived.get(schedule.bus_id)
        assert before is None or before[0] == schedule.stops[0].city
        assert before is None or before[1] <= schedule.departs_at
        arrived[schedule.bus_id] = (schedule.stops[-1].city, schedule.arrives_at)

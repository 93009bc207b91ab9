from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from holdfast.kit import clock
from holdfast.kit.db import Database

LEAST = timedelta(microseconds=1)
pytestmark = pytest.mark.alone


async def moment(database: Database) -> datetime:
    async with database.reader() as db:
        return await clock.moment(db)


async def test_the_moment_is_the_databases_and_has_an_offset(database: Database) -> None:
    first, second = await moment(database), await moment(database)

    assert first.tzinfo is UTC
    assert first <= second
    assert abs(first - datetime.now(UTC)) < timedelta(minutes=1)


async def test_within_a_transaction_time_goes_on(database: Database) -> None:
    """It is the clock's, never the moment at which the transaction began."""
    async with database.transaction() as db:
        first = await clock.moment(db)
        await db.scalar(sa.text("SELECT count(*) FROM (SELECT 1 UNION ALL SELECT 2) AS numbers"))
        second = await clock.moment(db)

    assert first < second


async def test_a_test_moves_the_clock_or_stops_it_to_the_microsecond(database: Database) -> None:
    pinned = datetime(2031, 2, 3, 4, 5, 6, 789_123, tzinfo=UTC)
    async with database.transaction() as db:
        await clock.move(db, by=timedelta(days=2))
    ahead = await moment(database) - datetime.now(UTC)

    async with database.transaction() as db:
        await clock.move(db, pin_at=pinned)

    assert timedelta(days=2) - timedelta(minutes=1) < ahead < timedelta(days=2, minutes=1)
    assert [await moment(database) for _ in range(2)] == [pinned, pinned]


async def test_production_never_looks_at_the_test_clock(database: Database, database_url: str) -> None:
    async with database.transaction() as db:
        await clock.move(db, by=timedelta(days=2))

    async with Database(database_url) as production:
        assert abs(await moment(production) - datetime.now(UTC)) < timedelta(minutes=1)
        async with production.transaction() as db:
            with pytest.raises(AssertionError):
                await clock.move(db, by=timedelta(days=2))

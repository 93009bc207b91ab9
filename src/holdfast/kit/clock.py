"""Read the moment that decides: the database's own clock, so that no server's wrong clock ever sells a place twice.

Read it after the turn is taken and hand it on; everywhere else time is an argument. In environment test the one row
of table `test_clock` moves or pins it; production never has that row and never looks.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.kit.bulk import Program, Statement
from holdfast.kit.db import EPOCH, Moment, Reader, Transaction, metadata

test_clock = sa.Table(
    "test_clock",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("offset_us", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("pinned_at", Moment),
    sa.CheckConstraint("id = 1", name="one_row"),
)

_POSTGRES = sa.select(sa.func.clock_timestamp())
_NOW = Statement("SELECT clock_timestamp() AS now", returns={"now": "moment"})
_MOVED = Statement(
    "SELECT offset_us, pinned_at FROM test_clock", returns={"offset_us": "bigint", "pinned_at": "moment"}
)


async def moment(db: Reader) -> datetime:
    """The database's present moment; on SQLite the process's, which stands beside the file."""
    real = await db.scalar(_POSTGRES) if db.dialect == "postgresql" else _own_clock()
    if not db.database.test_clock:
        return _aware(real)
    row = await db.first(sa.select(test_clock))
    if row is None:
        return _aware(real)
    return row.pinned_at or _aware(real) + timedelta(microseconds=row.offset_us)


def in_batch(*, is_postgres: bool, has_test_clock: bool) -> Program[datetime]:
    """The same moment for a program of `kit.bulk`."""
    real = (yield _NOW.of())[0].now if is_postgres else _own_clock()
    return (yield from _moved(real, has_test_clock=has_test_clock))


def once_locked(rows: Sequence[Any], *, has_test_clock: bool) -> Program[datetime]:
    """The same for one that locked rows, which tell when (`now`, by PostgreSQL's clock): the moment it had them all."""
    real = max((row.now for row in rows if row.now is not None), default=None) or _own_clock()
    return (yield from _moved(real, has_test_clock=has_test_clock))


def _moved(real: datetime, *, has_test_clock: bool) -> Program[datetime]:
    for row in (yield _MOVED.of()) if has_test_clock else ():
        return row.pinned_at or _aware(real) + timedelta(microseconds=row.offset_us)
    return _aware(real)


class KeptClock:
    """The database's clock as this process knows it between two readings, kept by one that never jumps."""

    def __init__(self) -> None:
        self._reading: tuple[datetime, float] | None = None

    async def read(self, db: Reader) -> datetime:
        now = await moment(db)
        self._reading = (now, time.monotonic())
        return now

    def now(self) -> datetime:
        """The present moment, late by as long as the reading took and never early; only once it was read."""
        assert self._reading is not None
        read, at = self._reading
        return read + timedelta(seconds=time.monotonic() - at)

    async def recent(self, db: Reader, *, seconds: float = 1.0) -> datetime:
        """The present moment; the database is asked where the last reading is older than that."""
        if db.database.test_clock or self.is_older_than(seconds):
            return await self.read(db)
        return self.now()

    def is_older_than(self, seconds: float) -> bool:
        """Whether the last reading is, or there is none."""
        return self._reading is None or time.monotonic() - self._reading[1] > seconds


async def move(db: Transaction, *, by: timedelta = timedelta(0), pin_at: datetime | None = None) -> None:
    """Set the test clock: `by` from the real time, or standing still at `pin_at`. Refused outside environment test."""
    assert db.database.test_clock, "only environment test moves the clock"
    values = {"id": 1, "offset_us": by // timedelta(microseconds=1), "pinned_at": pin_at}
    statement = db.insert(test_clock).values(values)
    await db.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def _own_clock() -> datetime:
    return EPOCH + timedelta(microseconds=time.time_ns() // 1_000)


def _aware(value: Any) -> datetime:  # noqa: ANN401 - what the driver returned
    assert isinstance(value, datetime)
    return value.astimezone(UTC)

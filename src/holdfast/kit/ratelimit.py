"""Bound how often something happens: over all processes in the database, or cheaply within one.

The database's counter fails closed: where it cannot be reached, the answer is 503, never "go on".
"""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from holdfast.kit import keeping
from holdfast.kit.clock import moment
from holdfast.kit.db import Database, Moment, Transaction, metadata
from holdfast.kit.errors import TooMany

BUCKETS_MAX = 100_000

rate_limits = sa.Table(
    "rate_limits",
    metadata,
    #: what is limited, and a hash of for whom
    sa.Column("bucket", sa.String(200), primary_key=True),
    sa.Column("window_ends_at", Moment, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.CheckConstraint("tries > 0", name="tries_positive"),
    sa.Index("ix_rate_limits_window_ends_at", "window_ends_at"),
)


@dataclass(eq=False)
class TooManyRequests(TooMany):
    """Too many tries; try again in {retry_after} seconds."""

    retry_after: int


async def allow(database: Database, *, bucket: str, limit: int, per: timedelta, now: datetime | None = None) -> None:
    """Count one try; TooManyRequests beyond `limit` in a window of `per` that begins with its first try.

    `bucket`: "login:somebody@example.org"; only what stands before the colon is stored as it is. In a transaction of
    its own, so that a try counts even if what it was for is rolled back; `now` None reads the database's clock.
    """
    kind, _, whose = bucket.partition(":")
    name = f"{kind[:40]}:{hashlib.sha256(whose.encode()).hexdigest()}"
    await database.run(lambda db: _count(db, name, limit, per, now))


async def forget(db: Transaction, /, before: datetime, *, limit: int = keeping.AT_ONCE) -> int:
    """Drop the windows that were over at `before`, at most `limit`; how many."""
    return await keeping.drop(db, rate_limits, rate_limits.c.window_ends_at <= before, limit=limit)


async def _count(db: Transaction, name: str, limit: int, per: timedelta, now: datetime | None) -> None:
    """One statement, so that 100 at once count as 100. A refusal is rolled back: the count stays at the limit."""
    at = now or await moment(db)
    table = rate_limits.c
    is_over = table.window_ends_at <= at
    upsert = (
        db.insert(rate_limits)
        .values(bucket=name, window_ends_at=at + per, tries=1)
        .on_conflict_do_update(
            index_elements=["bucket"],
            set_={
                "tries": sa.case((is_over, 1), else_=table.tries + 1),
                "window_ends_at": sa.case((is_over, sa.literal(at + per, Moment)), else_=table.window_ends_at),
            },
        )
        .returning(table.tries, table.window_ends_at)
    )
    row = await db.one(upsert)
    if row.tries > limit:
        raise TooManyRequests(max(1, math.ceil((row.window_ends_at - at).total_seconds())))


class LocalBucket:
    """A token bucket a key in this process's memory: `rate` a second on average, `burst` at once."""

    def __init__(
        self, *, rate: float, burst: int, keys_max: int = BUCKETS_MAX, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._keys_max, self._clock = rate, burst, keys_max, clock
        #: key -> (tokens left, when that was true), the least recently used first
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str) -> None:
        """Take one token. TooManyRequests where none is left."""
        now = self._clock()
        left, then = self._levels.pop(key, (float(self._burst), now))
        left = min(float(self._burst), left + (now - then) * self._rate)
        is_refused = left < 1
        self._levels[key] = (left if is_refused else left - 1, now)
        if len(self._levels) > self._keys_max:
            self._levels.popitem(last=False)
        if is_refused:
            raise TooManyRequests(max(1, math.ceil((1 - left) / self._rate)))

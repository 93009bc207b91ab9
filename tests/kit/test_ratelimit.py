"""A limit is a limit: for parallel tries too, and when nothing can be counted."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.kit import ratelimit
from holdfast.kit.clock import moment
from holdfast.kit.db import Database
from holdfast.kit.errors import DatabaseUnavailable
from holdfast.kit.ids import new_id
from holdfast.kit.ratelimit import LocalBucket, TooManyRequests, allow, rate_limits

TEN_MINUTES = timedelta(minutes=10)


async def test_of_forty_tries_at_once_exactly_the_limit_pass(kitchen: Database) -> None:
    bucket = f"login:{new_id()}"

    async def attempt() -> bool:
        try:
            await allow(kitchen, bucket=bucket, limit=10, per=TEN_MINUTES)
        except TooManyRequests:
            return False
        return True

    passed = await asyncio.gather(*(attempt() for _ in range(40)))

    assert sum(passed) == 10


async def test_a_refusal_says_when_the_window_ends_and_then_it_does(kitchen: Database) -> None:
    bucket = f"login:{new_id()}"
    async with kitchen.reader() as db:
        now = await moment(db)
    await allow(kitchen, bucket=bucket, limit=1, per=TEN_MINUTES, now=now)

    with pytest.raises(TooManyRequests) as refused:
        await allow(kitchen, bucket=bucket, limit=1, per=TEN_MINUTES, now=now + timedelta(minutes=4))
    with pytest.raises(TooManyRequests):
        await allow(kitchen, bucket=bucket, limit=1, per=TEN_MINUTES, now=now + TEN_MINUTES - timedelta(microseconds=1))

    assert refused.value.retry_after == 360
    await allow(kitchen, bucket=bucket, limit=1, per=TEN_MINUTES, now=now + TEN_MINUTES)


async def test_buckets_do_not_touch_each_other_and_name_nobody(kitchen: Database) -> None:
    whose = f"{new_id()}@example.org"
    await allow(kitchen, bucket=f"login:{whose}", limit=1, per=TEN_MINUTES)
    await allow(kitchen, bucket=f"otp:{whose}", limit=1, per=TEN_MINUTES)
    await allow(kitchen, bucket=f"login:x{whose}", limit=1, per=TEN_MINUTES)

    async with kitchen.reader() as db:
        names = [row.bucket for row in await db.all(sa.select(rate_limits.c.bucket))]
    assert not any(whose in name for name in names)


async def test_a_limit_that_cannot_be_counted_lets_nobody_in(tmp_path: Path) -> None:
    async with Database("postgresql://nobody@127.0.0.1:1/nowhere") as gone:
        with pytest.raises(DatabaseUnavailable):
            await allow(gone, bucket="login:anna", limit=10, per=TEN_MINUTES)


async def test_windows_that_are_over_are_forgotten(kitchen: Database) -> None:
    async with kitchen.reader() as db:
        now = await moment(db) - timedelta(days=400)
    bucket = f"login:{new_id()}"
    await allow(kitchen, bucket=bucket, limit=1, per=TEN_MINUTES, now=now)

    async with kitchen.transaction() as db:
        forgotten = await ratelimit.forget(db, now + TEN_MINUTES)

    assert forgotten == 1


def test_a_local_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    now = [0.0]
    bucket = LocalBucket(rate=0.5, burst=3, clock=lambda: now[0])
    for _ in range(3):
        bucket.take("anna")

    with pytest.raises(TooManyRequests) as refused:
        bucket.take("anna")
    bucket.take("bert")
    now[0] = 2.0
    bucket.take("anna")
    with pytest.raises(TooManyRequests):
        bucket.take("anna")

    assert refused.value.retry_after == 2


def test_a_local_bucket_keeps_no_more_keys_than_it_may() -> None:
    bucket = LocalBucket(rate=1, burst=1, keys_max=10, clock=lambda: 0.0)
    for number in range(1_000):
        bucket.take(str(number))

    assert len(bucket) == 10

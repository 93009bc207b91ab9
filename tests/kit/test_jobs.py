import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.kit import clock, jobs
from holdfast.kit.db import Database
from holdfast.kit.jobs import ATTEMPTS_MAX, LEASE, Job, NotYet

LEAST = timedelta(microseconds=1)
NOON = datetime(2027, 5, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.alone


@pytest.fixture
async def database(database_url: str) -> Any:
    """Its clock stands at noon."""
    async with Database(database_url, pool_size=5, test_clock=True) as database:
        await at(database, NOON)
        yield database


async def at(database: Database, moment: datetime) -> None:
    async with database.transaction() as db:
        await clock.move(db, pin_at=moment)


async def enqueue(database: Database, *, key: str | None = None, run_at: datetime = NOON, **payload: Any) -> None:
    async with database.transaction() as db:
        await jobs.enqueue(db, kind="bake", payload=payload, run_at=run_at, key=key)


async def take(database: Database, *, now: datetime = NOON, most: int = 16) -> list[Job]:
    async with database.transaction() as db:
        return await jobs.take(db, now=now, most=most)


async def waiting(database: Database) -> list[sa.Row[Any]]:
    async with database.reader() as db:
        return list(await db.all(sa.select(jobs.jobs).order_by(jobs.jobs.c.id)))


class Oven:
    """A handler that fails as often as it was told."""

    def __init__(self, *, failures: int = 0, error: Exception | None = None) -> None:
        self.baked: list[Mapping[str, Any]] = []
        self.tries = 0
        self.failures = failures
        self.error = error or LookupError("no flour")

    async def __call__(self, payload: Mapping[str, Any]) -> None:
        self.tries += 1
        if self.tries <= self.failures:
            raise self.error
        self.baked.append(payload)


# Enqueueing


async def test_a_job_is_there_only_if_its_change_is(database: Database) -> None:
    async def work() -> None:
        async with database.transaction() as db:
            await jobs.enqueue(db, kind="bake", payload={}, run_at=NOON)
            raise LookupError

    with pytest.raises(LookupError):
        await work()

    assert await waiting(database) == []


async def test_a_key_that_waits_already_adds_nothing_and_is_free_when_done(database: Database) -> None:
    for number in range(3):
        await enqueue(database, key="k", number=number)
    assert [row.payload for row in await waiting(database)] == [{"number": 0}]
    await jobs.drain(database, {"bake": Oven()})

    await enqueue(database, key="k", number=9)

    assert [row.payload for row in await waiting(database)] == [{"number": 9}]


async def test_jobs_without_a_key_are_all_done(database: Database) -> None:
    oven = Oven()
    for number in range(40):
        await enqueue(database, number=number)

    await jobs.drain(database, {"bake": oven})

    assert sorted(payload["number"] for payload in oven.baked) == list(range(40))
    assert await waiting(database) == []


async def test_hastening_brings_a_job_forward_and_never_back(database: Database) -> None:
    await enqueue(database, key="k", run_at=NOON + timedelta(hours=1))

    for run_at in (NOON + timedelta(hours=2), NOON, NOON + timedelta(minutes=5)):
        async with database.transaction() as db:
            await jobs.hasten(db, key="k", run_at=run_at)

    assert [row.run_at for row in await waiting(database)] == [NOON]


# Taking


async def test_a_job_is_due_from_its_moment_on(database: Database) -> None:
    await enqueue(database)

    early = await take(database, now=NOON - LEAST)
    in_time = await take(database, now=NOON)

    assert (len(early), len(in_time)) == (0, 1)


async def test_a_taken_job_is_nobody_elses_until_its_lease_ends(database: Database) -> None:
    await enqueue(database)
    (first,) = await take(database)

    during = await take(database, now=NOON + LEASE - LEAST)
    (second,) = await take(database, now=NOON + LEASE)

    assert during == []
    assert (second.id, first.attempts, second.attempts) == (first.id, 1, 2)


async def test_a_worker_whose_lease_ended_finishes_and_gives_back_nothing(database: Database) -> None:
    await enqueue(database)
    (lost,) = await take(database)
    (mine,) = await take(database, now=NOON + LEASE)

    async with database.transaction() as db:
        await jobs.finish(db, lost)
        await jobs.give_back(db, lost, error="too late", run_at=NOON)

    (row,) = await waiting(database)
    assert (row.attempts, row.last_error, row.run_at) == (mine.attempts, None, NOON + 2 * LEASE)


async def test_several_workers_take_each_job_once(database: Database) -> None:
    for number in range(30):
        await enqueue(database, number=number)
    oven = Oven()

    await asyncio.gather(*(jobs.drain(database, {"bake": oven}) for _ in range(4)))

    assert sorted(payload["number"] for payload in oven.baked) == list(range(30))


# Repeating


async def test_a_failure_is_kept_and_repeated_later_and_later(database: Database) -> None:
    await enqueue(database)
    oven = Oven(failures=3)
    delays = []
    now = NOON
    for _ in range(3):
        await jobs.run_due(database, {"bake": oven})
        (row,) = await waiting(database)
        delays.append((row.run_at - now).total_seconds())
        now = row.run_at
        await at(database, now)
    error = row.last_error

    await jobs.run_due(database, {"bake": oven})

    assert error == "LookupError: no flour"
    for delay, expected in zip(delays, (1, 2, 4), strict=True):
        assert 0.75 * expected <= delay <= 1.25 * expected
    assert (len(oven.baked), await waiting(database)) == (1, [])


def test_what_failed_together_is_not_repeated_together() -> None:
    delays = {jobs.delay_after(5) for _ in range(50)}

    assert len(delays) > 40
    assert timedelta(seconds=12) <= min(delays) <= max(delays) <= timedelta(seconds=20)
    assert jobs.delay_after(ATTEMPTS_MAX * 3) <= timedelta(hours=7.5)


async def test_one_failure_does_not_hold_up_the_others(database: Database) -> None:
    await enqueue(database, number=1)
    await enqueue(database, number=2)
    baked = []

    async def picky(payload: Mapping[str, Any]) -> None:
        if payload["number"] == 1:
            raise LookupError
        baked.append(payload["number"])

    await jobs.run_due(database, {"bake": picky})

    assert (baked, [row.payload["number"] for row in await waiting(database)]) == ([2], [1])


async def test_a_job_that_failed_too_often_is_dead_and_kept_until_it_is_revived(database: Database) -> None:
    await enqueue(database)
    oven = Oven(failures=ATTEMPTS_MAX)
    for _ in range(ATTEMPTS_MAX):
        await jobs.run_due(database, {"bake": oven})
        (row,) = await waiting(database)
        await at(database, row.run_at)
    assert row.state == "dead"
    assert await jobs.run_due(database, {"bake": oven}) == 0

    async with database.transaction() as db:
        revived = await jobs.revive(db, row.id, now=row.run_at)
        again = await jobs.revive(db, row.id, now=row.run_at)
    await jobs.run_due(database, {"bake": oven})

    assert (revived, again, len(oven.baked), await waiting(database)) == (1, 0, 1, [])


async def test_asking_again_for_a_dead_job_revives_it(database: Database) -> None:
    await enqueue(database, key="rye")
    async with database.transaction() as db:
        await db.execute(sa.update(jobs.jobs).values(state="dead", attempts=ATTEMPTS_MAX))
    oven = Oven()

    await enqueue(database, key="rye", loaf="fresh")
    await jobs.run_due(database, {"bake": oven})

    assert (oven.baked, await waiting(database)) == ([{"loaf": "fresh"}], [])


async def test_not_yet_is_no_failure_however_often(database: Database) -> None:
    await enqueue(database)
    oven = Oven(failures=ATTEMPTS_MAX * 2, error=NotYet(timedelta(seconds=5)))
    now = NOON
    for _ in range(ATTEMPTS_MAX * 2):
        await jobs.run_due(database, {"bake": oven})
        (row,) = await waiting(database)
        assert (row.run_at - now, row.attempts, row.state, row.last_error) == (timedelta(seconds=5), 0, "ready", None)
        now = row.run_at
        await at(database, now)

    await jobs.run_due(database, {"bake": oven})

    assert len(oven.baked) == 1


async def test_what_comes_of_a_job_is_done_in_the_same_drain(database: Database) -> None:
    await enqueue(database, left=3)
    left = []

    async def chain(payload: Mapping[str, Any]) -> None:
        left.append(payload["left"])
        if payload["left"]:
            await enqueue(database, left=payload["left"] - 1)

    await jobs.drain(database, {"bake": chain})

    assert (left, await waiting(database)) == ([3, 2, 1, 0], [])

"""Do things later, surely: a job is enqueued with the change that wants it and repeated until it is done.

Taking a job moves its `run_at` to the end of its lease, so a worker that dies gives it back by doing nothing.
A job that failed too often is dead: kept, shown, and revived by hand.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog

from holdfast.kit import clock, keeping, metrics
from holdfast.kit.bulk import Insert
from holdfast.kit.db import Database, Id, Json, Moment, Reader, Transaction, metadata
from holdfast.kit.errors import Error
from holdfast.kit.ids import new_id

ATTEMPTS_MAX = 20  # with the delays below: about three days
LEASE = timedelta(seconds=60)
_FIRST_DELAY_SECONDS = 1.0
_DELAY_SECONDS_MAX = 6 * 3600.0

log = structlog.get_logger("holdfast.jobs")
_ended = metrics.counter("holdfast_jobs_total", "Jobs run: done, failed, postponed.", ("kind", "outcome"))

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(60), nullable=False),
    sa.Column("key", sa.String(120), unique=True),
    sa.Column("payload", Json, nullable=False),
    sa.Column("state", sa.String(5), nullable=False, server_default="ready"),
    sa.Column("run_at", Moment, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.String(500)),
    sa.Column("created_at", Moment, nullable=False),
    sa.CheckConstraint("state IN ('ready', 'dead')", name="state_known"),
    sa.CheckConstraint("attempts >= 0", name="attempts_counted"),
    sa.Index(
        "ix_jobs_due",
        "run_at",
        postgresql_where=sa.text("state = 'ready'"),
        sqlite_where=sa.text("state = 'ready'"),
    ),
)

Handler = Callable[[Mapping[str, Any]], Awaitable[None]]


class NotYet(Exception):
    """Raised by a handler whose matter is not settled yet: run again after `delay`, and don't count it as a failure."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__(delay)
        self.delay = delay


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work, taken by this worker until its lease ends."""

    id: UUID
    kind: str
    payload: Mapping[str, Any]
    attempts: int


async def enqueue(
    db: Transaction, *, kind: str, payload: Mapping[str, Any], run_at: datetime, key: str | None = None
) -> None:
    """Ask for a job with the change that wants it. A `key` that waits already adds nothing; a dead one is revived."""
    statement = db.insert(jobs).values(
        id=new_id(), kind=kind, key=key, payload=payload, run_at=run_at, created_at=run_at
    )
    if key is not None:
        again = {"state": "ready", "attempts": 0, "payload": payload, "run_at": run_at}
        is_dead = jobs.c.state == "dead"
        statement = statement.on_conflict_do_update(index_elements=["key"], set_=again, where=is_dead)
    await db.execute(statement)


#: The same for many at once, whose keys were never used: (id, kind, key, payload as JSON, run_at, created_at).
ENQUEUE = Insert(
    "jobs", {"id": "id", "kind": "text", "key": "text", "payload": "json", "run_at": "moment", "created_at": "moment"}
)


async def hasten(db: Transaction, *, key: str, run_at: datetime) -> None:
    """Run the waiting job of that key no later than `run_at`."""
    await db.execute(sa.update(jobs).where(jobs.c.key == key, jobs.c.run_at > run_at).values(run_at=run_at))


@dataclass(frozen=True, slots=True)
class Backlog:
    """`due` should run now, the first of them since `waiting`; `later` have their time; `dead` failed too often."""

    due: int
    later: int
    dead: int
    waiting: timedelta


async def backlog(db: Reader, *, now: datetime) -> Backlog:
    """What there is to do."""
    ready, is_due = jobs.c.state == "ready", jobs.c.run_at <= now
    row = await db.one(
        sa.select(
            sa.func.count().filter(ready, is_due).label("due"),
            sa.func.count().filter(ready, ~is_due).label("later"),
            sa.func.count().filter(~ready).label("dead"),
            sa.func.min(jobs.c.run_at).filter(ready, is_due).label("first"),
        )
    )
    return Backlog(row.due, row.later, row.dead, timedelta(0) if row.first is None else now - row.first)


async def take(db: Transaction, *, now: datetime, most: int) -> list[Job]:
    """Jobs that are due, leased to the caller."""
    due = await db.all(
        sa.select(jobs.c.id, jobs.c.kind, jobs.c.payload, jobs.c.attempts)
        .where(jobs.c.state == "ready", jobs.c.run_at <= now)
        .order_by(jobs.c.run_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    for row in due:
        await db.execute(
            sa.update(jobs).where(jobs.c.id == row.id).values(run_at=now + LEASE, attempts=row.attempts + 1)
        )
    return [Job(row.id, row.kind, row.payload, row.attempts + 1) for row in due]


async def finish(db: Transaction, job: Job) -> None:
    """Done. A worker whose lease ended meanwhile finishes nothing: the attempt count is no longer its own."""
    await db.execute(sa.delete(jobs).where(jobs.c.id == job.id, jobs.c.attempts == job.attempts))


async def give_back(db: Transaction, job: Job, *, error: str | None, run_at: datetime) -> None:
    """Run it again at `run_at`; dead after too many failures. `error` None: it was not a failure."""
    failed = error is not None
    values = {
        "run_at": run_at,
        "last_error": error[:500] if error else None,
        "state": "dead" if failed and job.attempts >= ATTEMPTS_MAX else "ready",
        "attempts": job.attempts if failed else job.attempts - 1,
    }
    await db.execute(sa.update(jobs).where(jobs.c.id == job.id, jobs.c.attempts == job.attempts).values(**values))


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many jobs of a kind wait; `failing` of them failed before, and the first was due at `since`."""

    kind: str
    ready: int
    failing: int
    dead: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class KeptJob:
    """A job as whoever watches over it sees it; `about` are the ids of its payload, and nothing else of it."""

    id: UUID
    kind: str
    state: str
    run_at: datetime
    attempts: int
    last_error: str | None
    created_at: datetime
    about: Mapping[str, str]


async def waiting(db: Reader, *, now: datetime) -> list[Waiting]:
    """What there is to do, by kind; `since` counts those that are due alone."""
    is_ready, is_dead = jobs.c.state == "ready", jobs.c.state == "dead"
    rows = await db.all(
        sa.select(
            jobs.c.kind,
            sa.func.count().filter(is_ready).label("ready"),
            sa.func.count().filter(is_ready, jobs.c.last_error.is_not(None)).label("failing"),
            sa.func.count().filter(is_dead).label("dead"),
            sa.func.min(jobs.c.run_at).filter(is_ready, jobs.c.run_at <= now).label("since"),
        )
        .group_by(jobs.c.kind)
        .order_by(jobs.c.kind)
    )
    return [Waiting(row.kind, row.ready, row.failing, row.dead, row.since) for row in rows]


def listing(*, state: str | None = None, kind: str | None = None) -> sa.Select[Any]:
    """The statement of a list of jobs, without order and limit; `kept` reads its rows."""
    statement = sa.select(jobs)
    if state is not None:
        statement = statement.where(jobs.c.state == state)
    return statement if kind is None else statement.where(jobs.c.kind == kind)


#: Newest first, for `kit.cursors.Page.select`.
ORDER: tuple[sa.ColumnElement[Any], ...] = (jobs.c.created_at, jobs.c.id)


def kept(row: sa.Row[Any]) -> KeptJob:
    about = {
        name: value
        for name, value in row.payload.items()
        if (name.endswith("_id") or name in {"fact", "template"}) and isinstance(value, str)
    }
    return KeptJob(row.id, row.kind, row.state, row.run_at, row.attempts, row.last_error, row.created_at, about)


async def find(db: Reader, job_id: UUID) -> KeptJob | None:
    """One that waits or is dead; None once it is done."""
    row = await db.first(sa.select(jobs).where(jobs.c.id == job_id))
    return None if row is None else kept(row)


async def revive(db: Transaction, job_id: UUID, *, now: datetime) -> int:
    """Give a dead job its attempts again; how many rows that was (0 or 1)."""
    return await db.execute(
        sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state == "dead").values(state="ready", attempts=0, run_at=now)
    )


async def forget_dead(db: Transaction, /, *, before: datetime, limit: int = keeping.AT_ONCE) -> int:
    """Drop dead jobs that nobody revived since that moment, at most `limit`; how many."""
    return await keeping.drop(db, jobs, jobs.c.state == "dead", jobs.c.run_at < before, limit=limit)


def delay_after(attempts: int) -> timedelta:
    """Doubling from one second to six hours, with jitter, so that what failed together is not repeated together."""
    seconds = min(_FIRST_DELAY_SECONDS * 2 ** (attempts - 1), _DELAY_SECONDS_MAX)
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, not a secret


async def run_due(database: Database, handlers: Mapping[str, Handler], *, most: int = 16) -> int:
    """Take what is due and do it, side by side; how many."""

    async def taking(db: Transaction) -> list[Job]:
        return await take(db, now=await clock.moment(db), most=most)

    if not await _is_any_due(database):  # looking costs no writer, which SQLite has only one of
        return 0
    taken = await database.run(taking)
    await asyncio.gather(*(_do(database, handlers, job) for job in taken))
    return len(taken)


async def drain(database: Database, handlers: Mapping[str, Handler], *, rounds_max: int = 100) -> None:
    """Do all that is due, and what comes of it, until nothing is."""
    for _ in range(rounds_max):
        if not await run_due(database, handlers):
            return


async def _is_any_due(database: Database) -> bool:
    async with database.reader() as db:
        now = await clock.moment(db)
        due = sa.exists().where(jobs.c.state == "ready", jobs.c.run_at <= now)
        return bool(await db.scalar(sa.select(due)))


async def _do(database: Database, handlers: Mapping[str, Handler], job: Job) -> None:
    try:
        async with asyncio.timeout(LEASE.total_seconds() * 0.9):
            await handlers[job.kind](job.payload)
    except NotYet as not_yet:
        _ended.labels(job.kind, "postponed").inc()
        await _again(database, job, error=None, delay=not_yet.delay)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the job is repeated and the error kept
        text = f"{error.code}: {error}" if isinstance(error, Error) else f"{type(error).__name__}: {error}"
        _ended.labels(job.kind, "failed").inc()
        log.warning("job_failed", kind=job.kind, job_id=str(job.id), attempts=job.attempts, error=text)
        with contextlib.suppress(Error):  # the lease gives it back where even this can't be written
            await _again(database, job, error=text, delay=delay_after(job.attempts))
    else:
        await database.run(lambda db: finish(db, job))
        _ended.labels(job.kind, "done").inc()


async def _again(database: Database, job: Job, *, error: str | None, delay: timedelta) -> None:
    async def giving_back(db: Transaction) -> None:
        await give_back(db, job, error=error, run_at=await clock.moment(db) + delay)

    await database.run(giving_back)

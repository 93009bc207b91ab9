"""Bring two transactions to the point where they meet, and leave guards out to show that the meeting is real."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from holdfast.kit.db import Database, Transaction
from holdfast.kit.guards import Guards

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[Any]]

_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 10.0
_WAITING = sa.text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@asynccontextmanager
async def without(url: str, *guards: str, pool_size: int = 12) -> AsyncIterator[Database]:
    """The same database through a program that lacks these guards (none named: a guarded one with room for many)."""
    async with Database(url, pool_size=pool_size, guards=Guards(frozenset(guards)), test_clock=True) as database:
        yield database


async def drop_key_of_claims(database: Database) -> None:
    """What leaving out the guard `pk` asks of a test: its own database has no primary key of claims any more."""
    async with database.transaction() as db:
        await db.execute(sa.text("ALTER TABLE claims DROP CONSTRAINT pk_claims"))


async def drop_key_of_changes(database: Database) -> None:
    """The same for the guard `seq`: two changes of one inventory may have one number."""
    async with database.transaction() as db:
        await db.execute(sa.text("DROP INDEX uq_outbox_inventory_id_seq"))


async def outcome(work: Awaitable[T]) -> T | Exception:
    """What came of it: the result, or the exception itself."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
        return error


async def at_once(*works: Coroutine[Any, Any, T]) -> list[T | Exception]:
    """All of them side by side; what came of each, in their order."""
    return list(await asyncio.gather(*(outcome(work) for work in works)))


async def while_open(database: Database, first: Work, second: Work) -> tuple[Any, Any]:
    """Run `second` while `first` has done everything but commit. What came of both.

    The commit comes once the second waits for a lock (or has gone through without waiting for any).
    """
    async with database.transaction() as db:
        one = await first(db)
        task = asyncio.create_task(outcome(database.run(second)))
        await _waits(database, task)
    return one, await task


async def _waits(database: Database, task: asyncio.Task[Any]) -> None:
    if database.dialect == "sqlite":  # its second writer waits in our own pool, where nobody can see it
        await asyncio.sleep(10 * _LOOK_SECONDS)
        assert not task.done(), "SQLite has one writer"
        return
    for _ in range(round(_PATIENCE_SECONDS / _LOOK_SECONDS)):
        async with database.reader() as db:
            if task.done() or await db.scalar(_WAITING):
                return
        await asyncio.sleep(_LOOK_SECONDS)
    message = "the second neither waits nor ends"
    raise AssertionError(message)


def is_deadlock(error: BaseException | None) -> bool:
    """Whether PostgreSQL ended the transaction because it waited in a circle (whatever we call that by then)."""
    while error is not None:
        if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == "40P01":
            return True
        error = error.__cause__
    return False

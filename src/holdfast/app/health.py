"""Say whether this process is alive, and whether it can do its work."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from holdfast.kernel.audit import anyone
from holdfast.kit import beats, clock, migrate, outbox
from holdfast.kit.db import Database, Reader
from holdfast.kit.errors import Unavailable
from holdfast.kit.fields import Answer
from holdfast.kit.http import Db, Router, allow

_VERSION = sa.table("alembic_version", sa.column("version_num", sa.String))

#: A fact that waits for longer has no relay: they are relayed within a second.
RELAY_LATE = timedelta(seconds=60)

router = Router(tags=["Health"])


@dataclass(eq=False)
class NotMigrated(Unavailable):
    """The database stands at migration {present} and this program needs {needed}: run holdfast migrate."""

    present: str
    needed: str
    retry_after: int = 2


class Alive(Answer):
    status: str


class Ready(Answer):
    """degraded: it sells as ever, but letters, refunds and tidying wait.

    `worker`: whether any has beaten lately; `relay`: whether facts are relayed in time.
    `cache`: none, as long as nothing but the database is needed.
    """

    status: Literal["ready", "degraded"]
    database: str
    migrations: str
    cache: str
    worker: Literal["beating", "silent"]
    relay: Literal["in time", "late"]


@router.get("/health", operation_id="show_health")
@allow(anyone)
async def show_health() -> Alive:
    """This process answers; nothing else was looked at."""
    return Alive(status="ok")


@router.get("/health/ready", operation_id="show_readiness")
@allow(anyone)
async def show_readiness(database: Db) -> Ready:
    """The database answers and has the newest migration; 503 otherwise. A server without a worker is 200, degraded."""
    await check_ready(database)
    async with database.reader() as db:
        now = await clock.moment(db)
        worker: Literal["beating", "silent"] = "beating" if (await beats.pulse(db, now=now)).alive else "silent"
        _, waiting = await outbox.backlog(db, now=now)
    is_late = waiting > RELAY_LATE
    return Ready(
        status="degraded" if worker == "silent" or is_late else "ready",
        database=database.dialect,
        migrations="in order",
        cache="none",
        worker=worker,
        relay="late" if is_late else "in time",
    )


async def check_ready(database: Database) -> None:
    """DatabaseUnavailable, NotMigrated."""
    check_there(database)
    async with database.reader() as db:
        present = await revision(db)
    if present != migrate.head():
        raise NotMigrated(present or "none", migrate.head())


def check_there(database: Database) -> None:
    """NotMigrated where the file of an SQLite database is not there yet."""
    file = database.url.database
    if database.dialect == "sqlite" and file and file != ":memory:" and not Path(file).exists():
        raise NotMigrated("none", migrate.head())


async def revision(db: Reader) -> str | None:
    """The migration the database stands at; None for an empty one."""
    try:
        found: str | None = await db.scalar(sa.select(_VERSION.c.version_num))
    except sa.exc.DBAPIError:  # no such table
        return None
    return found

"""Know whether workers are alive: each writes down, every few seconds, that it still is.

The clock of the beats is the database's, so that a worker with a wrong one is not taken for dead.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from holdfast.kit.db import Id, Moment, Reader, Transaction, metadata

EVERY_SECONDS = 10
#: Who has not beaten for so long is taken for dead.
SILENCE_MAX = timedelta(seconds=45)
FORGOTTEN_AFTER = timedelta(days=1)

worker_beats = sa.Table(
    "worker_beats",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("beaten_at", Moment, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Pulse:
    """`alive` workers have beaten lately; `silence` since the last beat of any, None where there was none."""

    alive: int
    silence: timedelta | None


async def beat(db: Transaction, worker_id: UUID, *, now: datetime) -> None:
    """This worker is alive; those that have long been silent are forgotten."""
    statement = db.insert(worker_beats).values(id=worker_id, started_at=now, beaten_at=now)
    await db.execute(statement.on_conflict_do_update(index_elements=["id"], set_={"beaten_at": now}))
    await db.execute(sa.delete(worker_beats).where(worker_beats.c.beaten_at < now - FORGOTTEN_AFTER))


async def leave(db: Transaction, worker_id: UUID) -> None:
    """This worker ends in order."""
    await db.execute(sa.delete(worker_beats).where(worker_beats.c.id == worker_id))


async def pulse(db: Reader, *, now: datetime) -> Pulse:
    alive = sa.func.count().filter(worker_beats.c.beaten_at >= now - SILENCE_MAX)
    row = await db.one(sa.select(alive.label("alive"), sa.func.max(worker_beats.c.beaten_at).label("last")))
    return Pulse(row.alive, None if row.last is None else max(now - row.last, timedelta(0)))

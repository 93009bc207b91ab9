"""Chain the rows of the activity log, so that whoever changes one later breaks every hash after it.

Each provider has a stream, the platform another. A row waits SETTLING before it is chained, so that those written at
the same time and committed a little later keep their order; `n` follows the order of chaining.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.audit.models import activity_chain, activity_logs
from holdfast.kit import clock
from holdfast.kit.checks import ROWS_MAX, Breach
from holdfast.kit.db import Reader, Transaction

PLATFORM = UUID(int=0)
BATCH_MAX = 500
SETTLING = timedelta(seconds=5)
#: A row that commits later than this after its moment is chained no more, and `holdfast check` names it.
LATE_MAX = timedelta(hours=1)
_FIRST = "0" * 64
_LOCK = 0x43484149  # one chainer at a time on PostgreSQL; SQLite has one writer anyway
_LOG_COLUMNS = tuple(column.name for column in activity_logs.columns)


def canonical(row: Mapping[str, Any]) -> str:
    """The row as sorted, compact JSON, the same from both databases."""
    return json.dumps(
        {name: _plain(row[name]) for name in _LOG_COLUMNS}, sort_keys=True, separators=(",", ":"), ensure_ascii=True
    )


def link(previous: str, row: Mapping[str, Any]) -> str:
    return hashlib.sha256((previous + canonical(row)).encode()).hexdigest()


async def waits(db: Reader) -> bool:
    """Whether there is a row to chain."""
    return await db.first((await _waiting(db)).limit(1)) is not None


async def chain(db: Transaction) -> int:
    """Chain at most BATCH_MAX rows that have settled; how many. Who comes while another chains does nothing."""
    if db.dialect == "postgresql" and not await db.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))):
        return 0
    rows = await db.all((await _waiting(db)).limit(BATCH_MAX))
    ends = dict[UUID, tuple[int, str]]()
    links = list[dict[str, Any]]()
    for row in rows:
        stream = row.provider_id or PLATFORM
        n, previous = ends[stream] if stream in ends else await _end(db, stream)
        ends[stream] = (n + 1, link(previous, row._asdict()))
        links.append({"stream": stream, "n": n + 1, "log_id": row.id, "hash": ends[stream][1]})
    if links:
        await db.execute(sa.insert(activity_chain), links)
    return len(links)


async def chain_breaches(db: Reader) -> list[Breach]:
    """Numbers that are missing and hashes that are not those of their rows, read batch by batch in a snapshot."""
    found = list[Breach]()
    stream, n, previous = None, 0, _FIRST
    key = sa.tuple_(activity_chain.c.stream, activity_chain.c.n)
    every = (
        sa.select(activity_chain, *activity_logs.c)
        .select_from(activity_chain.outerjoin(activity_logs, activity_logs.c.id == activity_chain.c.log_id))
        .order_by(activity_chain.c.stream, activity_chain.c.n)
        .limit(BATCH_MAX)
    )
    while len(found) < ROWS_MAX:
        after = every if stream is None else every.where(key > sa.tuple_(sa.literal(stream, sa.Uuid), sa.literal(n)))
        rows = await db.all(after)
        for row in rows:
            if row.stream != stream:
                stream, n, previous = row.stream, 0, _FIRST
            where = {"stream": row.stream, "n": row.n, "log_id": row.log_id}
            if row.n != n + 1:
                found.append(Breach(8, "gap_in_activity_chain", where))
            elif (
                row.id is None
                or (row.provider_id or PLATFORM) != row.stream
                or link(previous, row._asdict()) != row.hash
            ):
                found.append(Breach(8, "activity_chain_broken", where))
            n, previous = row.n, row.hash
        if len(rows) < BATCH_MAX:
            break
    return found[:ROWS_MAX]


async def _waiting(db: Reader) -> sa.Select[Any]:
    """Rows that settled and are not chained. All before a chained one were chained with it, but for late commits."""
    log = activity_logs.c
    newest = await db.scalar(
        sa.select(log.timestamp)
        .join(activity_chain, activity_chain.c.log_id == log.id)
        .order_by(activity_chain.c.log_id.desc())
        .limit(1)
    )
    chained = sa.exists().where(activity_chain.c.log_id == log.id)
    waiting = sa.select(activity_logs).where(log.timestamp <= await clock.moment(db) - SETTLING, ~chained)
    if newest is not None:
        waiting = waiting.where(log.timestamp >= newest - LATE_MAX)
    return waiting.order_by(log.timestamp, log.id)


async def _end(db: Reader, stream: UUID) -> tuple[int, str]:
    row = await db.first(
        sa.select(activity_chain.c.n, activity_chain.c.hash)
        .where(activity_chain.c.stream == stream)
        .order_by(activity_chain.c.n.desc())
        .limit(1)
    )
    return (0, _FIRST) if row is None else (row.n, row.hash)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any column's value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, UUID) else value

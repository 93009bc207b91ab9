"""Tell the world what happened: facts are written with the change and delivered afterwards, at least once.

A fact is a frozen dataclass; its name is its class's. The relay gives each fact its `position` in the one order that
any reader may follow (identifiers given before a commit are never a cursor) and turns it into the jobs of those who
listen to it, in one transaction.
"""

import dataclasses
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from holdfast.kit import clock, jobs, keeping, metrics
from holdfast.kit.bulk import Insert, as_json
from holdfast.kit.db import Database, Id, Json, Moment, Reader, Transaction, metadata
from holdfast.kit.ids import new_id

INVENTORY_CHANGED = "inventory.changed"
RELAY_BATCH_MAX = 200
_RELAY_LOCK = 0x484F4C44  # one relay at a time on PostgreSQL; SQLite has one writer anyway

_facts = metrics.counter("holdfast_facts_total", "Facts that were relayed, by name.", ("fact",))

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(60), nullable=False),
    sa.Column("version", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("inventory_id", Id),
    sa.Column("seq", sa.BigInteger),
    sa.Column("payload", Json, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("position", sa.BigInteger, unique=True),
    sa.CheckConstraint(
        f"kind <> '{INVENTORY_CHANGED}' OR (inventory_id IS NOT NULL AND seq IS NOT NULL)", name="change_has_seq"
    ),
    sa.Index(
        "uq_outbox_inventory_id_seq",
        "inventory_id",
        "seq",
        unique=True,
        postgresql_where=sa.text(f"kind = '{INVENTORY_CHANGED}'"),
        sqlite_where=sa.text(f"kind = '{INVENTORY_CHANGED}'"),
    ),
    sa.Index(
        "ix_outbox_waiting",
        "at",
        "id",
        postgresql_where=sa.text(f"position IS NULL AND kind <> '{INVENTORY_CHANGED}'"),
        sqlite_where=sa.text(f"position IS NULL AND kind <> '{INVENTORY_CHANGED}'"),
    ),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened. Fields are plain values: ids, words, moments, minor units."""

    version: ClassVar[int] = 1

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    def payload(self) -> dict[str, Any]:
        return {name: _plain(getattr(self, name)) for name in _fields(type(self))}  # type: ignore[arg-type] # classes hash


@lru_cache(maxsize=1_000)
def _fields(kind: type[Fact]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def kinds() -> list[type[Fact]]:
    """Every kind of fact that was imported so far, by name and version; those that others are made of are none."""
    found = {(kind.name(), kind.version): kind for kind in _leaves(Fact)}
    return [found[key] for key in sorted(found)]


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """A fact as the relay hands it on, at its position. `payload`: the fact's fields as JSON says them."""

    id: UUID
    name: str
    version: int
    inventory_id: UUID | None
    payload: Mapping[str, Any]
    at: datetime
    position: int


#: Hears a batch of facts in the relay's transaction, and the moment; it only writes what is to be done about them.
Hearer: TypeAlias = Callable[[Transaction, Sequence[Told], datetime], Awaitable[None]]


async def publish(
    db: Transaction, fact: Fact, *, now: datetime, inventory_id: UUID | None = None, seq: int | None = None
) -> None:
    """Write the fact with the change it tells of; `seq` is that of its inventory's change, where it has one."""
    await db.execute(
        sa.insert(outbox).values(
            id=new_id(),
            kind=fact.name(),
            version=fact.version,
            inventory_id=inventory_id,
            seq=seq,
            payload=fact.payload(),
            at=now,
        )
    )


async def publish_change(
    db: Transaction,
    *,
    inventory_id: UUID,
    seq: int,
    states: Sequence[Sequence[Any]],
    state: str,
    layout_id: UUID,
    now: datetime,
    version: int | None = None,
) -> None:
    """The change of an inventory at `seq`: `states` assigns [slot, state, until] and may be repeated without harm.

    `state` and `layout_id` are the inventory's own after the change; so is `version` (of what a
    sale must know), told where more than slots and state changed: whoever keeps the rest reads it anew.
    """
    await db.execute(
        sa.insert(outbox).values(
            id=new_id(),
            kind=INVENTORY_CHANGED,
            inventory_id=inventory_id,
            seq=seq,
            payload=_change_payload(states, state, layout_id, version),
            at=now,
        )
    )


#: The same for many at once: rows of `fact_row` and `change_row`.
PUBLISH = Insert(
    "outbox",
    {
        "id": "id",
        "kind": "text",
        "version": "int",
        "inventory_id": "id",
        "seq": "bigint",
        "payload": "json",
        "at": "moment",
    },
)


def fact_row(fact: Fact, *, now: datetime, inventory_id: UUID, seq: int) -> tuple[Any, ...]:
    """What `publish` writes, as a row for `PUBLISH`."""
    return (new_id(), fact.name(), fact.version, inventory_id, seq, as_json(fact.payload()), now)


def change_row(
    inventory_id: UUID, *, seq: int, states: Sequence[Sequence[Any]], state: str, layout_id: UUID, now: datetime
) -> tuple[Any, ...]:
    """What `publish_change` writes, as a row for `PUBLISH`."""
    payload = as_json(_change_payload(states, state, layout_id))
    return (new_id(), INVENTORY_CHANGED, 1, inventory_id, seq, payload, now)


def _change_payload(
    states: Sequence[Sequence[Any]], state: str, layout_id: UUID, version: int | None = None
) -> dict[str, Any]:
    return {
        "states": [[slot, looks, _plain(until)] for slot, looks, until in states],
        "state": state,
        "layout_id": str(layout_id),
        **({} if version is None else {"version": version}),
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One change of one inventory, as `publish_change` wrote it."""

    inventory_id: UUID
    seq: int
    states: Sequence[tuple[int, str, datetime | None]]
    state: str
    layout_id: UUID | None
    at: datetime
    #: None where nothing but slots and state changed.
    version: int | None = None


async def changes_after(db: Reader, seen: Mapping[UUID, int], *, limit: int) -> list[Change]:
    """What happened to these inventories (id -> seq last seen) since, in the order of each one's `seq`."""
    if not seen:
        return []
    statement = sa.select(outbox.c.inventory_id, outbox.c.seq, outbox.c.payload, outbox.c.at).where(
        outbox.c.kind == sa.literal_column(f"'{INVENTORY_CHANGED}'")
    )
    if db.dialect == "postgresql":  # one shape however many they are: a statement of its own for each number is slow
        ids = sa.cast(list(seen), postgresql.ARRAY(sa.Uuid))
        seqs = sa.cast(list(seen.values()), postgresql.ARRAY(sa.BigInteger))
        known = sa.func.unnest(ids, seqs).table_valued("inventory_id", "seq").render_derived("known")
        statement = statement.where(outbox.c.inventory_id == known.c.inventory_id, outbox.c.seq > known.c.seq)
    else:
        newer = [sa.and_(outbox.c.inventory_id == inventory, outbox.c.seq > seq) for inventory, seq in seen.items()]
        statement = statement.where(sa.or_(*newer))
    rows = await db.all(statement.order_by(outbox.c.inventory_id, outbox.c.seq).limit(limit))
    return [_change(row) for row in rows]


def _change(row: sa.Row[Any]) -> Change:
    states = [
        (slot, looks, None if until is None else datetime.fromisoformat(until))
        for slot, looks, until in row.payload["states"]
    ]
    layout_id = row.payload.get("layout_id")  # rows of before it was written have none
    return Change(
        row.inventory_id,
        row.seq,
        states,
        row.payload.get("state", ""),
        None if layout_id is None else UUID(layout_id),
        row.at,
        row.payload.get("version"),
    )


async def relay(
    db: Transaction, *, listeners: Mapping[str, Sequence[str]], hearers: Sequence[Hearer] = (), now: datetime
) -> int:
    """Order the facts that wait, enqueue a job for each listener and let the hearers hear; how many facts.

    `listeners`: fact name -> kinds of job. The payload of the job is the fact's, with `fact_id` and `fact`.
    """
    if db.dialect == "postgresql" and not await db.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_RELAY_LOCK))):
        return 0
    waiting = await db.all(
        sa.select(outbox.c.id, outbox.c.kind, outbox.c.version, outbox.c.inventory_id, outbox.c.payload, outbox.c.at)
        .where(outbox.c.position.is_(None), outbox.c.kind != INVENTORY_CHANGED)
        .order_by(outbox.c.at, outbox.c.id)  # the database's clock: identifiers are made by many
        .limit(RELAY_BATCH_MAX)
    )
    if not waiting:
        return 0
    last = await db.scalar(sa.select(sa.func.coalesce(sa.func.max(outbox.c.position), 0)))
    for position, fact in enumerate(waiting, start=last + 1):
        await db.execute(sa.update(outbox).where(outbox.c.id == fact.id).values(position=position))
        for kind in listeners.get(fact.kind, ()):
            payload = {**fact.payload, "fact": fact.kind, "fact_id": str(fact.id)}
            await jobs.enqueue(db, kind=kind, key=f"{kind}:{fact.id}", payload=payload, run_at=now)
        _facts.labels(fact.kind).inc()  # every fact passes here once, but for a commit that fails
    told = [
        Told(fact.id, fact.kind, fact.version, fact.inventory_id, fact.payload, fact.at, position)
        for position, fact in enumerate(waiting, start=last + 1)
    ]
    for hear in hearers:
        await hear(db, told, now)
    return len(waiting)


async def relay_waiting(
    database: Database, *, listeners: Mapping[str, Sequence[str]], hearers: Sequence[Hearer] = ()
) -> int:
    """`relay` in a transaction of its own, where any fact waits; looking costs no writer."""
    async with database.reader() as db:
        if not await db.scalar(
            sa.select(sa.exists().where(outbox.c.position.is_(None), outbox.c.kind != INVENTORY_CHANGED))
        ):
            return 0

    async def relaying(db: Transaction) -> int:
        return await relay(db, listeners=listeners, hearers=hearers, now=await clock.moment(db))

    return await database.run(relaying)


async def backlog(db: Reader, *, now: datetime) -> tuple[int, timedelta]:
    """How many facts wait to be relayed, and since when the first does."""
    waits = sa.and_(outbox.c.position.is_(None), outbox.c.kind != INVENTORY_CHANGED)
    row = await db.one(sa.select(sa.func.count().label("many"), sa.func.min(outbox.c.at).label("first")).where(waits))
    return row.many, timedelta(0) if row.first is None else now - row.first


@dataclasses.dataclass(frozen=True, slots=True)
class KeptFact:
    """A fact as it stands; `position` None while it waits."""

    id: UUID
    kind: str
    inventory_id: UUID | None
    payload: Mapping[str, Any]
    at: datetime
    position: int | None


async def position(db: Reader) -> int:
    """The last that was given; 0 before the first."""
    last: int = await db.scalar(sa.select(sa.func.coalesce(sa.func.max(outbox.c.position), 0)))
    return last


def listing(*, kind: str | None = None) -> sa.Select[Any]:
    """The statement of a list of facts, without order and limit; `kept` reads its rows."""
    statement = sa.select(outbox).where(outbox.c.kind != INVENTORY_CHANGED)
    return statement if kind is None else statement.where(outbox.c.kind == kind)


#: Newest first, for `kit.cursors.Page.select`.
ORDER: tuple[sa.ColumnElement[Any], ...] = (outbox.c.at, outbox.c.id)


def kept(row: sa.Row[Any]) -> KeptFact:
    return KeptFact(row.id, row.kind, row.inventory_id, row.payload, row.at, row.position)


async def about(db: Reader, *, since: datetime, limit: int, **named: UUID) -> list[KeptFact]:
    """The facts that name one of these (`booking_id=…, hold_id=…`), oldest first, as far as they are kept."""
    names_it = [outbox.c.payload[name].as_string() == str(value) for name, value in named.items()]
    statement = listing().where(outbox.c.at >= since, sa.or_(*names_it))
    return [kept(row) for row in await db.all(statement.order_by(outbox.c.at, outbox.c.id).limit(limit))]


async def forget(db: Transaction, /, *, before: datetime, limit: int = keeping.AT_ONCE) -> int:
    """Drop what was delivered before that moment, at most `limit` rows; how many.

    The oldest first, as their identifiers tell, so that what is left of an inventory's changes has no gap.
    """
    delivered = sa.or_(outbox.c.position.is_not(None), outbox.c.kind == INVENTORY_CHANGED)
    return await keeping.drop(db, outbox, outbox.c.at < before, delivered, first=[outbox.c.id], limit=limit)


_PLAIN_ALREADY = frozenset({str, int, bool})


def _leaves(kind: type[Fact]) -> Iterator[type[Fact]]:
    """Classes that nothing is made of. A class with slots is made twice; the one its module holds is meant."""
    for below in kind.__subclasses__():
        if getattr(sys.modules.get(below.__module__), below.__qualname__, None) is below:
            yield from _leaves(below) if below.__subclasses__() else (below,)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any plain value
    if value is None or type(value) in _PLAIN_ALREADY:
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value

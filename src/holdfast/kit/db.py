"""Reach the database: the same verbs on PostgreSQL and on SQLite.

PostgreSQL: one pool, READ COMMITTED for writing; what must hold is guarded by locks and constraints, never by an
isolation level. SQLite: one connection writes (`BEGIN IMMEDIATE`), a few read; a second writer waits in the pool.
Who is handed a `Transaction` never commits: only edges open one.
"""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol, Self, TypeVar
from uuid import UUID
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from holdfast.kit import metrics
from holdfast.kit.errors import Contended, DatabaseUnavailable, Error, Overloaded, StorageFull
from holdfast.kit.guards import Guards

Dialect = Literal["postgresql", "sqlite"]
T = TypeVar("T")

_in_use = metrics.gauge("holdfast_database_connections_in_use", "Connections at work; of a pool.", ("pool",))
_pool_size = metrics.gauge("holdfast_database_connections_max", "Connections that a pool may open.", ("pool",))

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = sa.Uuid
Json = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

_IDS = postgresql.ARRAY(Id)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUARTER_SECONDS = 900
_ATTEMPTS_MAX = 4  # the first one and three more
_CONNECT_SECONDS = 5
_SERVER_SETTINGS = {
    "application_name": "holdfast",
    "timezone": "UTC",
    "lock_timeout": "10s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
}
#: What PostgreSQL's states and SQLite's words mean.
_NAMES: tuple[tuple[type[Contended | DatabaseUnavailable | StorageFull], set[str], tuple[str, ...]], ...] = (
    # serialization failure, deadlock, lock timeout
    (Contended, {"40001", "40P01", "55P03"}, ("database is locked", "database is busy")),
    (StorageFull, {"53100"}, ("database or disk is full",)),
    # read-only, full of clients, too slow, shutting down
    (
        DatabaseUnavailable,
        {"25006", "53300", "55000", "57014", "57P01", "57P02", "57P03", "57P05"},
        ("readonly database", "connection is closed", "unable to open database file"),
    ),
)


class Moment(sa.TypeDecorator[datetime]):
    """A moment with an offset; microseconds since 1970 on SQLite, where `now` never stands in SQL."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:  # noqa: ANN401 - two drivers
        if value is None:
            return None
        assert value.tzinfo is not None, "a moment has an offset"
        if dialect.name == "postgresql":
            return value.astimezone(UTC)
        return (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        if value is None or isinstance(value, datetime):
            return value
        return EPOCH + timedelta(microseconds=value)


def quarter_hour(column: sa.ColumnElement[datetime], dialect: Dialect) -> sa.ColumnElement[int]:
    """The number of the quarter of an hour since 1970 that a moment lies in: every zone's days are made of these."""
    if dialect == "postgresql":
        return sa.cast(sa.func.floor(sa.extract("epoch", column) / QUARTER_SECONDS), sa.BigInteger)
    return sa.cast(column, sa.BigInteger).op("/")(sa.literal_column(str(QUARTER_SECONDS * 1_000_000)))


def given(column: sa.ColumnElement[UUID], dialect: Dialect, name: str = "ids") -> sa.ColumnElement[bool]:
    """The column is one of the ids that are given by that name: for a statement that is made once (see `among`)."""
    if dialect == "postgresql":
        return column == sa.any_(sa.bindparam(name, type_=_IDS))
    return column.in_(sa.bindparam(name, expanding=True))


def one_of(column: str, values: Sequence[str]) -> sa.CheckConstraint:
    """The column holds one of these words."""
    words = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


class Guest(Protocol):
    """What lives no longer than the database it uses."""

    async def close(self) -> None: ...


class Reader:
    """What reads. Rows come back as plain SQLAlchemy rows; features turn them into values."""

    def __init__(self, connection: AsyncConnection, database: "Database") -> None:
        self._connection = connection
        self.database = database
        self.dialect: Dialect = database.dialect

    async def all(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Sequence[sa.Row[Any]]:
        return (await self._connection.execute(statement, values)).all()

    async def raw(self, sql: str, values: Sequence[Any]) -> Sequence[sa.Row[Any]]:
        """The rows of a statement in the driver's own words: for `kit.bulk`."""
        return (await self._connection.exec_driver_sql(sql, tuple(values))).all()

    async def first(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> sa.Row[Any] | None:
        return (await self._connection.execute(statement, values)).first()

    async def one(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> sa.Row[Any]:
        return (await self._connection.execute(statement, values)).one()

    async def scalar(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
        return await self._connection.scalar(statement, values)

    def among(self, column: sa.ColumnElement[UUID], ids: Iterable[UUID]) -> sa.ColumnElement[bool]:
        """The column is one of these: one shape however many they are, for each number is a statement of its own."""
        if self.dialect == "postgresql":
            return column == sa.any_(sa.literal(list(ids), _IDS))
        return column.in_(list(ids))


class Transaction(Reader):
    """What writes, all or nothing; whoever opened it commits."""

    async def execute(self, statement: sa.Executable, rows: Sequence[Mapping[str, Any]] | None = None) -> int:
        """Write; the number of rows touched (not meaningful for many `rows`)."""
        return (await self._connection.execute(statement, rows)).rowcount

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`, the same on both databases."""
        return postgresql.insert(table) if self.dialect == "postgresql" else sqlite.insert(table)


class Database:
    """The handle a process opens once and closes at its end."""

    def __init__(self, url: str, *, pool_size: int = 10, guards: Guards = Guards(), test_clock: bool = False) -> None:
        """`url`: postgresql://… or sqlite:///file. `test_clock`: let table `test_clock` move the clock."""
        self.url = normalized(url)
        self.dialect: Dialect = "sqlite" if self.url.get_backend_name() == "sqlite" else "postgresql"
        self.guards = guards
        self.test_clock = test_clock
        #: what works on it by itself or has connections of its own: it ends before the pool does
        self.guests: WeakSet[Guest] = WeakSet()
        if self.dialect == "sqlite":
            self._writer = _sqlite_engine(self.url, begin="BEGIN IMMEDIATE", pool_size=1)
            self._reader = _sqlite_engine(self.url, begin="BEGIN", pool_size=max(pool_size // 2, 2))
            _count_connections(self._writer, "writer", 1)
            _count_connections(self._reader, "reader", max(pool_size // 2, 2))
        else:
            self._writer = self._reader = _postgres_engine(self.url, pool_size=pool_size)
            _count_connections(self._writer, "all", pool_size)

    async def close(self) -> None:
        for guest in list(self.guests):
            await guest.close()
        await self._writer.dispose()
        await self._reader.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """All or nothing: commits at the end, rolls back on an exception."""
        with _translated():
            async with self._writer.begin() as connection:
                yield Transaction(connection, self)

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """`work` in a transaction, the whole of it again where it met contention; Contended after three repeats."""
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            try:
                async with self.transaction() as db:
                    return await work(db)
            except Contended:
                if attempt == _ATTEMPTS_MAX:
                    raise
                await asyncio.sleep(random.uniform(0.005, 0.05) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Reader]:
        """Reads that need not agree with one another."""
        with _translated():
            async with self._reader.connect() as connection:
                if self.dialect == "postgresql":
                    await connection.execution_options(isolation_level="AUTOCOMMIT")
                yield Reader(connection, self)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        """Reads that see one state of the database."""
        with _translated():
            async with self._reader.connect() as connection:
                if self.dialect == "postgresql":
                    await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                yield Reader(connection, self)

    def postgres_options(self, **settings: str) -> dict[str, Any]:
        """How the driver itself connects, for a connection outside the pool; `settings` are the server's for it."""
        _, options = self._writer.dialect.create_connect_args(self.url)
        return {**options, "timeout": _CONNECT_SECONDS, "server_settings": {**_SERVER_SETTINGS, **settings}}

    async def in_writer_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Hand a whole piece of work to the thread of SQLite's one writer, in its turn; it begins and commits."""
        with _translated():
            async with self._writer.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                # The driver's public calls are one hop a statement; this is how it makes them.
                result: T = await driver._execute(work, driver._conn)  # noqa: SLF001
                return result


def normalized(url: str) -> sa.URL:
    """The same address with our driver; a bare postgresql:// means another one since SQLAlchemy 2.1."""
    parsed = sa.make_url(url)
    backend = parsed.get_backend_name()
    drivers = {"postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
    if backend not in drivers:
        message = f"Holdfast runs on PostgreSQL and SQLite, not on {backend}"
        raise ValueError(message)
    return parsed.set(drivername=drivers[backend])


def violated(error: IntegrityError) -> str:
    """What was violated: the constraint's name on PostgreSQL; on SQLite the message that names it or its columns."""
    cause = getattr(error.orig, "__cause__", None)
    return getattr(cause, "constraint_name", None) or str(error.orig)


def _postgres_engine(url: sa.URL, *, pool_size: int) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=20,
        pool_pre_ping=False,
        pool_use_lifo=True,
        connect_args={
            "timeout": _CONNECT_SECONDS,
            "server_settings": _SERVER_SETTINGS,
        },
    )


def _sqlite_engine(url: sa.URL, *, begin: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=sa.pool.AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own object
        connection.isolation_level = None  # the driver begins nothing by itself: "begin" below does
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            cursor.execute(f"PRAGMA {pragma}")
        if begin == "BEGIN":
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _count_connections(engine: AsyncEngine, pool: str, most: int) -> None:
    in_use = _in_use.labels(pool)
    _pool_size.labels(pool).set(most)
    event.listen(engine.sync_engine, "checkout", lambda *_: in_use.inc())
    event.listen(engine.sync_engine, "checkin", lambda *_: in_use.dec())


class _translated:  # noqa: N801 - reads as a word at its uses
    """Name what the drivers raise; violated constraints pass through, for the features to name."""

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, Error):
            return
        named = _named(error)
        if named is not None:
            raise named from error


def named(state: str, text: str) -> Error | None:
    """What a driver's failure means, by PostgreSQL's state or SQLite's words; None for a mistake of ours."""
    for kind, states, words in _NAMES:
        if state in states or any(word in text for word in words):
            return kind()
    return DatabaseUnavailable() if state.startswith("08") else None


def _named(error: BaseException) -> Error | None:
    if isinstance(error, PoolTimeout):
        return Overloaded()
    if isinstance(error, (ConnectionError, TimeoutError)):  # refused, cut, or nobody answers
        return DatabaseUnavailable()
    if not isinstance(error, DBAPIError) or isinstance(error, IntegrityError):
        return None
    found = named(str(getattr(error.orig, "sqlstate", None) or ""), str(error.orig))
    return DatabaseUnavailable() if found is None and error.connection_invalidated else found

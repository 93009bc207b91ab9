"""Run many rows through few statements: the same words on both databases, one transaction, no thread or trip a row.

A `Program` is a generator that yields `Ask`s and is sent their replies, so that what it does stands apart from how it
waits: on PostgreSQL each ask is awaited on a connection of its own; on SQLite the whole program runs in one hop to the
thread of the one writer (a hop a statement cost sixteen times as much).
"""

import json
import sqlite3
from collections import namedtuple
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from pydantic_core import to_json

from holdfast.kit.db import EPOCH, Database, Reader, named
from holdfast.kit.errors import DatabaseUnavailable

Kind: TypeAlias = Literal["id", "int", "bigint", "text", "bool", "moment", "json"]
T = TypeVar("T")

_POSTGRES_TYPES: Mapping[Kind, str] = {
    "id": "uuid",
    "int": "int",
    "bigint": "bigint",
    "text": "text",
    "bool": "bool",
    "moment": "timestamptz",
    "json": "jsonb",
}
#: Whose texts hold no comma and are never empty. None of them is NULL in the rows of a statement.
_JOINED: frozenset[Kind] = frozenset({"id", "int", "bigint"})
_CUT = "57P0"  # the server shut down, or somebody ended the connection
_LOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_MICROSECOND = timedelta(microseconds=1)
#: Plans made while a table is empty would be kept and cut the rate to 40 % within a minute (hot-path, planner).
_PLANNER = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}


class Statement:
    """One statement over many rows.

    In `sql`, `{rows}` stands for the rows as a relation `r` with the columns `rows`, `{name}` for one of `values`;
    `returns`: the columns it gives back. JSON travels as text.
    """

    def __init__(
        self,
        sql: str,
        *,
        rows: Mapping[str, Kind] | None = None,
        values: Mapping[str, Kind] | None = None,
        returns: Mapping[str, Kind] | None = None,
    ) -> None:
        self.rows, self.values, self.returns = tuple((rows or {}).values()), values or {}, returns
        self.row: Any = namedtuple("Row", list(returns)) if returns else None  # noqa: PYI024 - named by the statement
        first = len(self.rows) + 1
        arrays = ", ".join(_array(n, kind) for n, kind in enumerate(self.rows, start=1))
        self.joined = tuple(kind in _JOINED for kind in self.rows)
        self.postgresql = sql.format(
            rows=f"unnest({arrays}) AS r({', '.join(rows or {})})",
            **{name: f"${n}::{_POSTGRES_TYPES[kind]}" for n, (name, kind) in enumerate(self.values.items(), first)},
        )
        columns = ", ".join(f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(rows or {}))
        self.sqlite = sql.format(
            rows=f"(SELECT {columns} FROM json_each(?1)) AS r",  # noqa: S608 - names of ours
            **{name: f"?{n}" for n, name in enumerate(self.values, 2 if rows else 1)},
        )

    def of(self, rows: Sequence[Sequence[Any]] = (), **values: Any) -> "Ask":  # noqa: ANN401 - by their kinds
        """Ask it about these rows."""
        return Ask(self, rows, tuple(values[name] for name in self.values))


def _array(number: int, kind: Kind) -> str:
    """A column of the rows: as an array, or joined by commas and parted there, since the driver weighs each element."""
    if kind in _JOINED:
        return f"string_to_array(${number}, ',')::{_POSTGRES_TYPES[kind]}[]"
    return f"${number}::{_POSTGRES_TYPES[kind]}[]"


class Insert(Statement):
    """New rows of one table. PostgreSQL takes them by COPY: arrays are looked at element by element by the driver."""

    def __init__(self, table: str, columns: Mapping[str, Kind]) -> None:
        names = ", ".join(columns)
        super().__init__(f"INSERT INTO {table} ({names}) SELECT {names} FROM {{rows}}", rows=columns)  # noqa: S608 - names of ours
        self.table, self.columns = table, tuple(columns)


@dataclass(frozen=True, slots=True)
class Ask:
    """A statement with its rows and values. The reply: the rows it returns, or how many it touched."""

    statement: Statement
    rows: Sequence[Sequence[Any]]
    values: tuple[Any, ...]


#: What a transaction does: yields asks, is sent replies, returns what came of it.
Program: TypeAlias = Generator[Ask, Any, T]


class Writer(Protocol):
    """Runs programs, each all or nothing.

    Contended, DatabaseUnavailable, StorageFull, ConnectionLost, or what the driver says of a violated constraint.
    """

    async def run(self, program: Program[T]) -> T: ...

    async def close(self) -> None: ...


class ConnectionLost(Exception):
    """The connection broke while the program ran: it may have been committed, or not."""


async def read(db: Reader, ask: Ask) -> list[Any]:
    """What a statement that only reads returns, wherever features read. Its rows may hold anything but NULL."""
    if db.dialect == "postgresql":
        return _rows(ask, await db.raw(ask.statement.postgresql, _to_postgres(ask)))
    return _rows_of_sqlite(ask, await db.raw(ask.statement.sqlite, _to_sqlite_values(ask)))


def as_json(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """How a `json` column travels."""
    return to_json(value).decode()


def open_writer(database: Database) -> Writer:
    """The writer for this database; it connects when it is first needed."""
    return _PostgresWriter(database) if database.dialect == "postgresql" else _SqliteWriter(database)


@dataclass(slots=True)
class _PostgresWriter:
    database: Database
    _connection: Any = field(default=None, init=False)

    async def run(self, program: Program[T]) -> T:
        connection = await self._connected()
        try:
            await connection.execute("BEGIN")
            try:
                reply: Any = None
                while True:
                    try:
                        ask = program.send(reply)
                    except StopIteration as done:
                        result: T = done.value
                        break
                    reply = await _asked(connection, ask)
                await connection.execute("COMMIT")
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
        except _LOST as error:
            self._drop()
            raise ConnectionLost from error
        except asyncpg.PostgresError as error:
            if connection.is_closed() or str(error.sqlstate).startswith(_CUT):
                self._drop()
                raise ConnectionLost from error
            name = named(str(error.sqlstate or ""), str(error))
            if name is None:
                raise
            raise name from error
        except BaseException:  # cancelled in the midst: nobody knows what this connection waits for
            self._drop()
            raise
        return result

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connected(self) -> Any:  # noqa: ANN401 - the driver's own
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await asyncpg.connect(**self.database.postgres_options(**_PLANNER))
            except (OSError, TimeoutError, asyncpg.PostgresError) as error:
                raise DatabaseUnavailable from error
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def _asked(connection: Any, ask: Ask) -> Any:  # noqa: ANN401 - rows or a number
    statement = ask.statement
    if isinstance(statement, Insert):
        tag = await connection.copy_records_to_table(statement.table, records=ask.rows, columns=statement.columns)
        return int(tag.rpartition(" ")[2])
    if statement.row is None:
        tag = await connection.execute(statement.postgresql, *_to_postgres(ask))
        return int(tag.rpartition(" ")[2])
    return _rows(ask, await connection.fetch(statement.postgresql, *_to_postgres(ask)))


def _to_postgres(ask: Ask) -> list[Any]:
    joined = ask.statement.joined
    columns: Sequence[Any] = list(zip(*ask.rows, strict=True)) if ask.rows else [()] * len(joined)
    sent: list[Any] = [
        ",".join(map(str, column)) if is_joined else column for column, is_joined in zip(columns, joined, strict=True)
    ]
    sent += ask.values
    return sent


def _rows(ask: Ask, found: Iterable[Sequence[Any]]) -> list[Any]:
    return [ask.statement.row._make(each) for each in found]


@dataclass(slots=True)
class _SqliteWriter:
    database: Database

    async def run(self, program: Program[T]) -> T:
        return await self.database.in_writer_thread(lambda connection: _run(connection, program))

    async def close(self) -> None:
        """The connection is the database's own."""


def _run(connection: sqlite3.Connection, program: Program[T]) -> T:
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            reply: Any = None
            while True:
                try:
                    ask = program.send(reply)
                except StopIteration as done:
                    result: T = done.value
                    break
                reply = _replied(connection, ask)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except sqlite3.OperationalError as error:
        name = named("", str(error))
        if name is None:
            raise
        raise name from error
    return result


def _replied(connection: sqlite3.Connection, ask: Ask) -> Any:  # noqa: ANN401 - rows or a number
    cursor = connection.execute(ask.statement.sqlite, _to_sqlite_values(ask))
    return cursor.rowcount if ask.statement.row is None else _rows_of_sqlite(ask, cursor)


def _to_sqlite_values(ask: Ask) -> list[Any]:
    sent: list[Any] = []
    if ask.statement.rows:
        sent.append(json.dumps([[_to_sqlite(value) for value in row] for row in ask.rows]))
    sent += [_to_sqlite(value) for value in ask.values]
    return sent


def _rows_of_sqlite(ask: Ask, found: Iterable[Sequence[Any]]) -> list[Any]:
    statement = ask.statement
    assert statement.returns is not None
    kinds = tuple(statement.returns.values())
    return [
        statement.row._make(_from_sqlite(value, kind) for value, kind in zip(each, kinds, strict=True))
        for each in found
    ]


def _to_sqlite(value: Any) -> Any:  # noqa: ANN401 - by its kind
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return (value - EPOCH) // _MICROSECOND
    return value


def _from_sqlite(value: Any, kind: Kind) -> Any:  # noqa: ANN401 - by its kind
    if value is None:
        return None
    if kind == "id":
        return UUID(value)
    return EPOCH + value * _MICROSECOND if kind == "moment" else value

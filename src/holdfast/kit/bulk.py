"""Run many rows through few statements: the same words on both databases, one transaction, no thread or trip a row.

A `Program` is a generator that yields `Ask`s and is sent their replies, so that what it does stands apart from how it
waits: on PostgreSQL each ask is awaited on a connection of its own; on SQLite the whole program runs in one hop to the
thread of the one writer (a hop a statement cost sixteen times as much).
"""

import json
import sqlite3
from collections import namedtuple
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from pydantic_core import to_json

from holdfast.kit.db import EPOCH, Database, Reader, named
from holdfast.kit.errors import DatabaseUnavailable

Kind: TypeAlias = Literal["id", "int", "bigint", "text", "bool", "moment", "json", "bytes"]
T = TypeVar("T")

_POSTGRES_TYPES: Mapping[Kind, str] = {
    "id": "uuid",
    "int": "int",
    "bigint": "bigint",
    "text": "text",
    "bool": "bool",
    "moment": "timestamptz",
    "json": "jsonb",
    "bytes": "bytea",
}
#: A column of rows travels as one text: the driver weighs every element of an array, PostgreSQL parts a text at once.
_COMMA, _UNIT, _NULL, _END = ",", "\x1f", "\x1e", "x"
_TEXTS: frozenset[Kind] = frozenset({"text", "json"})
_CUT = "57P0"  # the server shut down, or somebody ended the connection
_LOST = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_MICROSECOND = timedelta(microseconds=1)
#: Plans made while a table is empty would be kept and cut the rate to 40 % within a minute (hot-path, planner).
_PLANNER = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "jit": "off"}


class Statement:
    """One statement over many rows.

    In `sql`, `{rows}` stands for the rows as a relation `r` with the columns `rows`, `{name}` for one of `values`;
    `returns`: the columns it gives back. JSON travels as text. The first column of a row is never NULL.
    """

    def __init__(
        self,
        sql: str,
        *,
        rows: Mapping[str, Kind] | None = None,
        values: Mapping[str, Kind] | None = None,
        returns: Mapping[str, Kind] | None = None,
    ) -> None:
        self._sql, self._names = sql, tuple(rows or {})
        self.rows, self.values, self.returns = tuple((rows or {}).values()), values or {}, returns
        self.row: Any = namedtuple("Row", list(returns)) if returns else None  # noqa: PYI024 - named by the statement
        self.postgresql = self.for_postgres(1)
        columns = ", ".join(f"json_extract(value, '$[{n}]') AS {name}" for n, name in enumerate(self._names))
        self.sqlite = sql.format(
            rows=f"(SELECT {columns} FROM json_each(?1)) AS r",  # noqa: S608 - names of ours
            **{name: f"?{n}" for n, name in enumerate(self.values, 2 if rows else 1)},
        )

    def for_postgres(self, first: int) -> str:
        """Its text there, with parameters numbered from `first` on: one a column, then one a value."""
        after = first + len(self.rows)
        columns = ", ".join(_column(n, kind) for n, kind in enumerate(self.rows, first))
        return self._sql.format(
            rows=f"unnest({columns}) AS r({', '.join(self._names)})",
            **{name: f"${n}::{_POSTGRES_TYPES[kind]}" for n, (name, kind) in enumerate(self.values.items(), after)},
        )

    def of(self, rows: Sequence[Sequence[Any]] = (), **values: Any) -> "Ask":  # noqa: ANN401 - by their kinds
        """Ask it about these rows."""
        return Ask(self, rows, tuple(values[name] for name in self.values))


def _column(number: int, kind: Kind) -> str:
    if kind in _TEXTS:
        return f"trim_array(string_to_array(${number}, E'\\x1f', E'\\x1e'), 1)::{_POSTGRES_TYPES[kind]}[]"
    return f"string_to_array(${number}, ',', '')::{_POSTGRES_TYPES[kind]}[]"


class Insert(Statement):
    """New rows of one table. SQLite takes them one by one, within one call: JSON could not carry bytes."""

    def __init__(self, table: str, columns: Mapping[str, Kind]) -> None:
        names = ", ".join(columns)
        super().__init__(f"INSERT INTO {table} ({names}) SELECT {names} FROM {{rows}}", rows=columns)  # noqa: S608 - names of ours
        self.one = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - names of ours


@dataclass(frozen=True, slots=True)
class Ask:
    """A statement with its rows and values. The reply: the rows it returns, or how many it touched."""

    statement: Statement
    rows: Sequence[Sequence[Any]]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Writes that need not see one another: one trip on PostgreSQL. The reply: how many rows each touched."""

    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Reads of one moment: one trip on PostgreSQL. The reply: the rows of each."""

    asks: tuple[Ask, ...]


#: What a transaction does: yields asks, bundles and looks, is sent replies, returns what came of it.
Program: TypeAlias = Generator[Ask | Bundle | Look, Any, T]


class Writer(Protocol):
    """Runs programs, each all or nothing.

    Contended, DatabaseUnavailable, StorageFull, ConnectionLost, or what the driver says of a violated constraint.
    """

    async def run(self, program: Program[T]) -> T: ...

    async def close(self) -> None: ...


class ConnectionLost(Exception):
    """The connection broke while the program ran: it may have been committed, or not."""


class Undecided(Exception):
    """A write touched other rows than were decided: the program is undone as a whole."""


def written(*asks: Ask) -> Program[None]:
    """Those of them that have rows, in one trip. Undecided where the conditions of one hold for fewer."""
    meant = tuple(ask for ask in asks if ask.rows)
    if not meant:
        return
    for ask, touched in zip(meant, (yield Bundle(meant)), strict=True):
        if touched != len(ask.rows):
            raise Undecided(ask.statement.postgresql)


def found(*asks: Ask) -> Program[list[list[Any]]]:
    """What each of them finds, in one trip; nothing for those that ask about no rows."""
    meant = tuple(ask for ask in asks if ask.rows)
    if not meant:
        return [[] for _ in asks]
    replies = iter((yield Look(meant)))
    return [next(replies) if ask.rows else [] for ask in asks]


async def returned(db: Reader, ask: Ask) -> list[Any]:
    """The rows that a statement returns, wherever features read; in a transaction it may write, too."""
    if db.dialect == "postgresql":
        return _rows(ask, await db.raw(ask.statement.postgresql, _to_postgres(ask)))
    return _rows_of_sqlite(ask, await db.raw(ask.statement.sqlite, _to_sqlite_values(ask)))


def as_json(value: Any) -> str:  # noqa: ANN401 - whatever JSON can say
    """How a `json` column travels."""
    return to_json(value).decode()


def open_writer(database: Database) -> Writer:
    """The writer for this database; it connects when first needed, and is closed with the database at the latest."""
    if database.dialect == "sqlite":
        return _SqliteWriter(database)
    writer = _PostgresWriter(database)
    database.guests.add(writer)
    return writer


@dataclass(slots=True, weakref_slot=True, eq=False)
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
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close()
            except asyncpg.InterfaceError:  # something runs on it still
                connection.terminate()

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


async def _asked(connection: Any, ask: Ask | Bundle | Look) -> Any:  # noqa: ANN401 - rows, numbers, or rows of each
    if not isinstance(ask, Ask):
        statements = tuple(each.statement for each in ask.asks)
        sent = [value for each in ask.asks for value in _to_postgres(each)]
        if isinstance(ask, Bundle):
            return list(await connection.fetchrow(_written_together(statements), *sent))
        replies = await connection.fetchrow(_read_together(statements), *sent)
        return [_rows(each, reply) for each, reply in zip(ask.asks, replies, strict=True)]
    if ask.statement.row is None:
        tag = await connection.execute(ask.statement.postgresql, *_to_postgres(ask))
        return int(tag.rpartition(" ")[2])
    return _rows(ask, await connection.fetch(ask.statement.postgresql, *_to_postgres(ask)))


@lru_cache(maxsize=1_000)
def _written_together(statements: tuple[Statement, ...]) -> str:
    """All of them as one, which returns how many rows each touched."""
    parts = [f"w{number} AS ({text} RETURNING 1)" for number, text in enumerate(_numbered(statements))]
    counts = ", ".join(f"(SELECT count(*) FROM w{number})" for number in range(len(statements)))  # noqa: S608 - numbers
    return f"WITH {', '.join(parts)} SELECT {counts}"


@lru_cache(maxsize=1_000)
def _read_together(statements: tuple[Statement, ...]) -> str:
    """All of them as one, which returns the rows of each as an array."""
    return "SELECT " + ", ".join(f"ARRAY(SELECT ROW(q.*) FROM ({text}) AS q)" for text in _numbered(statements))  # noqa: S608 - statements


def _numbered(statements: Iterable[Statement]) -> Iterator[str]:
    """Their texts for PostgreSQL, with the parameters of one behind those of the other."""
    first = 1
    for statement in statements:
        yield statement.for_postgres(first)
        first += len(statement.rows) + len(statement.values)


def _to_postgres(ask: Ask) -> list[Any]:
    rows, kinds = ask.rows, ask.statement.rows
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(kinds)
    sent: list[Any] = [
        _joined_texts(column) if kind in _TEXTS else _COMMA.join([_word(each) for each in column])
        for column, kind in zip(columns, kinds, strict=True)
    ]
    sent += ask.values
    return sent


def _word(value: Any) -> str:  # noqa: ANN401 - by its kind
    if value is None:
        return ""
    return f"\\x{value.hex()}" if type(value) is bytes else str(value)


def _joined_texts(column: Sequence[str | None]) -> str:
    """With an end behind the last, or a single empty text would be no text."""
    joined = _UNIT.join([*[_NULL if each is None else each for each in column], _END])
    if joined.count(_UNIT) != len(column):
        message = "a text of a batch holds the character that parts texts"
        raise ValueError(message)
    return joined


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


def _replied(connection: sqlite3.Connection, ask: Ask | Bundle | Look) -> Any:  # noqa: ANN401 - rows, numbers, or rows of each
    if not isinstance(ask, Ask):
        return [_replied(connection, each) for each in ask.asks]
    if isinstance(ask.statement, Insert):
        rows = [[_to_sqlite(value) for value in row] for row in ask.rows]
        return connection.executemany(ask.statement.one, rows).rowcount
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

"""Read the settings a command works with, and open what it needs for as long as it runs."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn, TypeVar

import asyncpg
import sqlalchemy as sa

from holdfast.app import health, house
from holdfast.app.house import House
from holdfast.app.settings import Settings
from holdfast.kit.launcher import start_postgres

T = TypeVar("T")

EMBEDDED = "embedded"
_DATABASE = "holdfast"


@contextlib.contextmanager
def settings_for(
    database: str | None,
    said: Mapping[str, object] | None = None,
    *,
    fresh: bool = False,
    is_chatty: bool = False,
) -> Iterator[Settings]:
    """The settings, with what the command line said (by name; None: nothing) before what the environment says.

    It is put into the environment, where processes that we start find it. An embedded PostgreSQL runs meanwhile, unless
    another process runs it already. `fresh` drops the embedded database first. `is_chatty`: log as the settings say,
    which a server does; a command that ends speaks for itself and logs only what went wrong.
    """
    environment(said or {})
    with contextlib.ExitStack() as stack:
        if database == EMBEDDED:
            _stop_in_order()
            os.environ["HOLDFAST_DATABASE_URL"] = stack.enter_context(embedded(Settings().data_folder, fresh=fresh))
        elif database is not None:
            os.environ["HOLDFAST_DATABASE_URL"] = database
        settings = Settings()
        house.speak(settings, is_chatty=is_chatty)
        yield settings


@contextlib.contextmanager
def embedded(folder: Path, *, fresh: bool = False) -> Iterator[str]:
    """The address of our own database on a PostgreSQL of our own; ServerNotFound, ServerDidNotStart."""
    with start_postgres(folder / "postgres", durable=True) as server:
        asyncio.run(_make_database(server.url, fresh=fresh))
        yield sa.make_url(server.url).set(database=_DATABASE).render_as_string(hide_password=False)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[House]:
    """The parts of a process, closed at the end. NotMigrated before the first migration on SQLite."""
    built = house.build(settings)
    try:
        health.check_there(built.database)
        yield built
    finally:
        await built.close()


def work(settings: Settings, do: Callable[[House], Awaitable[T]]) -> T:
    """Do one thing with the parts of a process."""

    async def doing() -> T:
        async with opened(settings) as built:
            return await do(built)

    return asyncio.run(doing())


def _stop_in_order() -> None:
    """SIGTERM unwinds what is open, as Ctrl-C does, so that no server of ours is left behind."""

    def stop(_number: int, _frame: object) -> NoReturn:
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)


async def _make_database(server_url: str, *, fresh: bool) -> None:
    plain = sa.make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        if fresh:
            await connection.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", _DATABASE):
            await connection.execute(f"CREATE DATABASE {_DATABASE}")
    finally:
        await connection.close()


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value)


def environment(values: Mapping[str, object]) -> None:
    """Tell processes that we start, and the settings we read next."""
    said = {f"HOLDFAST_{name.upper()}": _text(value) for name, value in values.items() if value is not None}
    os.environ.update(said)

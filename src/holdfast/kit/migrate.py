"""Bring a database to the newest migration, or say where it stands: one line of history for both dialects.

Alembic is imported by whoever migrates: with what it brings it takes 9 MB of each server process.
"""

import contextlib
import importlib
from collections.abc import AsyncIterator, Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from holdfast.kit.db import metadata, normalized

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

T = TypeVar("T")

_LOCK_TIMEOUT = "5s"  # a migration that waits for a lock makes all who come after it wait too
_ADVISORY_LOCK = 4_807_526_976  # any number, as long as all processes take the same


async def upgrade(url: str, revision: str = "head") -> None:
    """Run what is missing, in one transaction; processes that start at the same time wait for the first."""
    from alembic import command  # noqa: PLC0415 - see the top

    await _connected(url, lambda connection: command.upgrade(_config(connection), revision))


async def current(url: str) -> str | None:
    """The migration that the database stands at; None for an empty one."""
    from alembic.migration import MigrationContext  # noqa: PLC0415 - see the top

    return await _connected(url, lambda connection: MigrationContext.configure(connection).get_current_revision())


@cache
def head() -> str:
    """The newest migration: they are numbered, and files of theirs begin with the number."""
    return max(file.name.partition("_")[0] for file in (_folder() / "versions").glob("*_*.py"))


def scripts() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see the top

    return ScriptDirectory.from_config(_config(None))


def declared(package: str = "holdfast") -> sa.MetaData:
    """All tables there should be: whatever `models` and kit files of the package declare."""
    top = Path(str(importlib.import_module(package).__file__)).parent
    for path in sorted([*top.glob("kit/*.py"), *top.rglob("models.py")]):
        importlib.import_module(".".join([package, *path.relative_to(top).with_suffix("").parts]))
    return metadata


def connect(url: str) -> contextlib.AbstractAsyncContextManager[AsyncConnection]:
    """A connection of its own, in one transaction: SQLite's foreign keys are off in it, as batch changes need."""
    return _transaction(normalized(url))


@contextlib.asynccontextmanager
async def _transaction(url: sa.URL) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(url, poolclass=sa.pool.NullPool)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        event.listen(engine.sync_engine, "connect", _leave_transactions_to_us)
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        async with engine.begin() as connection:
            if not is_sqlite:
                await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")
                await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
            yield connection
            if is_sqlite:
                broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).all()
                assert not broken, f"a migration left foreign keys that lead nowhere: {broken[:5]}"
    finally:
        await engine.dispose()


def _leave_transactions_to_us(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's own object
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=60000")
    cursor.close()


async def _connected(url: str, work: Callable[[sa.Connection], T]) -> T:
    async with connect(url) as connection:
        return await connection.run_sync(work)


def _config(connection: sa.Connection | None) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see the top

    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _folder() -> Path:
    """`migrations` at the top of the repository; inside the package where that was installed from a wheel."""
    package = Path(__file__).parents[1]
    inside = package / "migrations"
    return inside if inside.exists() else package.parents[1] / "migrations"

"""The sites that the tests of one process share, opened when first asked for."""

import asyncio
import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from holdfast.kit import migrate
from tests.journeys.sites import Dialect, Site, open_site

#: Told to keep groups together (`--dist loadgroup`), a run opens one site of each kind.
DIALECTS = [pytest.param(name, marks=pytest.mark.xdist_group(f"site-{name}")) for name in ("sqlite", "postgresql")]
_sites: dict[Dialect, Site] = {}
_stack = contextlib.ExitStack()


def site(request: pytest.FixtureRequest, folders: pytest.TempPathFactory, dialect: Dialect) -> Site:
    if dialect not in _sites:
        _sites[dialect] = _stack.enter_context(own_site(request, folders, dialect))
    return _sites[dialect]


def close_all() -> None:
    """At the end of the run's process."""
    _sites.clear()
    _stack.close()


@contextlib.contextmanager
def own_site(
    request: pytest.FixtureRequest,
    folders: pytest.TempPathFactory,
    dialect: Dialect,
    *,
    servers: int | None = None,
    **changed: object,
) -> Iterator[Site]:
    """A site on a fresh database, for one test (or module) alone."""
    folder = folders.mktemp(f"site-{dialect}")
    with (
        _database(request, dialect, folder) as url,
        open_site(dialect, url, folder, servers=servers, **changed) as opened,
    ):
        yield opened


@contextlib.contextmanager
def _database(request: pytest.FixtureRequest, dialect: Dialect, folder: Path) -> Iterator[str]:
    if dialect == "sqlite":
        template = request.getfixturevalue("_sqlite_template")
        yield f"sqlite:///{shutil.copy(template, folder / 'holdfast.sqlite3')}"
        return
    server = request.getfixturevalue("postgres_url")
    name = f"site_{uuid.uuid4().hex}"
    url = sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    asyncio.run(_make(server, name, url))
    yield url
    asyncio.run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _make(server: str, name: str, url: str) -> None:
    if os.environ.get("HOLDFAST_TEST_DATABASE_URL"):  # not every engine that speaks PostgreSQL's protocol can clone
        await _execute(server, f"CREATE DATABASE {name}")
        await migrate.upgrade(url)
    else:
        await _execute(server, f"CREATE DATABASE {name} TEMPLATE migrated")


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(
        sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    )
    try:
        await connection.execute(statement)
    finally:
        await connection.close()

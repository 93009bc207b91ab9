"""Databases for the tests, and a guard that nothing leaves the machine.

`database` runs a test twice, on SQLite and on PostgreSQL. All tests of a worker share one database of each kind,
migrated once and cloned: a test makes its own inventories and owners and leaves them behind, since servers, batchers
and workers commit on connections of their own. A test marked `alone` gets a database that nobody else touches.
"""

import asyncio
import contextlib
import fcntl
import functools
import gc
import ipaddress
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import sqlalchemy as sa
from fastapi.routing import _IncludedRouter
from httpx2._transports import default as transports
from sqlalchemy.engine.interfaces import CompiledCacheType
from starlette.routing import BaseRoute

from holdfast.kit import migrate
from holdfast.kit.db import Database
from holdfast.kit.launcher import Server, start_postgres

_RUN_FOLDER = "HOLDFAST_TEST_RUN_FOLDER"  # shared by the processes of a run
_FOREIGN_SERVER = os.environ.get("HOLDFAST_TEST_DATABASE_URL")
_MIGRATED = "migrated"

# A run


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(_stay_on_this_machine)
    _make_routes_once()
    _read_certificates_once()
    if not hasattr(config, "workerinput"):
        _sweep_up_after_killed_runs()
        folder = Path(tempfile.mkdtemp(prefix=f"holdfast-test-{os.getpid()}-"))
        folder.chmod(0o755)  # PostgreSQL runs as nobody where the tests run as root
        os.environ[_RUN_FOLDER] = str(folder)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it for garbage, over and over, was a seventh of a run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        _end_run(Path(os.environ.pop(_RUN_FOLDER)))
        return
    for server in _started:  # the run ends it, not this worker, whose own end is no reason to warn of it
        if server.process is not None:
            server.process.returncode = 0


def _make_routes_once() -> None:
    """A router that is mounted at the same place by the next application is not made anew: that takes 0.1 s a time.

    What it is mounted with is the same for the same router and place, but for the application, where only overrides of
    dependencies are looked up, and no test has any.
    """
    make = _IncludedRouter._build_effective_context  # noqa: SLF001 - FastAPI has no word for it
    made: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    def made_once(mounted: Any, route: BaseRoute) -> Any:
        around = mounted.include_context
        named_by = around.generate_unique_id_function
        at = (id(route), id(around.included_router), around.prefix, around.include_in_schema, id(named_by))
        if at not in made:
            made[at] = ((route, named_by), make(mounted, route))
        return made[at][1]

    _IncludedRouter._build_effective_context = made_once  # type: ignore[method-assign,assignment]  # noqa: SLF001


def _read_certificates_once() -> None:
    """Each client of httpx2 reads all authorities anew, in 20 ms and more; tests of TLS bring their own."""
    transports.create_ssl_context = functools.cache(httpx2.create_ssl_context)  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """A folder that all workers of this run share; it is gone afterwards."""
    return Path(os.environ[_RUN_FOLDER])


def _end_run(folder: Path) -> None:
    for server in _started:  # of this very process, where the run has no workers
        server.stop()
    if (folder / "postgres" / "owner").exists() and not _started:
        start_postgres(folder / "postgres", durable=False).stop()
    shutil.rmtree(folder, ignore_errors=True)


def _sweep_up_after_killed_runs() -> None:
    for folder in Path(tempfile.gettempdir()).glob("holdfast-test-*-*"):
        pid = int(folder.name.split("-")[2])
        with contextlib.suppress(PermissionError):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                _end_run(folder)


# The guard


class LeavesTheMachineError(Exception):
    """A test tried to reach another machine."""


def _stay_on_this_machine(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in _hosts_allowed and not _is_loopback(host):
        message = f"a test reaches for {host}"
        raise LeavesTheMachineError(message)


def _is_loopback(host: str | bytes | None) -> bool:
    if host is None or host in {"", "localhost", b"localhost"}:
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host)
        return address.is_loopback or address.is_unspecified
    return False


_hosts_allowed = {sa.make_url(_FOREIGN_SERVER).host} if _FOREIGN_SERVER else set()

# Databases


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database, open, with a test clock."""
    async with Database(database_url, pool_size=5, test_clock=True) as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database, for a server process or a Database of the test's own making.

    One kind only: `@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)`.
    """
    is_alone = request.node.get_closest_marker("alone") is not None
    if not is_alone:
        yield request.getfixturevalue(f"_{request.param}_of_worker")
    elif request.param == "sqlite":
        yield _cloned_file(request.getfixturevalue("_sqlite_template"), request.getfixturevalue("tmp_path"))
    else:
        with cloned_database(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture(scope="session")
def postgres_url(run_folder: Path) -> str:
    """The server's own database, whose user may make others. One server for the run, started when first needed."""
    if _FOREIGN_SERVER:
        return _FOREIGN_SERVER
    with _turn(run_folder / "postgres.turn"):
        server = _shared_server(run_folder / "postgres")
        is_first = server.process is not None
        if is_first:
            asyncio.run(_execute(server.url, f"CREATE DATABASE {_MIGRATED}"))
            asyncio.run(migrate.upgrade(_named(server.url, _MIGRATED)))
    return server.url


@pytest.fixture(scope="session")
def _postgresql_of_worker(postgres_url: str) -> Iterator[str]:
    with cloned_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def _sqlite_of_worker(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return _cloned_file(_sqlite_template, tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="session")
def _sqlite_template(run_folder: Path) -> Path:
    template = run_folder / "migrated.sqlite3"
    with _turn(run_folder / "sqlite.turn"):
        if not template.exists():
            asyncio.run(migrate.upgrade(f"sqlite:///{template}"))
            template.touch()
    return template


def _shared_server(folder: Path) -> Server:
    server = start_postgres(folder, durable=False)
    _started.append(server)  # its process object lives as long as we do
    return server


_started: list[Server] = []


def _cloned_file(template: Path, folder: Path) -> str:
    return f"sqlite:///{shutil.copy(template, folder / 'holdfast.sqlite3')}"


@contextmanager
def cloned_database(server_url: str, *, template: str = _MIGRATED) -> Iterator[str]:
    """A database like that one, to which nobody may be connected; gone afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    url = _named(server_url, name)
    if _FOREIGN_SERVER and template == _MIGRATED:  # not every engine that speaks PostgreSQL's protocol can clone
        asyncio.run(_execute(server_url, f"CREATE DATABASE {name}"))
        asyncio.run(migrate.upgrade(url))
    else:
        asyncio.run(_execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield url
    asyncio.run(_execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


def _named(server_url: str, name: str) -> str:
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)


# Each test opens an engine of its own, which would compile anew what thousands have compiled before: a third of a run.


class _Compiled(dict[Any, Any]):
    """Compiled statements by the kind of their dialect, whichever engine asks."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


_compiled: CompiledCacheType = _Compiled()


@sa.event.listens_for(sa.Engine, "engine_connect")
def _share_compiled(connection: sa.Connection) -> None:
    connection.execution_options(compiled_cache=_compiled)


async def _execute(url: str, statement: str) -> None:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """One worker at a time."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

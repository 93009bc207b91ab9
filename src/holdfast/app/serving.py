"""Listen on a port with one process or several.

Several processes share the port by a listening socket each (SO_REUSEPORT), so that the system spreads connections over
them evenly; the parent keeps these sockets, so that what waits at a process that died is answered by its successor. A
child lives no longer than its parent: it sees the end of the socket pair between them, also after a `kill -9`.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from prometheus_client import multiprocess
from typing_extensions import override

from holdfast.app.frames import FrameProtocol
from holdfast.app.settings import Settings
from holdfast.kernel import realtime
from holdfast.kit import metrics
from holdfast.kit.errors import Unavailable

STOP_SECONDS = 10
#: Whoever takes nothing of what was sent for so long is cut off by the system. The server itself can't: closing waits
#: until all that was written is sent, for a client that never reads without end, and nobody would count it any more.
UNREAD_SECONDS_MAX = 30
#: An idle connection stays open for so long. A proxy must let go of it first (docs/operations.md): one that sends a
#: request just when its end is closed here cannot know whether it was heard, and answers 502.
IDLE_SECONDS = 75
_START_SECONDS = 60
_BACKLOG = 2048
_PAUSE_SECONDS = 0.5
_LOOK_SECONDS = 0.02
_FIGURES = "holdfast-metrics-"
_READY = b"r"

log = structlog.get_logger("holdfast.serving")


@dataclass(eq=False)
class PortTaken(Unavailable):
    """Cannot listen on {host}:{port}: {reason}."""

    host: str
    port: int
    reason: str


@dataclass(eq=False)
class ServerNotStarted(Unavailable):
    """A server process did not start; its log says why."""


def listen(host: str, port: int, *, times: int = 1) -> list[socket.socket]:
    """So many listeners of one port; 0 takes a free one. PortTaken."""
    listeners: list[socket.socket] = []
    for _ in range(times):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Named as TCP, or asyncio leaves Nagle's delay on, and every answer takes 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # every connection of this listener has it too
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS_MAX * 1000)
        if times > 1:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind((host, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            for each in (listener, *listeners):
                each.close()
            raise PortTaken(host, port, error.strerror or str(error)) from error
        port = listener.getsockname()[1]
        listeners.append(listener)
    return listeners


def serve_here(app: Any, listener: socket.socket, *, ready: Callable[[], None]) -> None:  # noqa: ANN401 - any ASGI app
    """Serve in this process until SIGTERM or SIGINT; what was begun is finished first. ServerNotStarted."""
    server = _Server(_config(app), ready=ready)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        raise ServerNotStarted


def serve_in_processes(listeners: Sequence[socket.socket], *, ready: Callable[[], None]) -> None:
    """One child a listener, each reading its settings from the environment, until SIGTERM or SIGINT.

    They write their figures into one folder, so that whichever is asked for /metrics tells those of all.
    """
    _sweep_up_after_killed_parents()
    with tempfile.TemporaryDirectory(prefix=f"{_FIGURES}{os.getpid()}-") as folder:
        _Parent(listeners, folder, ready=ready).run()


def _sweep_up_after_killed_parents() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_FIGURES}*-*"):
        with contextlib.suppress(PermissionError, ValueError):  # somebody else's, or not ours
            try:
                os.kill(int(folder.name.removeprefix(_FIGURES).partition("-")[0]), 0)
            except ProcessLookupError:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def served(app: Any, listener: socket.socket) -> AsyncIterator[None]:  # noqa: ANN401 - any ASGI app
    """Serve beside other work of this event loop, which minds the signals. ServerNotStarted."""
    server = _Guest(_config(app))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        if task.done():
            raise ServerNotStarted
        await asyncio.sleep(_LOOK_SECONDS)
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _look_for_garbage_seldom() -> None:
    """What is kept (layouts, offers) is a million objects: to walk them all while requests wait took 200 ms each time.

    What is loaded is left out of it for good; of the rest the young are looked at as ever, all of it seldom.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 1_000)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        _look_for_garbage_seldom()
        if self.started:
            self._ready()


class _Guest(uvicorn.Server):
    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: socket.socket

    def is_ready(self) -> bool:
        """Wait for its word; False where it ended without one."""
        self.line.settimeout(_START_SECONDS)
        try:
            return self.line.recv(1) == _READY
        except OSError:
            return False


class _Parent:
    def __init__(self, listeners: Sequence[socket.socket], folder: str, *, ready: Callable[[], None]) -> None:
        self._listeners = listeners
        self._folder = folder
        self._ready = ready
        self._stop = threading.Event()

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        children = [_start(listener, self._folder) for listener in self._listeners]
        try:
            if not all(child.is_ready() for child in children):
                raise ServerNotStarted
            self._ready()
            while not self._stop.wait(_PAUSE_SECONDS):
                for place, child in enumerate(children):
                    if child.process.poll() is not None:
                        log.error("server_process_died", pid=child.process.pid, code=child.process.returncode)
                        child.line.close()
                        multiprocess.mark_process_dead(child.process.pid, path=self._folder)  # type: ignore[no-untyped-call]
                        children[place] = _start(self._listeners[place], self._folder)
        finally:
            _end(children)


def _start(listener: socket.socket, folder: str) -> _Child:
    ours, theirs = socket.socketpair()
    passed = (listener.fileno(), theirs.fileno())
    words = [f"--listener={passed[0]}", f"--parent={passed[1]}"]
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "holdfast.app.serving", *words],
            pass_fds=passed,
            env={**os.environ, metrics.FOLDER: folder},
            start_new_session=False,  # a signal to the group reaches everybody, as on a terminal
        )
    return _Child(process, ours)


def _end(children: list[_Child]) -> None:
    for child in children:
        child.process.terminate()
    for child in children:
        try:
            child.process.wait(STOP_SECONDS + 5)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
        child.line.close()


def _config(app: Any) -> uvicorn.Config:  # noqa: ANN401 - any ASGI app
    return uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,  # the edge writes its own line, which names the template and never the query
        server_header=False,
        proxy_headers=False,  # the edge knows which proxies to believe
        ws=FrameProtocol,
        ws_max_size=realtime.FRAME_BYTES_MAX,  # larger is closed with 1009
        ws_per_message_deflate=False,  # small messages to many: packing costs more than it saves
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def _child(words: Sequence[str] | None = None) -> None:
    from holdfast.app.main import from_environment  # noqa: PLC0415 - the parent needs none of it

    parser = argparse.ArgumentParser()
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    passed = parser.parse_args(words)
    listener, parent = socket.socket(fileno=passed.listener), socket.socket(fileno=passed.parent)
    app = from_environment()

    def ready() -> None:
        parent.sendall(_READY)
        parent.setblocking(False)  # noqa: FBT003 - the socket's own words
        asyncio.get_running_loop().add_reader(parent, orphaned)

    server = _Server(_config(app), ready=ready)

    def orphaned() -> None:
        asyncio.get_running_loop().remove_reader(parent)
        server.should_exit = True

    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)


def port_or_next(settings: Settings, *, tries: int = 50) -> int:
    """The port of the settings, or the next one that is free."""
    for port in range(settings.port, settings.port + tries):
        with contextlib.suppress(PortTaken):
            (probe,) = listen(settings.host, port)
            probe.close()
            return port
    raise PortTaken(settings.host, settings.port, "it and the ports after it are taken")


if __name__ == "__main__":
    _child()

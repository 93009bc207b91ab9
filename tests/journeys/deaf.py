"""A client that never reads: a socket of the lowest kind, whose buffer is small and soon full."""

import asyncio
import contextlib
import select
import socket
import time
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from tests.journeys.calls import eventually

_PATIENCE_SECONDS = 300.0
_ASK_SECONDS = 0.02
_HANDSHAKE_SECONDS = 1.0
_TABLE = Path("/proc/net/tcp")
_TIME_WAIT = "06"


def _frame(text: bytes) -> bytes:
    """A short text as a client's frame, whose mask is zeros."""
    return bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text


class Deaf:
    """One of them. A greedy one asks for everything, again and again; the other says nothing."""

    def __init__(self, url: str, *, is_greedy: bool) -> None:
        parts = urlsplit(url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect((str(parts.hostname), int(parts.port or 0)))
        self._ports = (int(parts.port or 0), self._socket.getsockname()[1])
        self._socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._socket.setblocking(False)
        self._is_greedy = is_greedy
        self._was_kept = False
        self._began = time.monotonic()
        self.gone_after: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    async def run(self) -> None:
        """Until the server has let go of it; `gone_after` so many seconds."""
        asking = asyncio.create_task(self._ask())
        try:
            await eventually(self._is_gone, "the server lets go of who never reads", patience=_PATIENCE_SECONDS)
        finally:
            asking.cancel()
        self.gone_after = time.monotonic() - self._began

    async def _ask(self) -> None:
        await asyncio.sleep(_HANDSHAKE_SECONDS)
        while self._is_greedy:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._socket.send(_frame(b'{"since":""}'))
            await asyncio.sleep(_ASK_SECONDS)

    async def _is_gone(self) -> bool:
        """Who never reads does not see a connection end: what tells of it stands behind all that was not read."""
        events = select.poll()
        events.register(self._socket, select.POLLHUP | select.POLLERR)
        return bool(events.poll(0)) or not self._is_kept_by_server()

    def _is_kept_by_server(self) -> bool:
        """Whether a process still has the other end, by the system's table; assumed where there is none."""
        if not _TABLE.exists():
            return True
        for line in _TABLE.read_text().splitlines()[1:]:
            _, here, there, state, *rest = line.split()
            ports = (int(here.partition(":")[2], 16), int(there.partition(":")[2], 16))
            if ports == self._ports and state != _TIME_WAIT:
                has_owner = rest[5] != "0"
                self._was_kept = self._was_kept or has_owner
                return has_owner or not self._was_kept  # one that waits to be accepted is nobody's yet
        return not self._was_kept

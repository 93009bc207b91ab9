"""Many sockets that watch one inventory, in a process of their own: `python -m bench.watching HOST PORT PATH COUNT`.

Frames are read for their length alone but for every tenth socket, whose messages are decoded: a thousand clients on the
machine that is measured must not be what is measured. Says "ready" when all have their snapshot; told anything, it
prints what the decoded ones learned, (position's number, time) each, and ends.
"""

import asyncio
import base64
import json
import os
import sys
import time
from functools import partial
from typing import cast

import uvloop

_DECODED_EVERY = 10
_OPENING_AT_ONCE = 50
_PATIENCE_SECONDS = 30.0
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Watcher(asyncio.Protocol):
    """One socket, as RFC 6455 has it, without extensions."""

    def __init__(self, path: str, *, decodes: bool) -> None:
        self._path, self._decodes = path, decodes
        self._buffer = b""
        self._is_open = False
        self._transport: asyncio.Transport | None = None
        self.learned: list[tuple[int, float]] = []
        self.messages = 0
        self.has_snapshot = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = (
            f"GET {self._path} HTTP/1.1",
            "Host: bench",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        )
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            head, found, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            assert head.startswith(b"HTTP/1.1 101"), head
            self._is_open = True
        while (frame := self._frame()) is not None:
            self._heard(*frame)

    def _frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, at = buffer[1] & 0x7F, 2
        if length >= 126:
            at = 4 if length == 126 else 10
            if len(buffer) < at:
                return None
            length = int.from_bytes(buffer[2:at], "big")
        if len(buffer) < at + length:
            return None
        self._buffer = buffer[at + length :]
        return buffer[0] & 0x0F, buffer[at : at + length]

    def _heard(self, kind: int, payload: bytes) -> None:
        assert self._transport is not None
        assert kind != _CLOSE, "a socket was closed"
        if kind == _PING:
            mask = os.urandom(4)
            masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
            self._transport.write(bytes([0x80 | _PONG, 0x80 | len(payload)]) + mask + masked)
        if kind != _TEXT:
            return
        self.messages += 1
        if self._decodes:
            at = time.time()
            self.learned.append((int(json.loads(payload)["position"].rpartition(".")[2]), at))
        self.has_snapshot.set()


def _itself(watcher: Watcher) -> Watcher:
    return watcher


async def main(host: str, port: int, path: str, count: int) -> None:
    loop = asyncio.get_running_loop()
    watchers = [Watcher(path, decodes=number % _DECODED_EVERY == 0) for number in range(count)]
    for at in range(0, count, _OPENING_AT_ONCE):
        some = watchers[at : at + _OPENING_AT_ONCE]
        await asyncio.gather(*(loop.create_connection(partial(_itself, each), host, port) for each in some))
        await asyncio.wait_for(asyncio.gather(*(each.has_snapshot.wait() for each in some)), _PATIENCE_SECONDS)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.readline)
    told = {
        "messages": sum(each.messages for each in watchers),
        "learned": [each.learned for each in watchers if each.learned],
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    uvloop.install()
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))

"""The reference client in Python: keeps a map of places equal to the server's, whatever the network does.

async with Watching("ws://127.0.0.1:8000/api/v1/ws/inventories/…") as live:
    async for message in live:
        print(live.places, live.available)
"""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

POLICY = 1008
#: How long an answer may take before it counts as lost and is asked for again. Not sooner: messages that come while it
#: is on its way don't fit either, and who asked at each of them would be answered as often.
_ANSWER_SECONDS = 1.0
_FREE = frozenset({"free", "available"})
_SELLING = frozenset({"on_sale", "sold_out"})
_BACKOFF_SECONDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0)


class Refused(Exception):
    """The server will not have this client: a void token, an unknown inventory, a broken rule."""


class Watching:
    """One watched inventory. `places`: seat_id -> {seat_id, seat_number, status, …} as last told.

    `loses(message)` says of a message that came whether it is to be lost on the way: how a test shows that clients
    whose messages get lost end equal all the same.
    """

    def __init__(
        self, url: str, *, token: str | None = None, loses: Callable[[dict[str, Any]], bool] | None = None
    ) -> None:
        self.url, self.token, self._loses = url, token, loses
        self.places: dict[str, dict[str, Any]] = {}
        self.position: str | None = None
        self.available = 0
        #: the same, as the places say
        self._free = 0
        self.state: str | None = None
        #: how often it found that something was missing, and asked
        self.resyncs = 0
        #: what waits for an answer, and when to ask it again (of the loop's clock)
        self._question = ""
        self._ask_again_at: float | None = None
        self._connection: ClientConnection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Every message once it was applied. Reconnects until told otherwise. Refused."""
        failures = 0
        while True:
            try:
                async for message in self._connected():
                    failures = 0
                    yield message
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == POLICY:
                    raise Refused(closed.rcvd.reason) from None
            except OSError:
                pass  # not there yet, or no more
            pause = _BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)]
            failures += 1
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret

    async def _connected(self) -> AsyncIterator[dict[str, Any]]:
        async with connect(self.url, open_timeout=20, compression=None) as connection:
            self._connection, self._ask_again_at = connection, None
            if self.token is not None:
                await connection.send(json.dumps({"type": "authenticate", "token": self.token}))
            while True:
                message = json.loads(await self._next(connection))
                if self._loses is not None and self._loses(message):
                    continue
                if await self._take(connection, message):
                    yield message

    async def _next(self, connection: ClientConnection) -> str | bytes:
        """What comes next; what was asked is asked again while no answer comes."""
        while True:
            try:
                async with asyncio.timeout_at(self._ask_again_at):
                    return await connection.recv()
            except TimeoutError:
                self._ask_again_at = None
                await self._ask(connection, since=self._question)

    async def _take(self, connection: ClientConnection, message: dict[str, Any]) -> bool:
        """Apply it; where something before it is missing, ask for that instead. Whether it was applied."""
        match message["type"]:
            case "snapshot":
                self.places = {place["seat_id"]: place for place in message["seats"]}
                self._free = sum(map(_free_of, message["seats"]))
            case "changes" if message["after"] != self.position:
                await self._ask(connection, since=self.position or "")
                return False
            case "lapsed" | "ping" if message["position"] != self.position:
                await self._ask(connection, since=self.position or "")
                return False
            case "changes" | "lapsed":
                for place in message["seats"]:
                    before = self.places.get(place["seat_id"], {})
                    self.places[place["seat_id"]] = after = {**before, **place}
                    self._free += _free_of(after) - _free_of(before)
            case "ping":
                pass
            case _:  # of a newer server
                return False
        if message["type"] == "snapshot" or (message["type"] == "changes" and self._question):
            self._ask_again_at = None
        self.position = message["position"]
        self.available, self.state = message["available_seats"], message["state"]
        if message["type"] != "snapshot" and self.state in _SELLING and self._free != self.available:
            await self._ask(connection, since="")  # a lapse was lost, which no position tells of
        return True

    async def _ask(self, connection: ClientConnection, *, since: str) -> None:
        """Ask for what happened since, or for everything (""); not again while an answer may be on its way."""
        if self._ask_again_at is not None:
            return
        self._question = since
        self._ask_again_at = asyncio.get_running_loop().time() + _ANSWER_SECONDS
        self.resyncs += 1
        with contextlib.suppress(ConnectionClosed):
            await connection.send(json.dumps({"since": since}))


def _free_of(place: Mapping[str, Any]) -> int:
    """How many of it are left; none of a place that nobody told of."""
    return int(place.get("available", place.get("status") in _FREE))

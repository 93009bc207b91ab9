"""Serve one WebSocket: a snapshot, then changes in order; the client may say who it is, or from where to go on.

Close codes: 1008 a rule was broken (origin, credential, unknown inventory, malformed message), 1009 a frame was too
large, 1013 try again later (too many sockets, a client that does not read, no database).
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect

from holdfast.kernel import identity
from holdfast.kernel.identity import Authenticator, InvalidToken, Principal
from holdfast.kernel.realtime.audience import Watcher
from holdfast.kernel.realtime.hub import Hub
from holdfast.kernel.realtime.values import FRAME_BYTES_MAX, FRAMES, POLICY, TOO_BIG, TRY_LATER, Channel, Position
from holdfast.kit.errors import Contended, Error, Unavailable
from holdfast.kit.http import allow, public

#: Who may open a socket: anybody may watch what is on sale. Said like a route's policy, for the same matrix.
watching = allow(public)


class _CloseError(Exception):
    """End this socket with that code."""

    def __init__(self, code: int) -> None:
        self.code = code


async def attend(websocket: WebSocket, find: Callable[[], Awaitable[Channel]]) -> None:
    """Serve until either side ends it. `find` tells the channel; its refusal is a broken rule."""
    hub: Hub = websocket.app.state.hub
    await websocket.accept()
    with hub.admitted(websocket.state.address or "") as is_admitted:
        try:
            _refuse(websocket, is_admitted=is_admitted)
            await _serve(websocket, hub, await find())
        except _CloseError as end:
            await _close(websocket, hub, end.code)
        except Error as error:
            await _close(websocket, hub, TRY_LATER if _passes(error) else POLICY)
        except WebSocketDisconnect:
            return


def _refuse(websocket: WebSocket, *, is_admitted: bool) -> None:
    if not is_admitted:
        raise _CloseError(TRY_LATER)
    if not _is_origin_known(websocket):
        raise _CloseError(POLICY)


def _passes(error: Error) -> bool:
    """Whether it says nothing about the client: the database is away, or has too much to do."""
    return isinstance(error, (Unavailable, Contended))


async def _serve(websocket: WebSocket, hub: Hub, channel: Channel) -> None:
    frames = websocket.scope.get("extensions", {}).get(FRAMES, {})
    watcher = await hub.join(channel, frames.get("write"))
    try:
        visit = _Visit(websocket, hub, watcher)
        if (cookie := _page_login(websocket)) is not None:
            await visit.authenticate(cookie, is_asked=False)
        await _first_to_end(visit.send(), visit.receive(), visit.recheck())
    finally:
        hub.leave(watcher)


class _Visit:
    """One socket while it lasts."""

    def __init__(self, websocket: WebSocket, hub: Hub, watcher: Watcher) -> None:
        self._websocket, self._hub, self._watcher = websocket, hub, watcher
        self._credential: str | None = None
        self._is_first_message = True

    async def send(self) -> None:
        """What is queued; a ping where nothing was for a while. A client that does not read is let go."""
        while True:
            text = await self._watcher.next(patience=self._hub.settings.ping_seconds)
            if text is None:
                text = self._watcher.audience.ping()
            try:
                async with asyncio.timeout(self._hub.settings.write_seconds):
                    await self._websocket.send_text(text)
            except TimeoutError:
                raise _CloseError(TRY_LATER) from None

    async def receive(self) -> None:
        while True:
            message = _read(await self._websocket.receive())
            if message.get("type") == "authenticate" and self._is_first_message:
                await self.authenticate(message["token"], is_asked=True)
            elif isinstance(message.get("since"), str):
                self._watcher.audience.catch_up(self._watcher, Position.parse(message["since"]))
            else:
                raise _CloseError(POLICY)
            self._is_first_message = False
            # who asks faster waits: what stands in the way of the next is the sender's own, not ours
            await asyncio.sleep(self._hub.settings.asked_seconds)

    async def recheck(self) -> None:
        """Look at the credential again and again, at once when its rows changed: who signed out is shown out.

        Without a database nobody is: it is looked at again once there is one.
        """
        while True:
            doubtful = self._watcher.is_doubtful
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._hub.settings.recheck_seconds):
                    await doubtful.wait()
            doubtful.clear()
            try:
                if self._credential is not None:
                    await self._principal(self._credential)
            except Error as error:
                if not _passes(error):
                    raise
                doubtful.set()
                await asyncio.sleep(self._hub.settings.notice_seconds)

    async def authenticate(self, credential: str, *, is_asked: bool) -> None:
        """Know the watcher by a token of theirs. Who asked for it and has a void one is shown out."""
        try:
            principal = await self._principal(credential)
        except InvalidToken:
            if is_asked:
                raise
            return
        self._credential = credential
        assert principal.user_id is not None
        await self._hub.know(self._watcher, principal.user_id, login_id=principal.login_id)

    async def _principal(self, credential: str) -> Principal:
        """The person who the credential stands for, as the rows have it now. InvalidToken, also for a program's key."""
        authenticate: Authenticator = self._websocket.app.state.authenticate
        principal = await authenticate.principal(credential, is_fresh=True)
        if principal.user_id is None:
            raise InvalidToken
        return principal


def _read(event: Any) -> dict[str, Any]:  # noqa: ANN401 - ASGI's
    """The client's message: a JSON object in a text frame of moderate size, of few and short fields."""
    if event["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(event.get("code", 1005))
    text = event.get("text")
    if text is None:
        raise _CloseError(POLICY)
    if len(text) > FRAME_BYTES_MAX:
        raise _CloseError(TOO_BIG)
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise _CloseError(POLICY) from None
    if not isinstance(message, dict) or not all(isinstance(value, str) for value in message.values()):
        raise _CloseError(POLICY)
    if message.get("type") == "authenticate" and "token" not in message:
        raise _CloseError(POLICY)
    return message


def _is_origin_known(websocket: WebSocket) -> bool:
    """Programs send none; a browser's must be ours or one of those that may call the API."""
    origin = websocket.headers.get("origin")
    return origin is None or origin in websocket.app.state.socket_origins or _is_own(websocket, origin)


def _is_own(websocket: WebSocket, origin: str) -> bool:
    return urlsplit(origin).netloc == websocket.headers.get("host")


def _page_login(websocket: WebSocket) -> str | None:
    """The cookie of our own pages, and only from them."""
    origin = websocket.headers.get("origin")
    if origin is None or not (_is_own(websocket, origin) or origin == websocket.app.state.own_origin):
        return None
    authenticate: Authenticator = websocket.app.state.authenticate
    return identity.read_page_login(websocket, authenticate.settings)


async def _first_to_end(*works: Awaitable[None]) -> None:
    """Run side by side; the first that ends, by whatever it raises, ends the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _close(websocket: WebSocket, hub: Hub, code: int) -> None:
    with contextlib.suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
        async with asyncio.timeout(hub.settings.write_seconds):
            await websocket.close(code)

"""A frame written past the application reaches the client like any message, in order."""

from typing import Any

import httpx2
from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from holdfast.app.serving import listen, served
from holdfast.kernel import realtime


async def speaking(scope: Any, receive: Any, send: Any) -> None:
    """Says "first" by ASGI, "second" as a frame, "third" by ASGI; then closes, and tries to write one more."""
    if scope["type"] != "websocket":
        while scope["type"] == "lifespan":
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
        return
    write = scope["extensions"][realtime.FRAMES]["write"]
    frame = Frame(Opcode.TEXT, b"second").serialize(mask=False)
    assert not write(frame), "nothing can be written before the handshake"
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "first"})
    assert write(frame)
    await send({"type": "websocket.send", "text": "third"})
    await send({"type": "websocket.close", "code": 1000})
    assert not write(frame), "nothing can be written after the end"


async def test_a_frame_is_written_between_messages_and_never_outside_of_an_open_socket() -> None:
    (listener,) = listen("127.0.0.1", 0)

    async with served(speaking, listener), connect(f"ws://127.0.0.1:{listener.getsockname()[1]}/") as socket:
        heard = [message async for message in socket]

    assert heard == ["first", "second", "third"]
    assert socket.close_code == 1000


async def test_a_handshake_that_is_none_is_refused_as_ever() -> None:
    (listener,) = listen("127.0.0.1", 0)

    async with served(speaking, listener), httpx2.AsyncClient() as client:
        answer = await client.get(
            f"http://127.0.0.1:{listener.getsockname()[1]}/",
            headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "1"},
        )

    assert answer.status_code == 400

"""WebSockets to which whole frames can be written, so that one frame, made once, is sent to many."""

from typing import Any

from typing_extensions import override
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from holdfast.kernel import realtime


class FrameProtocol(WebSocketsSansIOProtocol):
    """The server's own protocol, which besides hands the application a way past it (`realtime.FRAMES`).

    Sending a message by ASGI costs several times what the frame does: a task is woken, and the frame made anew for
    each socket.
    """

    @override
    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if not self.close_sent:  # else the handshake was refused
            self.scope["extensions"][realtime.FRAMES] = {"write": self.write_frame}

    def write_frame(self, frame: bytes) -> bool:
        """Write it now; False, and nothing written, where the connection is not open or took too little of before."""
        is_open = self.conn.state is State.OPEN and not (self.close_sent or self.transport.is_closing())
        if not is_open or not self.writable.is_set():
            return False
        self.transport.write(frame)
        return True

"""A stricter version of uvicorn's WebSocket protocol, for clients that break its rules."""

from typing import TYPE_CHECKING

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.protocol import OPEN

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that is closed if its client breaks the rules; nothing is logged.

    uvicorn logs a traceback when a text is not UTF-8, when a client sends more after that, and when
    the application then sends something. It never answers a handshake that cannot be parsed.

    It also queues pongs without a limit. This class drops pings while the client is not reading:
    sending messages already waits for that.
    """

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.close()  # a client has to wait for the end of the handshake
            return
        super().data_received(data)
        if not self.handshake_initiated and self.conn.handshake_exc is not None:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Pass a message on, or close the connection with 1007 if it is a text but not UTF-8."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.frames = []
            if self.conn.state is OPEN:  # otherwise the client or the server is closing already
                self._close(CloseCode.INVALID_DATA, "Text messages must be UTF-8")
        else:
            super().send_receive_event_to_app()

    def _close(self, code: CloseCode, reason: str) -> None:
        """Close the connection, and give the client time to answer, as for a close by the app."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)

    async def send(self, message: "ASGISendEvent") -> None:
        """Send a message of the application; raise ``ClientDisconnected`` while it is closing."""
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def handle_ping(self) -> None:
        """Send a pong if the send buffer has room, or drop the ping."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # discards the pong


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True

"""WebSockets whose clients take what they ask for: uvicorn itself would keep pongs without end."""

from __future__ import annotations

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """Answers no pings while its client does not take what was sent; messages wait anyway."""

    def handle_ping(self) -> None:
        """Answer a ping, if there is room for it."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # and forget it

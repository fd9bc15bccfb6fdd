"""A limit on unsent pongs, which uvicorn queues without one."""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol


class LimitedWebSocketProtocol(WebSocketsSansIOProtocol):
    """Drops pings while the client is not reading: sending messages already waits for that."""

    def handle_ping(self) -> None:
        """Send a pong if the send buffer has room, or drop the ping."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # discards the pong

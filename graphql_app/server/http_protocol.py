"""Limits on the size and the duration of request heads, which uvicorn does not limit."""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 128 * 1024  # request line and headers; the parser limits the URL to 64 KB
HEAD_TIMEOUT = 20.0  # seconds, from the connection or the first byte to the end of the head


class LimitedHttpProtocol(HttpToolsProtocol):
    """HTTP that closes connections whose request head is late or too large.

    It also closes a connection that sends more of a body after the response. uvicorn closes idle
    connections after ``timeout_keep_alive``, but any byte ends that timer, so a client that goes on
    sending a body which was already refused would stay connected.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _next_head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._start_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._start_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._cancel_timers()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Give the next head, and the unread rest of the last request, ``HEAD_TIMEOUT``."""
        super().on_response_complete()
        if self._head_timer is None and self.cycle.response_complete:
            self._next_head_timer = self.loop.call_later(
                HEAD_TIMEOUT, self.timeout_keep_alive_handler
            )

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse("The request's headers are too large.")

    def _start_head(self) -> None:
        self._cancel_timers()
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT, self._time_out)

    def _cancel_timers(self) -> None:
        self._head_bytes = 0
        for timer in (self._head_timer, self._next_head_timer):
            if timer is not None:
                timer.cancel()
        self._head_timer = self._next_head_timer = None

    def _time_out(self) -> None:
        if not self.transport.is_closing():
            self._refuse("The request's headers did not arrive in time.")

    def _refuse(self, message: str) -> None:
        self._cancel_timers()
        self.send_400_response(message)

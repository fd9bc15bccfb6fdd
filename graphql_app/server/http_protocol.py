"""HTTP whose heads come to an end: uvicorn itself would take one of any length, for any time."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 128 * 1024  # bytes of an address and headers; the parser takes 64 KB of an address
HEAD_TIME = 20.0  # seconds, also for the first byte to come, and for the rest of what was answered


class BoundedHttp(HttpToolsProtocol):
    """Closes a connection whose request does not begin in time, or has a head without end.

    Between requests it is uvicorn that closes, after ``timeout_keep_alive``; but whoever sends
    anything then, such as more of a request that was answered already, it would keep for ever.
    """

    _timer: asyncio.TimerHandle | None = None
    _next: asyncio.TimerHandle | None = None  # until the next head must have begun
    _bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first head."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._end()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A head begins, of which some bytes are there."""
        self._begin()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._end()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """A request is answered, although all of it may not be there."""
        super().on_response_complete()
        if self._timer is None and self.cycle.response_complete:
            self._next = self.loop.call_later(HEAD_TIME, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """Read on, unless it was enough."""
        super().data_received(data)
        if self._timer is not None and not self.transport.is_closing():
            self._bytes += len(data)
            if self._bytes > MAX_HEAD:
                self._refuse("The head of the request is too large.")

    def _begin(self) -> None:
        self._end()
        self._timer = self.loop.call_later(HEAD_TIME, self._too_slow)

    def _end(self) -> None:
        self._bytes = 0
        for timer in (self._timer, self._next):
            if timer is not None:
                timer.cancel()
        self._timer = self._next = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self._refuse("The head of the request took too long.")

    def _refuse(self, words: str) -> None:
        self._end()
        self.send_400_response(words)

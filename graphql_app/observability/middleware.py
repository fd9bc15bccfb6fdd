"""Gives each request its id, and notes that it was answered."""

from __future__ import annotations

import logging
from time import perf_counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_app.observability import traces
from graphql_app.observability.metrics import Metrics
from graphql_app.observability.request_context import EXCHANGE, Exchange, request_id

logger = logging.getLogger(__name__)

HEADER = b"x-request-id"
STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class Observed:
    """An ASGI application whose requests have ids, which their answers bear too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        kind = scope["type"]
        if kind not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        sent = next((value for name, value in scope["headers"] if name == HEADER), None)
        exchange = Exchange(
            request_id(None if sent is None else sent.decode("latin-1")), self._metrics
        )
        header = (HEADER, exchange.id.encode())
        begun, status = perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in STARTS:
                message["headers"] = [*message.get("headers", ()), header]
                status = message.get("status", 101)
            await send(message)

        EXCHANGE.set(exchange)  # of this request's task; what it raises is logged with the id too
        if kind == "websocket":
            self._metrics.connections.inc()
        try:
            with traces.request(scope, exchange.id):
                await self._app(scope, receive, send_with_id)
        finally:
            if kind == "websocket":
                self._metrics.connections.dec()
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug(*_answered(scope, status, begun))


def _answered(scope: Scope, status: int, begun: float) -> tuple[Any, ...]:
    # Without the query string, which may hold an operation with a person's data.
    milliseconds = (perf_counter() - begun) * 1000
    how = scope.get("method", "WebSocket")
    return "%s %s: %s in %.1f ms", how, scope["path"], status, milliseconds

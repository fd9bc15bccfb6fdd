"""Middleware that gives each request an id, and counts, traces and logs it."""

import logging
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphql_app.observability import traces
from graphql_app.observability.metrics import Metrics
from graphql_app.observability.request_context import (
    CURRENT_REQUEST,
    RequestContext,
    safe_request_id,
)

logger = logging.getLogger(__name__)

HEADER_NAME = "X-Request-Id"
RAW_HEADER_NAME = HEADER_NAME.lower().encode()
START_MESSAGES = frozenset(
    {"http.response.start", "websocket.accept", "websocket.http.response.start"}
)


class RequestContextMiddleware:
    """Middleware that sets the current request, and returns its id as ``X-Request-Id``."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        sent = next((value for name, value in scope["headers"] if name == RAW_HEADER_NAME), b"")
        request = RequestContext(safe_request_id(sent.decode("latin-1")), self._metrics)
        header = (RAW_HEADER_NAME, request.id.encode())
        started_at, status = perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] in START_MESSAGES:
                message["headers"] = [*message.get("headers", ()), header]
                status = message.get("status", 101)
            await send(message)

        # Never reset: uvicorn logs an exception after this returns, in the request's own task.
        CURRENT_REQUEST.set(request)
        if kind == "websocket":
            self._metrics.connections.inc()
        try:
            with traces.trace_request(scope, request.id):
                await self._app(scope, receive, send_with_id)
        finally:
            if kind == "websocket":
                self._metrics.connections.dec()
            # Without the query string, which may hold an operation with personal data.
            logger.debug(
                "%s %s: %s in %.1f ms",
                scope.get("method", "WebSocket"),
                scope["path"],
                status,
                (perf_counter() - started_at) * 1000,
            )

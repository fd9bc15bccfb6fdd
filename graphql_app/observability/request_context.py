"""The id and the metrics of the current request, for everything that logs and counts.

Short commands import this with the catalog, so it does not load Prometheus's library.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphql_app.observability.metrics import Metrics

SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class RequestContext:
    """The id of a request, or of an operation on a WebSocket, and the metrics to count it in."""

    id: str
    metrics: Metrics


# The threads and tasks that work for a request get a copy of its context.
CURRENT_REQUEST: ContextVar[RequestContext | None] = ContextVar("request", default=None)


@cache
def _unserved_metrics() -> Metrics:
    from graphql_app.observability.metrics import Metrics  # noqa: PLC0415 - loads Prometheus

    return Metrics()


def metrics() -> Metrics:
    """Return the current request's metrics; outside of requests, metrics that are never served."""
    request = CURRENT_REQUEST.get()
    return _unserved_metrics() if request is None else request.metrics


def current_request_id() -> str:
    """Return the id of the current request, or "-" outside of requests."""
    request = CURRENT_REQUEST.get()
    return "-" if request is None else request.id


def count_errors(codes: Iterable[str]) -> None:
    counter = metrics().errors
    for code in codes:
        counter.labels(code).inc()


def safe_request_id(sent: str) -> str:
    """Return the id that the client sent if it is safe to log, or a random one."""
    return sent if SAFE_ID.fullmatch(sent) else secrets.token_hex(8)


@contextmanager
def operation_context(operation_id: str) -> Iterator[None]:
    """Append the client's id of an operation to the request id of its connection."""
    connection = CURRENT_REQUEST.get()
    if connection is None:
        yield
        return
    id = f"{connection.id}/{safe_request_id(operation_id)}"
    token = CURRENT_REQUEST.set(RequestContext(id, connection.metrics))
    try:
        yield
    finally:
        CURRENT_REQUEST.reset(token)

"""The request that is being answered, for whatever is logged and counted meanwhile."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from graphql_app.observability.metrics import Metrics

HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, or an operation of a WebSocket: its id, and where it is counted."""

    id: str
    metrics: Metrics


# Threads and tasks that work for a request have a copy of its context.
EXCHANGE: ContextVar[Exchange | None] = ContextVar("exchange", default=None)

_uncounted = Metrics()


def metrics() -> Metrics:
    """Where to count what is being done; outside of requests, where nobody looks."""
    exchange = EXCHANGE.get()
    return _uncounted if exchange is None else exchange.metrics


def id_header() -> dict[str, str]:
    """The header that tells the id of the request."""
    exchange = EXCHANGE.get()
    return {} if exchange is None else {"X-Request-Id": exchange.id}


def count_errors(codes: Iterable[str]) -> None:
    """Count what a client is told went wrong."""
    counter = metrics().errors
    for code in codes:
        counter.labels(code).inc()


def request_id(sent: str | None) -> str:
    """The id of a request: the one that was sent with it, if that is harmless, or a new one."""
    return sent if sent is not None and HARMLESS.fullmatch(sent) else secrets.token_hex(8)


@contextmanager
def part(sent: str) -> Iterator[None]:
    """Begin an operation of the client's own id, within a connection."""
    whole = EXCHANGE.get()
    if whole is None:
        yield
        return
    token = EXCHANGE.set(Exchange(f"{whole.id}/{request_id(sent)}", whole.metrics))
    try:
        yield
    finally:
        EXCHANGE.reset(token)

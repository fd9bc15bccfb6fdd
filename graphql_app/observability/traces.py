"""Traces with OpenTelemetry, where it is installed (extra ``otel``) and its environment is set.

Spans have names and durations, and the names of fields; nothing that a client sent.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

if TYPE_CHECKING:
    from graphql_app.observability.otel import Tracing

logger = logging.getLogger(__name__)

VARIABLES = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)
NOTHING: AbstractContextManager[Any] = nullcontext()

_tracing: Tracing | None = None


@contextmanager
def collected() -> Iterator[None]:
    """Send the spans of the process to where the standard OTEL_ variables say, if they do."""
    if not _asked_for():
        yield
        return
    try:
        from graphql_app.observability import otel  # noqa: PLC0415 - its libraries may be missing
    except ImportError:
        logger.warning(
            "There are no traces, which %s asks for: install open-segments[otel].",
            " and ".join(name for name in VARIABLES if os.environ.get(name)),
        )
        yield
        return
    provider = otel.exporting()
    try:
        with traced(otel.Tracing(provider)):
            yield
    finally:
        provider.shutdown()


def _asked_for() -> bool:
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(os.environ.get(name) for name in VARIABLES)


@contextmanager
def traced(tracing: Tracing) -> Iterator[None]:
    """Have spans made of what the process does."""
    global _tracing  # noqa: PLW0603 - a process has one, or none
    before, _tracing = _tracing, tracing
    try:
        yield
    finally:
        _tracing = before


def request(scope: Scope, id: str) -> AbstractContextManager[Any]:
    """The span of a request; nothing where there are no traces."""
    return NOTHING if _tracing is None else _tracing.request(scope, id)


def span(name: str) -> AbstractContextManager[Any]:
    """A span of that name; nothing where there are no traces."""
    return NOTHING if _tracing is None else _tracing.span(name)

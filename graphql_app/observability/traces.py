"""OpenTelemetry traces, if the extra ``otel`` is installed and the OTEL_ variables enable them.

Spans have names, durations, and the names of fields, but nothing that a client sent.
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
NO_SPAN: AbstractContextManager[Any] = nullcontext()

_tracing: Tracing | None = None


@contextmanager
def export_spans() -> Iterator[None]:
    """Export the process's spans as the standard OTEL_ variables say, if they enable traces."""
    if not _is_enabled():
        yield
        return
    try:
        from graphql_app.observability import otel  # noqa: PLC0415 - its libraries may be missing
    except ImportError:
        logger.warning(
            "Traces are off, although %s is set: install open-segments[otel] to export them.",
            " and ".join(name for name in VARIABLES if os.environ.get(name)),
        )
        yield
        return
    provider = otel.create_provider()
    try:
        with use_tracing(otel.Tracing(provider)):
            yield
    finally:
        provider.shutdown()


def _is_enabled() -> bool:
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(os.environ.get(name) for name in VARIABLES)


@contextmanager
def use_tracing(tracing: Tracing) -> Iterator[None]:
    """Create the process's spans with ``tracing``."""
    global _tracing  # noqa: PLW0603 - a process has one, or none
    before, _tracing = _tracing, tracing
    try:
        yield
    finally:
        _tracing = before


def trace_request(scope: Scope, id: str) -> AbstractContextManager[Any]:
    """Return the span of a request, or a null context if traces are off."""
    return NO_SPAN if _tracing is None else _tracing.request(scope, id)


def span(name: str) -> AbstractContextManager[Any]:
    """Return a span, or a null context if traces are off."""
    return NO_SPAN if _tracing is None else _tracing.span(name)

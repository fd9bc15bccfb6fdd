"""Spans of OpenTelemetry's; imported only where there are to be any: it may not be installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.types import Scope


class Tracing:
    """Makes spans, of which a provider makes what it will."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("graphql_app")

    @contextmanager
    def request(self, scope: Scope, id: str) -> Iterator[Span]:
        """The span of a request, within one of its sender's, if it says so in ``traceparent``."""
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        # Other paths have ids in them, or whatever a client thinks of.
        path = " /graphql" if scope["path"] == "/graphql" else ""
        name = f"{scope.get('method', 'WebSocket')}{path}"
        options: dict[str, Any] = {"context": extract(headers), "kind": SpanKind.SERVER}
        with self.span(name, attributes={"request.id": id}, **options) as span:
            yield span

    @contextmanager
    def span(self, name: str, **options: Any) -> Iterator[Span]:
        """A span of that name."""
        # The words of an exception may quote a person's data.
        options |= {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(name, **options) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise


def exporting() -> TracerProvider:
    """A provider that sends spans to where the standard OTEL_ variables say."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider

"""OpenTelemetry spans. Import this module only if traces are on: its libraries are optional."""

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
    """A source of spans; its provider decides what happens to them."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("graphql_app")

    @contextmanager
    def request(self, scope: Scope, id: str) -> Iterator[Span]:
        """Create the span of a request, as a child of the span in its ``traceparent`` header."""
        headers = {key.decode("latin-1"): text.decode("latin-1") for key, text in scope["headers"]}
        # Other paths contain ids, or any text that a client sends.
        path = " /graphql" if scope["path"] == "/graphql" else ""
        name = f"{scope.get('method', 'WebSocket')}{path}"
        options: dict[str, Any] = {"context": extract(headers), "kind": SpanKind.SERVER}
        with self.span(name, attributes={"request.id": id}, **options) as span:
            yield span

    @contextmanager
    def span(self, name: str, **options: Any) -> Iterator[Span]:
        """Create a span. An exception ends it with the exception's type as ``error.type``."""
        # OpenTelemetry's own recording has the exception's message, which may quote personal data.
        options |= {"record_exception": False, "set_status_on_exception": False}
        with self._tracer.start_as_current_span(name, **options) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(StatusCode.ERROR)
                raise


def create_provider() -> TracerProvider:
    """Create a provider that exports spans to the endpoint in the standard OTEL_ variables."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider

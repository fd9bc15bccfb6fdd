"""The spans of a real server, collected by OpenTelemetry's in-memory exporter."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from graphql_app.observability import traces
from graphql_app.observability.otel import Tracing
from tests.client import SIZE, connected
from tests.processes import wait_until
from tests.support import Client

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
KEYWORD = "secretword"
RULE = {"keyword": {"operator": "ANY_OF", "keywords": [KEYWORD]}}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Collect the spans that end during the test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with traces.use_tracing(Tracing(provider)):
        yield exporter
    provider.shutdown()


def _wait_for(spans: InMemorySpanExporter, name: str) -> None:
    wait_until(lambda: any(span.name == name for span in spans.get_finished_spans()))


def _chain(spans: InMemorySpanExporter, name: str) -> list[str]:
    finished = spans.get_finished_spans()
    by_id = {span.context.span_id: span for span in finished if span.context is not None}
    span: ReadableSpan | None = next(span for span in finished if span.name == name)
    names = []
    while span is not None:
        names.append(span.name)
        span = by_id.get(span.parent.span_id) if span.parent else None
    return names


def test_a_request_is_traced_down_to_its_statements(
    shop: Client, spans: InMemorySpanExporter
) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X-Request-Id": "mine"}
    body = {"query": SIZE, "variables": {"rule": RULE}}
    assert shop.request("POST", "/graphql", headers, json=body).status_code == 200
    _wait_for(spans, "POST /graphql")  # ends after the response
    expected = ["audience statement", "rule size", "query segmentSize", "POST /graphql"]
    assert _chain(spans, "audience statement") == expected
    finished = spans.get_finished_spans()
    request = next(span for span in finished if span.name == "POST /graphql")
    assert request.parent is not None
    assert f"{request.parent.span_id:016x}" == PARENT
    assert {f"{span.context.trace_id:032x}" for span in finished if span.context} == {TRACE}
    assert dict(request.attributes or {}) == {"request.id": "mine"}
    exported = "".join(span.to_json() for span in finished)
    for secret in (KEYWORD, shop.token, "SELECT", shop.shop.handle):
        assert secret not in exported


def test_a_query_over_websocket_is_traced_within_its_connection(
    shop: Client, spans: InMemorySpanExporter
) -> None:
    with connected(shop) as stream:
        stream.subscribe(SIZE, rule=RULE)
        assert stream.next()["segmentSize"]["members"] == 0
        assert stream.receive()["type"] == "complete"
    _wait_for(spans, "WebSocket /graphql")
    assert _chain(spans, "rule size") == ["rule size", "query segmentSize", "WebSocket /graphql"]


def test_a_failed_span_has_no_error_message(shop: Client, spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match=KEYWORD), traces.span("audience statement"):
        raise ValueError(KEYWORD)
    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}
    assert KEYWORD not in span.to_json()


def test_spans_are_exported_to_the_configured_endpoint(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            address = f"http://127.0.0.1:{collector.server_port}"
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
            with traces.export_spans():
                shop.ask("{ shop { handle } }")
                # A second request on the connection: the first one's span has ended by then.
                shop.ask("{ shop { handle } }")
        finally:
            collector.shutdown()
            thread.join()
    assert {path for path, _ in received} == {"/v1/traces"}
    body = b"".join(body for _, body in received)
    assert b"POST /graphql" in body
    assert b"query shop" in body
    assert shop.shop.handle.encode() not in body


def test_traces_are_off_by_default(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    with traces.export_spans():
        assert traces.span("anything") is traces.NO_SPAN
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    with traces.export_spans():
        assert traces.span("anything") is traces.NO_SPAN
    assert caplog.records == []


def test_missing_libraries_are_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:hidden@127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)  # makes the import fail
    monkeypatch.delitem(sys.modules, "graphql_app.observability.otel")
    monkeypatch.delattr("graphql_app.observability.otel")
    with traces.export_spans():
        assert traces.span("anything") is traces.NO_SPAN
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "open-segments[otel]" in record.getMessage()
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in record.getMessage()
    assert "hidden" not in record.getMessage()

"""/metrics: the samples that Prometheus reads, and access to them."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from graphql_app.observability.output import QueuedFile
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import HTTP, SIZE, authorization, connected
from tests.factories import contact, contacts, order
from tests.processes import WAIT
from tests.support import Client, Server, serving

TOKEN = "scrape-me"
SPEND = {"spend": {"operator": "GREATER_THAN", "amount": "50.00"}}
LIVE = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"


@pytest.fixture
def address(services: Services, settings: Settings) -> Iterator[str]:
    """Start a server, whose counters are 0."""
    with serving(services, settings.model_copy(update={"metrics": True})) as address:
        yield address


@pytest.fixture
def shop(address: str, server: Server) -> Client:
    return replace(server.shop(), address=address)


class Scrape(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """The samples of /metrics by name and labels. Missing samples are 0."""

    def __init__(self, address: str, **headers: str) -> None:
        response = HTTP.get(f"{address}/metrics", headers=headers)
        assert response.status_code == 200
        self.text = response.text
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                self[sample.name, frozenset(sample.labels.items())] = sample.value

    def value(self, name: str, **labels: str) -> float:
        return self.get((f"segments_{name}", frozenset(labels.items())), 0)


OPEN = "application/openmetrics-text"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "text/plain"),
        (f"{OPEN};version=1.0.0;q=0.75, text/plain;version=0.0.4;q=0.5, */*;q=0.1", OPEN),
        (f"{OPEN};version=1.0.0;q=0.5, text/plain;version=0.0.4;q=0.75", "text/plain"),
        (f"{OPEN};q=0, */*", "text/plain"),
        ("text/plain;q=0, application/*", OPEN),
    ],
)
def test_the_format_is_the_one_that_the_scraper_prefers(
    address: str, accept: str, expected: str
) -> None:
    response = HTTP.get(f"{address}/metrics", headers={"Accept": accept})
    assert response.headers["content-type"].startswith(expected)
    assert response.text.endswith("# EOF\n") == (expected == OPEN)


def test_operations_are_timed_by_kind_and_first_field(address: str, shop: Client) -> None:
    shop.ask("query MyName { shop { handle } }")
    shop.ask(SIZE.replace("segmentSize(", "alias: segmentSize("), rule=SPEND)
    shop.ask("query { ... on Query { ...F } } fragment F on Query { shop { handle } }")
    shop.ask("{ __schema { queryType { name } } }")
    shop.record("contactsUpsert", contacts(1))
    shop.errors("{ nothingLikeThis }")
    shop.errors("{")
    scrape = Scrape(address)

    def count(kind: str, field: str) -> float:
        return scrape.value("operation_duration_seconds_count", kind=kind, field=field)

    assert count("query", "shop") == 2
    assert count("query", "segmentSize") == 1
    assert count("query", "introspection") == 1
    assert count("mutation", "contactsUpsert") == 1
    assert count("query", "unknown") == 1
    assert count("none", "none") == 1
    assert scrape.value("operation_duration_seconds_sum", kind="query", field="segmentSize") > 0
    for text in ("MyName", "alias", "nothingLikeThis", shop.shop.handle, shop.token):
        assert text not in scrape.text


def test_rules_are_timed_by_the_source_of_their_result(
    address: str, shop: Client, services: Services
) -> None:
    def counts() -> dict[str, float]:
        scrape = Scrape(address)
        return {
            source: scrape.value("rule_duration_seconds_count", answer="size", source=source)
            for source in ("index", "load", "engine")
        }

    shop.size(SPEND)
    assert counts() == {"index": 0, "load": 1, "engine": 0}
    shop.size(SPEND)
    assert counts() == {"index": 1, "load": 1, "engine": 0}
    shop.record("contactsUpsert", contacts(1))
    shop.size(SPEND)
    assert counts() == {"index": 1, "load": 2, "engine": 0}
    scrape = Scrape(address)
    assert scrape.value("statement_duration_seconds_count") >= 3
    assert scrape.value("index_bytes") > 0
    assert scrape.value("index_vectors") >= 1
    assert scrape.value("index_budget_bytes") == services.index_bytes


def test_sizes_from_the_engine_are_counted_separately(
    services: Services, settings: Settings, server: Server
) -> None:
    without_index = Services(
        services.catalog, services.audience, services.recorder, services.registry, services.workers
    )
    with serving(without_index, settings.model_copy(update={"metrics": True})) as address:
        client = server.shop()
        client.record("contactsUpsert", contacts(1))
        replace(client, address=address).size(SPEND)
        scrape = Scrape(address)
        assert scrape.value("rule_duration_seconds_count", answer="size", source="engine") == 1
        assert scrape.value("index_budget_bytes") == 0


def test_rows_and_errors_are_counted(address: str, shop: Client) -> None:
    shop.record("contactsUpsert", [contact(1), contact(2, email="ada@example.com")])
    shop.record("ordersUpsert", [order(7, 1, "secret-sku")])
    shop.try_record("contactsUpsert", contacts("x" * 256))
    shop.errors(SIZE, rule={"all": [{"spend": {"operator": "BETWEEN", "amount": "5"}}]})
    assert shop.http.post(f"{address}/graphql").status_code == 401
    scrape = Scrape(address)
    assert scrape.value("ingest_rows_total", fact="contacts") == 2
    assert scrape.value("ingest_rows_total", fact="orders") == 1
    assert scrape.value("ingest_rows_total", fact="order_lines") == 1
    assert scrape.value("errors_total", code="INVALID") == 2
    assert scrape.value("errors_total", code="UNAUTHENTICATED") == 1
    for text in ("ada@example.com", "secret-sku"):
        assert text not in scrape.text


def test_open_websockets_and_subscriptions_are_counted(address: str, shop: Client) -> None:
    def counts() -> tuple[float, float]:
        scrape = Scrape(address)
        return scrape.value("websocket_connections"), scrape.value("subscriptions")

    assert counts() == (0, 0)
    with connected(shop) as stream:
        stream.subscribe(LIVE, rule=SPEND)
        assert stream.next() == {"segmentSize": {"members": 0}}
        assert counts() == (1, 1)
        stream.subscribe(SIZE, id="2", rule=SPEND)
        assert stream.next("2")["segmentSize"]["members"] == 0
        assert stream.receive()["type"] == "complete"
        stream.send("complete", id="1")
        while counts() != (1, 0):
            pass
    while counts() != (0, 0):
        pass


def test_dropped_log_records_are_counted(address: str) -> None:
    before = Scrape(address).value("dropped_log_records_total")
    reading, writing = os.pipe()
    os.close(reading)
    file = QueuedFile(writing, "a pipe that nobody reads")
    for _ in range(3):
        file.write(b"record\n")
    file.finish(WAIT)
    os.close(writing)
    assert Scrape(address).value("dropped_log_records_total") == before + 3


def test_two_applications_in_one_process_have_separate_metrics(
    address: str, shop: Client, services: Services, settings: Settings
) -> None:
    with serving(services, settings.model_copy(update={"metrics": True})) as other:
        shop.ask("{ shop { handle } }")
        labels = {"kind": "query", "field": "shop"}
        assert Scrape(address).value("operation_duration_seconds_count", **labels) == 1
        assert Scrape(other).value("operation_duration_seconds_count", **labels) == 0


def test_metrics_are_off_by_default(server: Server) -> None:
    assert HTTP.get(f"{server.address}/metrics").status_code == 404


@pytest.mark.parametrize("metrics", [True, False])
def test_metrics_token_protects_the_metrics(
    services: Services, settings: Settings, metrics: bool
) -> None:
    protected = Settings(data_dir=settings.data_dir, metrics=metrics, metrics_token=TOKEN)
    with serving(services, protected) as address:
        for headers in ({}, authorization("wrong"), {"Authorization": TOKEN}):
            refused = HTTP.get(f"{address}/metrics", headers=headers)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert "segments_" not in refused.text
            assert TOKEN not in refused.text
        assert "segments_build_info" in Scrape(address, **authorization(TOKEN)).text

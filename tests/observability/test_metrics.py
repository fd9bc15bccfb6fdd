"""What Prometheus is told, and who may ask."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.support import SIZE, Client, Server, serving, streaming

TOKEN = "scrape-me"
SPEND = {"spend": {"operator": "GREATER_THAN", "amount": "50.00"}}
LIVE = "subscription ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"


@pytest.fixture
def address(services: Services, settings: Settings) -> Iterator[str]:
    """A server of its own, whose metrics begin at nothing."""
    with serving(services, settings.model_copy(update={"metrics": True})) as found:
        yield found


@pytest.fixture
def shop(address: str, server: Server) -> Client:
    """A client of a new shop at that server."""
    found = server.shop()
    return Client(address, found.token, found.shop, found.http)


class Scrape(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """Samples by name and labels; 0 for what is not there."""

    def __init__(self, address: str, **headers: str) -> None:
        answer = httpx.get(f"{address}/metrics", headers=headers)
        assert answer.status_code == 200
        self.text = answer.text
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                self[sample.name, frozenset(sample.labels.items())] = sample.value

    def of(self, name: str, **labels: str) -> float:
        """The value of a sample."""
        return self.get((f"segments_{name}", frozenset(labels.items())), 0)


def test_operations_are_timed_by_kind_and_first_field(address: str, shop: Client) -> None:
    shop.ask("query MyName { shop { handle } }")
    shop.ask(
        "query ($rule: RuleInput!) { alias: segmentSize(rule: $rule) { members } }", rule=SPEND
    )
    shop.ask("query { ... on Query { ...F } } fragment F on Query { shop { handle } }")
    shop.ask("{ __schema { queryType { name } } }")
    shop.record(["contactsUpsert", "contacts: $items)"][0], [{"id": "1"}])
    shop.errors("{ nothingLikeThis }")
    shop.errors("{")
    found = Scrape(address)

    def count(kind: str, field: str) -> float:
        return found.of("operation_duration_seconds_count", kind=kind, field=field)

    assert count("query", "shop") == 2
    assert count("query", "segmentSize") == 1
    assert count("query", "introspection") == 1
    assert count("mutation", "contactsUpsert") == 1
    assert count("query", "unknown") == 1
    assert count("none", "none") == 1
    assert found.of("operation_duration_seconds_sum", kind="query", field="segmentSize") > 0
    for word in ("MyName", "alias", "nothingLikeThis", shop.shop.handle, shop.token):
        assert word not in found.text


def test_answers_are_timed_by_where_they_came_from(
    address: str, shop: Client, services: Services, settings: Settings
) -> None:
    def counts() -> dict[str, float]:
        found = Scrape(address)
        return {
            source: found.of("rule_duration_seconds_count", answer="size", source=source)
            for source in ("index", "load", "engine")
        }

    shop.size(SPEND)
    assert counts() == {"index": 0, "load": 1, "engine": 0}
    shop.size(SPEND)
    assert counts() == {"index": 1, "load": 1, "engine": 0}
    shop.record("contactsUpsert", [{"id": "1"}])
    shop.size(SPEND)
    assert counts() == {"index": 1, "load": 2, "engine": 0}
    found = Scrape(address)
    assert found.of("statement_duration_seconds_count") >= 3
    assert found.of("index_bytes") > 0
    assert found.of("index_vectors") >= 1
    assert found.of("index_budget_bytes") == services.index_bytes


def test_what_the_engine_counts_is_told_apart(
    services: Services, settings: Settings, server: Server
) -> None:
    without = Services(
        services.catalog, services.audience, services.recorder, services.registry, services.workers
    )
    with serving(without, settings.model_copy(update={"metrics": True})) as address:
        made = server.shop()
        made.record("contactsUpsert", [{"id": "1"}])  # nobody fits into no memory
        Client(address, made.token, made.shop, made.http).size(SPEND)
        found = Scrape(address)
        assert found.of("rule_duration_seconds_count", answer="size", source="engine") == 1
        assert found.of("index_budget_bytes") == 0


def test_rows_and_errors_are_counted(address: str, shop: Client) -> None:
    shop.record("contactsUpsert", [{"id": "1"}, {"id": "2", "email": "ada@example.com"}])
    order = {
        "id": "7", "contactId": "1", "orderedAt": "2024-05-01T00:00:00Z", "total": "1",
        "lines": [{"productId": "secret-sku", "quantity": 1, "price": "1"}],
    }  # fmt: skip
    shop.record("ordersUpsert", [order])
    shop.try_record("contactsUpsert", [{"id": "not a number"}])
    shop.errors(SIZE, rule={"all": [{"spend": {"operator": "BETWEEN", "amount": "5"}}]})
    assert shop.http.post(f"{address}/graphql").status_code == 401
    found = Scrape(address)
    assert found.of("ingest_rows_total", fact="contacts") == 2
    assert found.of("ingest_rows_total", fact="orders") == 1
    assert found.of("ingest_rows_total", fact="order_lines") == 1
    assert found.of("errors_total", code="INVALID") == 2
    assert found.of("errors_total", code="UNAUTHENTICATED") == 1
    for word in ("ada@example.com", "secret-sku"):
        assert word not in found.text


def test_sockets_and_subscriptions_are_counted_while_they_last(address: str, shop: Client) -> None:
    def counts() -> tuple[float, float]:
        found = Scrape(address)
        return found.of("websocket_connections"), found.of("subscriptions")

    assert counts() == (0, 0)
    with streaming(address) as stream:
        stream.init(shop.token)
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


def test_two_applications_of_a_process_count_for_themselves(
    address: str, shop: Client, services: Services, settings: Settings
) -> None:
    with serving(services, settings.model_copy(update={"metrics": True})) as other:
        shop.ask("{ shop { handle } }")
        where = {"kind": "query", "field": "shop"}
        assert Scrape(address).of("operation_duration_seconds_count", **where) == 1
        assert Scrape(other).of("operation_duration_seconds_count", **where) == 0


def test_metrics_are_off_unless_they_are_asked_for(server: Server) -> None:
    assert httpx.get(f"{server.address}/metrics").status_code == 404


@pytest.mark.parametrize("metrics", [True, False])
def test_a_token_keeps_metrics_from_others(
    services: Services, settings: Settings, metrics: bool
) -> None:
    own = Settings(data_dir=settings.data_dir, metrics=metrics, metrics_token=TOKEN)
    with serving(services, own) as address:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
            refused = httpx.get(f"{address}/metrics", headers=headers)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert "segments_" not in refused.text
            assert TOKEN not in refused.text
        assert "segments_build_info" in Scrape(address, Authorization=f"Bearer {TOKEN}").text

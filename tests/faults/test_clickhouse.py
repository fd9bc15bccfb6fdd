"""Outages of a ClickHouse server, as clients and the log see them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import make_url

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.observability import outages
from graphql_app.observability.logs import LIBRARY_LEVELS
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import SIZE, open_http
from tests.processes import wait_until
from tests.proxy import BAD_GATEWAY, Proxy, proxying
from tests.support import Client, Server, serving

# Always executes a statement, as a size in memory does not.
STATEMENT = '{ fieldSuggestions(criterion: "tag", field: "tags") { value } }'
# Evaluating it makes several attempts to reach the store.
RULE = {"spend": {"operator": "AT_LEAST", "amount": "5"}}
REQUESTS = 20


@dataclass
class Remote:
    """A shop whose facts are on a ClickHouse server behind a proxy."""

    shop: Client
    proxy: Proxy

    def codes(self) -> set[str]:
        return {error["extensions"]["code"] for error in self.shop.errors(SIZE, rule=RULE)}


@pytest.fixture
def remote(
    services: Services,
    settings: Settings,
    open_database: Callable[[str], AbstractContextManager[str]],
) -> Iterator[Remote]:
    with open_database("http") as url, proxying(make_url(url).port or 0) as proxy:
        address = make_url(url).set(port=proxy.port).render_as_string()
        with closing(Audience(address, slow_rule_seconds=0)) as audience:
            create_tables(audience)
            own = replace(services, audience=audience, recorder=Recorder(audience))
            with serving(own, settings) as served, open_http() as http:
                yield Remote(Server(served, own, http).shop(), proxy)


def _messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log above the level INFO, without what the settings turn off in libraries."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno > logging.INFO and record.name.partition(".")[0] not in LIBRARY_LEVELS
    ]


def test_an_outage_is_logged_once_with_the_number_of_failed_requests(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outages, "QUIET_SECONDS", 0.3)
    remote.proxy.refuse()
    for _ in range(REQUESTS):
        assert remote.codes() == {"UNAVAILABLE"}
    # Slow rules are logged, but not because the store does not answer.
    (began,) = _messages(caplog)
    assert began.startswith("the audience store failed: ")
    assert "refused" in began
    caplog.clear()
    remote.proxy.accept()
    wait_until(lambda: bool(remote.shop.ask(STATEMENT)) and "again" in caplog.text)
    remote.shop.size(RULE)
    messages = _messages(caplog)
    (ended,) = [text for text in messages if not text.startswith("slow rule")]
    assert ended.startswith(f"the audience store works again: {REQUESTS} requests failed within ")
    assert len(messages) > 1


def test_a_change_of_the_reason_is_the_same_outage(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outages, "QUIET_SECONDS", 0.3)
    remote.proxy.answer = BAD_GATEWAY
    assert remote.codes() == {"UNAVAILABLE"}
    remote.proxy.answer = None
    remote.proxy.refuse()
    assert remote.codes() == {"UNAVAILABLE"}
    remote.proxy.accept()
    wait_until(lambda: bool(remote.shop.ask(STATEMENT)) and "again" in caplog.text)
    began, ended = [text for text in _messages(caplog) if not text.startswith("slow rule")]
    assert "HTTP status 502" in began
    assert "2 requests failed" in ended
    assert "refused" in ended

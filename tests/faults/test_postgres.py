"""Outages of PostgreSQL: errors are clear meanwhile, and no answered write is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from logging import INFO
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from graphql_app.catalog import store as catalog_store
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
from graphql_app.errors import pluralize
from graphql_app.http import monitoring
from graphql_app.observability import outages
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import HTTP, open_http
from tests.faults.concurrency import CREATE
from tests.postgres import Postgres
from tests.processes import WAIT, wait_until
from tests.support import Client, Server, serving

NAMES = '{ segments(first: 250, search: "Made") { totalCount nodes { name } } }'


@pytest.fixture
def primary() -> Iterator[Postgres]:
    server = Postgres.make()
    server.start()
    yield server
    server.remove()


@contextmanager
def _shop(services: Services, settings: Settings, *servers: Postgres) -> Iterator[Client]:
    """Create a shop on a server with its catalog on PostgreSQL; yield a client."""
    hosts = "&".join(f"host={server.address}" for server in servers)
    url = f"postgresql+psycopg://postgres@/postgres?{hosts}&target_session_attrs=read-write"
    with closing(Catalog(url)) as catalog:
        migrate(catalog)
        own = replace(services, catalog=catalog)
        with serving(own, settings) as address, open_http() as http:
            yield Server(address, own, http).shop()


def _outcome(client: Client, name: str) -> str:
    """Create a segment, and return its name, or the code of the error."""
    response = client.post(CREATE, {"name": name})
    answer = response.json()
    if "errors" not in answer:
        assert answer["data"]["segmentCreate"]["userErrors"] == []
        return name
    assert response.status_code in (200, 503)
    code: str = answer["errors"][0]["extensions"]["code"]
    return code


def _write_during(
    client: Client, stop: Callable[[], None], resume: Callable[[], None]
) -> list[str]:
    """Create segments before, during and after an outage; return the outcome of each.

    The outage ends once a request has failed.
    """
    outcomes: list[str] = []
    over = threading.Event()

    def write() -> None:
        number = 0
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            before = over.is_set()
            outcomes.append(_outcome(client, f"Made {number}"))
            number += 1
            if before and outcomes[-1].startswith("Made"):
                return
            time.sleep(0.03)  # so that all of them fit on one page

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: bool(outcomes))
    stop()
    wait_until(lambda: not outcomes[-1].startswith("Made"))
    resume()
    over.set()
    writer.join()
    return outcomes


def _is_all_there(client: Client, outcomes: list[str]) -> bool:
    made = {outcome for outcome in outcomes if outcome.startswith("Made")}
    found = [node["name"] for node in client.ask(NAMES)["segments"]["nodes"]]
    assert len(found) == len({*found})
    return made <= {*found}


def test_requests_fail_during_a_restart_and_nothing_is_lost(
    services: Services, settings: Settings, primary: Postgres
) -> None:
    with _shop(services, settings, primary) as client:
        outcomes = _write_during(client, lambda: primary.stop("immediate"), primary.start)
        refused = {outcome for outcome in outcomes if not outcome.startswith("Made")}
        assert refused == {"UNAVAILABLE"}
        assert _is_all_there(client, outcomes)


def test_an_outage_is_logged_once_with_the_number_of_failed_requests(
    services: Services,
    settings: Settings,
    primary: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(outages, "QUIET_SECONDS", 0.3)
    with _shop(services, settings, primary) as client:
        outcomes = _write_during(client, lambda: primary.stop("immediate"), primary.start)
        wait_until(lambda: bool(client.ask(NAMES)) and "works again" in caplog.text)
    began, ended = [record.getMessage() for record in caplog.records if record.levelno > INFO]
    assert began.startswith("the catalog failed: ")
    failed = pluralize(outcomes.count("UNAVAILABLE"), "request")
    assert ended.startswith(f"the catalog works again: {failed} failed within ")


def test_after_an_idle_restart_the_first_request_is_answered(
    services: Services, settings: Settings, primary: Postgres
) -> None:
    with _shop(services, settings, primary) as client:
        assert _outcome(client, "Made before") == "Made before"
        primary.stop()
        primary.start()
        assert _outcome(client, "Made after") == "Made after"


def test_a_hanging_postgresql_makes_health_and_requests_fail(
    services: Services, settings: Settings, primary: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "CHECK_TIMEOUT", 0.5)
    monkeypatch.setattr(monitoring, "CHECK_INTERVAL", 0)
    monkeypatch.setattr(catalog_store, "POOL_TIMEOUT", 1)
    with _shop(services, settings, primary) as client:

        def health() -> int:
            return HTTP.get(f"{client.address}/health").status_code

        outcomes: list[str] = []
        writers = [
            threading.Thread(
                target=lambda name=f"Made {number}": outcomes.append(_outcome(client, name))
            )
            for number in range(40)
        ]
        assert health() == 200
        with primary.hanging():
            assert health() == 503
            for writer in writers:
                writer.start()
            wait_until(lambda: len(outcomes) >= 20)
            assert {*outcomes} == {"UNAVAILABLE"}
            assert health() == 503
        for writer in writers:
            writer.join()
        wait_until(lambda: health() == 200)
        assert _is_all_there(client, outcomes)


def test_a_statement_that_waits_for_a_lock_times_out(
    services: Services, settings: Settings, primary: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_store, "STATEMENT_TIMEOUT", 1)
    with _shop(services, settings, primary) as client:
        assert _outcome(client, "Made before") == "Made before"
        locking = create_engine(f"postgresql+psycopg://postgres@{primary.address}/postgres")
        with locking.begin() as connection:
            connection.execute(text("LOCK TABLE segment"))
            assert _outcome(client, "Made meanwhile") == "UNAVAILABLE"
        locking.dispose()
        assert _outcome(client, "Made after") == "Made after"


def test_a_promoted_standby_takes_over_without_losing_answered_writes(
    services: Services, settings: Settings, primary: Postgres, tmp_path: Path
) -> None:
    standby = primary.standby()
    standby.start()
    try:
        primary.stop()
        primary.start("synchronous_standby_names=*")

        with _shop(services, settings, primary, standby) as client:
            outcomes = _write_during(client, lambda: primary.stop("immediate"), standby.promote)
            refused = {outcome for outcome in outcomes if not outcome.startswith("Made")}
            assert refused == {"UNAVAILABLE"}
            assert _is_all_there(client, outcomes)
    finally:
        standby.remove()

"""/health and /ready, which need no token and cost the stores little."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from graphql_app.audience.store import Audience
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http import monitoring
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import HTTP
from tests.processes import WAIT
from tests.support import serving

REQUESTS = 30
HEALTHY = {"/health": {"status": "ok"}, "/ready": {"status": "ready"}}


@pytest.fixture
def address(services: Services, settings: Settings) -> Iterator[str]:
    """Start a server, which has not checked its stores yet."""
    with serving(services, settings) as found:
        yield found


@pytest.fixture
def _uncached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the stores on every request."""
    monkeypatch.setattr(monitoring, "CHECK_INTERVAL", 0.0)


def _get(address: str, path: str) -> tuple[int, Any]:
    response = HTTP.get(f"{address}{path}")
    return response.status_code, response.json()


@pytest.mark.usefixtures("_uncached")
def test_an_outdated_catalog_is_not_ready(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")
    with_old_catalog = Services(
        catalog, services.audience, services.recorder, services.registry, services.workers
    )
    try:
        with serving(with_old_catalog, settings) as address:
            status, body = _get(address, "/ready")
            assert (status, body["status"]) == (503, "not ready")
            assert "schema" in body["reason"]
            assert _get(address, "/health")[0] == 200
            migrate(catalog)
            assert _get(address, "/ready") == (200, {"status": "ready"})
    finally:
        catalog.close()


@pytest.mark.usefixtures("_uncached")
@pytest.mark.parametrize("store", [Audience, Catalog])
def test_an_unavailable_store_is_reported_until_it_recovers(
    address: str, store: type[Audience | Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: object) -> None:
        raise AppError(ErrorCode.UNAVAILABLE, "The store does not answer.")

    reason = "The store does not answer."
    with monkeypatch.context() as broken:
        broken.setattr(store, "ping", failing)
        assert _get(address, "/health") == (503, {"status": "unavailable", "reason": reason})
        assert _get(address, "/ready") == (503, {"status": "not ready", "reason": reason})
    for path, body in HEALTHY.items():
        assert _get(address, path) == (200, body)


def test_concurrent_requests_share_one_check_of_the_stores(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings = []
    resume = threading.Event()
    ping = Audience.ping

    def slow(audience: Audience) -> None:
        pings.append(audience)
        assert resume.wait(WAIT)
        ping(audience)

    monkeypatch.setattr(Audience, "ping", slow)
    monkeypatch.setattr(monitoring, "CHECK_INTERVAL", WAIT)
    with ThreadPoolExecutor(REQUESTS) as pool:
        waiting = [pool.submit(_get, address, path) for path in [*HEALTHY] * (REQUESTS // 2)]
        # Requests that do not need the stores are not delayed.
        assert HTTP.get(f"{address}/builder/config.json").status_code == 200
        resume.set()
        responses = [response.result() for response in waiting]
    assert responses == [(200, body) for body in HEALTHY.values()] * (REQUESTS // 2)
    assert len(pings) == 1

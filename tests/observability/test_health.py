"""Whether the server works and wants requests: anybody may ask, at little cost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_app.audience.store import Audience
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
from graphql_app.errors import AppError, ErrorCode
from graphql_app.http import monitoring
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.support import WAIT, serving

MANY = 30
WELL = {"/health": {"status": "ok"}, "/ready": {"status": "ready"}}


@pytest.fixture
def address(services: Services, settings: Settings) -> Iterator[str]:
    """A server of its own, which nobody has asked yet."""
    with serving(services, settings) as found:
        yield found


@pytest.fixture
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is told to nobody who asks later."""
    monkeypatch.setattr(monitoring, "KNOWN_FOR", 0.0)


def _ask(address: str, path: str) -> tuple[int, Any]:
    answer = httpx.get(f"{address}{path}", timeout=WAIT)
    return answer.status_code, answer.json()


@pytest.mark.usefixtures("_fresh")
def test_a_catalog_without_its_newest_schema_is_not_ready(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.sqlite3'}")
    own = Services(
        catalog, services.audience, services.recorder, services.registry, services.workers
    )
    try:
        with serving(own, settings) as address:
            status, body = _ask(address, "/ready")
            assert (status, body["status"]) == (503, "not ready")
            assert "schema" in body["reason"]
            assert _ask(address, "/health")[0] == 200
            migrate(catalog)
            assert _ask(address, "/ready") == (200, {"status": "ready"})
    finally:
        catalog.close()


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("store", [Audience, Catalog])
def test_a_store_that_does_not_answer_is_named_until_it_does(
    address: str, store: type[Audience | Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: object) -> None:
        raise AppError(ErrorCode.UNAVAILABLE, "The store does not answer.")

    reason = "The store does not answer."
    with monkeypatch.context() as broken:
        broken.setattr(store, "ping", failing)
        assert _ask(address, "/health") == (503, {"status": "unavailable", "reason": reason})
        assert _ask(address, "/ready") == (503, {"status": "not ready", "reason": reason})
    for path, answer in WELL.items():
        assert _ask(address, path) == (200, answer)


def test_however_many_ask_the_stores_are_asked_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    go_on = threading.Event()
    ping = Audience.ping

    def slow(audience: Audience) -> None:
        asked.append(audience)
        assert go_on.wait(WAIT)
        ping(audience)

    monkeypatch.setattr(Audience, "ping", slow)
    monkeypatch.setattr(monitoring, "KNOWN_FOR", WAIT)
    with ThreadPoolExecutor(MANY) as others:
        waiting = [others.submit(_ask, address, path) for path in [*WELL] * (MANY // 2)]
        # What is no matter of the stores does not wait behind those who ask for them.
        assert httpx.get(f"{address}/builder/config.json", timeout=WAIT).status_code == 200
        go_on.set()
        answers = [answer.result() for answer in waiting]
    assert answers == [(200, answer) for answer in WELL.values()] * (MANY // 2)
    assert len(asked) == 1

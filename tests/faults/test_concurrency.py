"""A few seconds of many who write and read at once; ``make soak`` has a minute of it."""

from __future__ import annotations

import threading
from dataclasses import replace

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Shop
from graphql_app.plugins import Registry
from graphql_app.segments.default_segments import create_shop, update_defaults
from graphql_app.segments.repository import SavedSegments
from tests.faults import concurrency
from tests.support import Server


def test_no_update_is_lost_and_no_size_is_of_half_a_write(server: Server) -> None:
    client = server.shop()
    outcome = concurrency.run([client], seconds=4)
    assert min(outcome.done[what] for what in ("write", "read", "rename", "name")) > 0


def test_many_that_start_at_once_give_each_default_segment_once(
    catalog: Catalog, registry: Registry
) -> None:
    shop = Shop(handle="acme", name="A", timezone="UTC", currency="USD")
    create_shop(catalog, replace(registry, default_segments=()), shop)
    failed: list[Exception] = []
    together = threading.Barrier(6)

    def start() -> None:
        together.wait()
        try:
            update_defaults(catalog, registry)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = SavedSegments(catalog, registry, shop).page(limit=10)
    assert len([segment for segment in found if segment.is_default]) == 2

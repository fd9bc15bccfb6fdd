"""Four seconds of concurrent writes and reads; ``make soak`` runs longer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Shop
from graphql_app.plugins import Registry
from graphql_app.segments.default_segments import create_shop, update_defaults
from graphql_app.segments.repository import SavedSegments
from tests.faults import concurrency
from tests.support import Server


def test_no_update_is_lost_and_no_size_sees_half_a_write(server: Server) -> None:
    client = server.shop()
    outcome = concurrency.run([client], seconds=2)
    assert min(outcome.done[kind] for kind in ("write", "read", "rename", "name")) > 0


def test_concurrent_starts_create_each_default_segment_once(
    catalog: Catalog, registry: Registry
) -> None:
    shop = Shop(handle="acme", name="A", timezone="UTC", currency="USD")
    create_shop(catalog, replace(registry, default_segments=()), shop)
    barrier = threading.Barrier(6)

    def start(_: int) -> None:
        barrier.wait()
        update_defaults(catalog, registry)

    with ThreadPoolExecutor(6) as pool:
        assert [*pool.map(start, range(6))] == [None] * 6
    segments = SavedSegments(catalog, registry, shop).page(limit=10)
    assert len([segment for segment in segments if segment.is_default]) == 2

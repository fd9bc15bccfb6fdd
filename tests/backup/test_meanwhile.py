"""Backups during writes: each shop is copied as of one instant."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from graphql_app.backup import archive, create_backup
from graphql_app.errors import AppError, ErrorCode
from tests.backup.conftest import CreateInstallation, Source
from tests.client import recording
from tests.factories import order
from tests.schema.operations import UPDATE, create
from tests.support import Client

AT = "2026-01-01T00:00:00Z"
BACKUPS = 4


def _order(number: int, lines: int) -> dict[str, Any]:
    return order(number, 1, *map(str, range(lines)), total=str(lines))


def _write(shop: Client, segment: str, ended: threading.Event) -> None:
    """Write increasing numbers to several tables of facts at once, then to the catalog."""
    number = 0
    while not ended.is_set():
        number += 1
        shop.record("contactsUpsert", [{"id": "1", "properties": {"number": number}}])
        shop.record("ordersUpsert", [_order(id, number % 5 + 1) for id in range(3)])
        shop.ask(UPDATE, id=segment, input={"description": str(number)})


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_shop_is_backed_up_as_it_was_at_one_instant(
    create_installation: CreateInstallation, tmp_path: Path, kind: str
) -> None:
    installation = create_installation(kind)
    ended = threading.Event()
    with installation.serving() as server:
        shops = [server.shop() for _ in range(3)]
        segments = [create(shop, "counted", description="0")["id"] for shop in shops]
        for shop in shops:
            shop.record("contactsUpsert", [{"id": "1", "properties": {"number": 0}}])
        with ThreadPoolExecutor(3) as pool:
            writing = pool.map(_write, shops, segments, [ended] * 3)
            try:
                for number in range(BACKUPS):
                    installation.back_up(tmp_path / str(number))
            finally:
                ended.set()
        assert [*writing] == [None] * 3
    reached = set()
    for number in range(BACKUPS):
        path = tmp_path / str(number)
        rows = (path / "catalog" / "segment.ndjson").read_text().splitlines()
        found = [json.loads(row) for row in rows]
        described = {s["shop_id"]: int(s["description"]) for s in found if s["name"] == "counted"}
        contacts = pq.read_table(path / "audience" / "contacts.parquet").to_pylist()
        recorded = {row["shop_id"]: json.loads(row["properties"])["number"] for row in contacts}
        for shop in shops:
            assert 0 <= recorded[shop.shop_id] - described[shop.shop_id] <= 1
            reached.add((shop.shop_id, described[shop.shop_id]))
        if not (path / "audience" / "orders.parquet").exists():
            continue  # none were recorded yet
        orders = pq.read_table(path / "audience" / "orders.parquet").to_pylist()
        lines = Counter(
            (row["shop_id"], row["order_id"])
            for row in pq.read_table(path / "audience" / "order_lines.parquet").to_pylist()
        )
        assert lines == {(o["shop_id"], o["id"]): o["line_count"] for o in orders}
        for shop in shops:  # the orders of one batch have as many lines each
            counts = [o["line_count"] for o in orders if o["shop_id"] == shop.shop_id]
            assert len({*counts}) <= 1
    assert len(reached) > 3, "nothing was written meanwhile"


def test_a_backup_finishes_an_unfinished_batch_first(
    create_installation: CreateInstallation, tmp_path: Path
) -> None:
    installation = create_installation()
    audience = installation.services.audience
    with installation.serving() as server:
        shop = server.shop()
        shop.record("contactsUpsert", [{"id": "1"}])
        audience.command("RENAME TABLE products TO products_away")  # the last that a batch writes
        titled = {**_order(1, 0), "lines": [{"productId": "1", "title": "One"}]}
        shop.errors(recording("ordersUpsert"), items=[titled])
        with pytest.raises(AppError):
            installation.back_up(tmp_path / "half")
        assert [*tmp_path.iterdir()] == []
        audience.command("RENAME TABLE products_away TO products")
        manifest = installation.back_up(tmp_path / "whole")
        rows = {name: table.rows for name, table in manifest.audience.items()}
        assert (rows["orders"], rows["order_lines"], rows["products"]) == (1, 1, 1)
        assert shop.ask("{ shop { contactCounts { contacts } } }")


def test_a_backup_fails_if_a_shops_write_lock_is_lost(
    create_installation: CreateInstallation, tmp_path: Path
) -> None:
    installation = create_installation("postgresql")
    with installation.serving() as server:
        services, calls = installation.services, []
        shop = server.shop()
        shop.record("contactsUpsert", [{"id": "1"}])

        def lose_lock(*progress: object) -> None:
            calls.append(progress)
            if len(calls) == 2:  # the contacts are copied
                with services.catalog.write() as session:
                    session.connection().exec_driver_sql(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                    )

        stores = (services.catalog, services.audience, services.recorder)
        with pytest.raises(AppError, match="and with it the shop's write lock") as refused:
            create_backup(tmp_path / "mixed", *stores, lose_lock)
        assert refused.value.code is ErrorCode.UNAVAILABLE
        assert [*tmp_path.iterdir()] == []
        shop.record("contactsUpsert", [{"id": "2"}])
        assert installation.back_up(tmp_path / "whole").audience["contacts"].rows == 2


@pytest.mark.parametrize("phase", ["Shops", "Sums"])
def test_the_progress_callback_can_cancel_within_a_shop_or_a_file(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    monkeypatch.setattr(archive, "HASH_BLOCK_BYTES", 100)
    services, calls = source.installation.services, []

    def cancel(*progress: object) -> None:
        calls.append(progress)
        if progress[0] == phase and calls.count(progress) == 2:
            raise KeyboardInterrupt

    stores = (services.catalog, services.audience, services.recorder)
    with pytest.raises(KeyboardInterrupt):
        create_backup(tmp_path / "backup", *stores, cancel)
    assert calls[-1][:2] == (phase, 0)
    assert [*tmp_path.iterdir()] == []
    for shop in source.shops:
        with services.recorder.hold_write_lock(shop.shop_id):
            pass  # the backup released the lock

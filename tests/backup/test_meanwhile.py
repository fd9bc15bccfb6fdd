"""Backups during writes: each shop is copied as of one instant."""

import json
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from graphql_app.backup import archive, create_backup
from graphql_app.errors import AppError, ErrorCode
from tests.backup.conftest import CreateInstallation, Source
from tests.client import record_mutation
from tests.factories import contacts, order
from tests.schema.operations import UPDATE, create
from tests.support import Client

AT = "2026-01-01T00:00:00Z"


def _order(number: int, lines: int) -> dict[str, Any]:
    return order(number, 1, *map(str, range(lines)), total=str(lines))


def _write(shop: Client, segment: str, number: int) -> None:
    """Write a number to several tables of facts at once, then to the catalog."""
    shop.record("contactsUpsert", contacts(1, properties={"number": number}))
    shop.record("ordersUpsert", [_order(id, number) for id in range(3)])
    shop.ask(UPDATE, id=segment, input={"description": str(number)})


def _check_numbers(backup: Path, expected: Mapping[int, int]) -> None:
    """Check that a backup has the expected number in all that was written to each shop."""
    rows = map(json.loads, (backup / "catalog" / "segment.ndjson").read_text().splitlines())
    described = {s["shop_id"]: int(s["description"]) for s in rows if s["name"] == "counted"}
    contacts, orders, order_lines = (
        pq.read_table(backup / "audience" / f"{name}.parquet").to_pylist()
        for name in ("contacts", "orders", "order_lines")
    )
    recorded = {row["shop_id"]: json.loads(row["properties"])["number"] for row in contacts}
    assert described == recorded == expected
    counted = {(row["shop_id"], row["id"]): row["line_count"] for row in orders}
    assert counted == {(shop_id, id): n for shop_id, n in expected.items() for id in range(3)}
    assert counted == Counter((row["shop_id"], row["order_id"]) for row in order_lines)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_shop_is_backed_up_as_it_was_at_one_instant(
    create_installation: CreateInstallation, tmp_path: Path, kind: str
) -> None:
    installation = create_installation(kind)
    with installation.serving() as server, ThreadPoolExecutor(1) as pool:
        shops = [server.shop() for _ in range(2)]
        segments = [create(shop, "counted")["id"] for shop in shops]
        services = installation.services
        stores = (services.catalog, services.audience, services.recorder)
        numbers, writing, calls = Counter[int](), list[Future[None]](), Counter[object]()

        def write_meanwhile(tables: int, phase: str, done: int, total: int) -> None:
            """Write to a shop before it is copied, and again after some of its tables are."""
            calls[phase, done] += 1
            if phase != "Shops" or done == total or calls[phase, done] not in (1, 1 + tables):
                return
            numbers[done] += 1
            writing.append(pool.submit(_write, shops[done], segments[done], numbers[done]))
            # The second write has to wait for the copy, so the copy goes on without it.
            wait(writing, None if calls[phase, done] == 1 else 0.5)

        for tables in (1, 2):
            calls.clear()
            create_backup(tmp_path / str(tables), *stores, partial(write_meanwhile, tables))
            wait(writing)
            _check_numbers(tmp_path / str(tables), {shop.shop_id: 2 * tables - 1 for shop in shops})
        assert [each.result() for each in writing] == [None] * 8


def test_a_backup_finishes_an_unfinished_batch_first(
    create_installation: CreateInstallation, tmp_path: Path
) -> None:
    installation = create_installation()
    audience = installation.services.audience
    with installation.serving() as server:
        shop = server.shop()
        shop.record("contactsUpsert", contacts(1))
        audience.command("RENAME TABLE products TO products_away")  # the last that a batch writes
        titled = {**_order(1, 0), "lines": [{"productId": "1", "title": "One"}]}
        shop.errors(record_mutation("ordersUpsert"), items=[titled])
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
        shop.record("contactsUpsert", contacts(1))

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
        shop.record("contactsUpsert", contacts(2))
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

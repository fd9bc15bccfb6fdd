"""Turns to write facts: one at a time in a shop, versions that only grow; threads and processes."""

from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

import pytest

from graphql_app.audience.write_lock import LocalTurns, Turns
from graphql_app.catalog import write_lock as shared_turns
from graphql_app.catalog.shops import new_shop, stored_id
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.write_lock import SharedTurns
from graphql_app.errors import AppError, ErrorCode

ROUNDS = 20


@pytest.fixture
def shop_ids(catalog: Catalog) -> list[int]:
    """Two shops of the catalog."""
    with catalog.write() as session:
        shops = [
            new_shop(session, Shop(handle=handle, name="A", timezone="UTC", currency="USD"))
            for handle in ("one", "two")
        ]
        return [stored_id(shop) for shop in shops]


@pytest.fixture(params=["local", "shared"])
def turns(request: pytest.FixtureRequest, catalog: Catalog) -> Turns:
    return LocalTurns() if request.param == "local" else SharedTurns(catalog)


def _count_up(turns: Turns, shop_id: int, file: Path) -> list[int]:
    """Add to the number in a file, which goes wrong where two do it at once."""
    versions = []
    for _ in range(ROUNDS):
        with turns.take(shop_id):
            number = int(file.read_text() or 0)
            time.sleep(0.001)
            file.write_text(str(number + 1))
            versions.append(turns.version(shop_id, 0))
    return versions


def test_in_a_shop_one_writes_at_a_time(turns: Turns, shop_ids: list[int], tmp_path: Path) -> None:
    file = tmp_path / "number"
    file.touch()
    versions: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: versions.append(_count_up(turns, shop_ids[0], file)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_text() == str(4 * ROUNDS)
    assert all(found == sorted(found) for found in versions)
    assert len({version for found in versions for version in found}) == 4 * ROUNDS


def test_shops_do_not_wait_for_each_other(turns: Turns, shop_ids: list[int]) -> None:
    with turns.take(shop_ids[0]), turns.take(shop_ids[1]):
        pass


def test_a_version_is_later_than_any_whatever_the_clock_says(
    turns: Turns, shop_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = turns.version(shop_ids[0], 0)
    assert first >= time.time_ns() - 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: first - 3_600 * 10**9)
    later = [turns.version(shop_ids[0], 0) for _ in range(3)]
    assert later == sorted({first, *later})[1:]
    assert turns.version(shop_ids[0], later[-1] + 1_000) > later[-1] + 1_000


def _process(url: str, shop_id: int, file: str) -> None:
    catalog = Catalog(url)
    _count_up(SharedTurns(catalog), shop_id, Path(file))
    catalog.close()


def test_processes_take_turns(catalog_url: str, shop_ids: list[int], tmp_path: Path) -> None:
    file = tmp_path / "number"
    file.touch()
    spawning = multiprocessing.get_context("spawn")
    processes = [
        spawning.Process(target=_process, args=(catalog_url, shop_ids[0], str(file)))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert file.read_text() == str(2 * ROUNDS)


def test_a_turn_that_does_not_come_is_an_error_and_comes_later(
    catalog: Catalog, shop_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_turns, "PATIENCE", 1)
    one, other = SharedTurns(catalog), SharedTurns(catalog)
    with one.take(shop_ids[0]), pytest.raises(AppError) as refused, other.take(shop_ids[0]):
        pass
    assert refused.value.code is ErrorCode.UNAVAILABLE
    with other.take(shop_ids[0]):
        pass


@pytest.mark.parametrize("catalog_url", ["postgresql"], indirect=True)
def test_a_turn_that_was_lost_with_its_connection_is_had_no_more(
    catalog: Catalog, shop_ids: list[int]
) -> None:
    turns = SharedTurns(catalog)
    with turns.take(shop_ids[0]):
        turns.require(shop_ids[0])
        with catalog.write() as session:
            session.connection().exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
        with SharedTurns(catalog).take(shop_ids[0]), pytest.raises(AppError) as refused:
            turns.require(shop_ids[0])
        assert refused.value.code is ErrorCode.UNAVAILABLE
    with turns.take(shop_ids[0]):
        turns.require(shop_ids[0])


@pytest.mark.parametrize("catalog_url", ["postgresql"], indirect=True)
def test_a_turn_outlasts_the_servers_patience_with_idle_transactions(
    catalog: Catalog, shop_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_turns, "PATIENCE", 1)
    with catalog.engine.begin() as connection:
        for setting in ("idle_in_transaction_session_timeout", "statement_timeout"):
            connection.exec_driver_sql(
                f"ALTER DATABASE {catalog.engine.url.database} SET {setting} = '100ms'"
            )
    one, other = SharedTurns(catalog), SharedTurns(catalog)
    with one.take(shop_ids[0]):
        time.sleep(0.5)
        with pytest.raises(AppError), other.take(shop_ids[0]):
            pass


@pytest.mark.parametrize("catalog_url", ["postgresql"], indirect=True)
def test_who_waits_in_vain_leaves_no_connection(
    catalog: Catalog, shop_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_turns, "PATIENCE", 1)
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state <> 'active' AND query LIKE '%%pg_advisory_xact_lock%%'"
    )
    with SharedTurns(catalog).take(shop_ids[0]):
        with pytest.raises(AppError) as refused, SharedTurns(catalog).take(shop_ids[0]):
            pass
        with catalog.read() as session:
            waiting = session.connection().exec_driver_sql(count)
            assert waiting.scalar_one() == 1  # the one that has the turn
        assert refused.value.code is ErrorCode.UNAVAILABLE

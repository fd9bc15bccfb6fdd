"""Write locks: one write per shop at a time and growing versions, across threads and processes."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphql_app.audience.write_lock import LocalWriteLocks, WriteLocks
from graphql_app.catalog import write_lock
from graphql_app.catalog.shops import add_shop, stored_id
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Shop
from graphql_app.catalog.write_lock import SharedWriteLocks
from graphql_app.errors import AppError, ErrorCode
from tests.processes import Program

ROUNDS = 20


@pytest.fixture
def shop_ids(catalog: Catalog) -> list[int]:
    with catalog.write() as session:
        shops = [
            add_shop(session, Shop(handle=handle, name="A", timezone="UTC", currency="USD"))
            for handle in ("one", "two")
        ]
        return [stored_id(shop) for shop in shops]


@pytest.fixture(params=["local", "shared"])
def locks(request: pytest.FixtureRequest, catalog: Catalog) -> WriteLocks:
    return LocalWriteLocks() if request.param == "local" else SharedWriteLocks(catalog)


def count_up(locks: WriteLocks, shop_id: int, file: Path) -> list[int]:
    """Increment the number in a file, which loses increments if two threads do it at once."""
    versions = []
    for _ in range(ROUNDS):
        with locks.hold(shop_id):
            number = int(file.read_text() or 0)
            time.sleep(0.001)
            file.write_text(str(number + 1))
            versions.append(locks.next_version(shop_id, 0))
    return versions


def test_one_write_per_shop_at_a_time(
    locks: WriteLocks, shop_ids: list[int], tmp_path: Path
) -> None:
    file = tmp_path / "number"
    file.touch()
    with ThreadPoolExecutor(4) as pool:
        versions = [*pool.map(lambda _: count_up(locks, shop_ids[0], file), range(4))]
    assert file.read_text() == str(4 * ROUNDS)
    assert all(found == sorted(found) for found in versions)
    assert len({version for found in versions for version in found}) == 4 * ROUNDS


def test_shops_do_not_wait_for_each_other(locks: WriteLocks, shop_ids: list[int]) -> None:
    with locks.hold(shop_ids[0]), locks.hold(shop_ids[1]):
        pass


def test_versions_grow_even_if_the_clock_is_set_back(
    locks: WriteLocks, shop_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = locks.next_version(shop_ids[0], 0)
    assert first >= time.time_ns() - 60 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: first - 3_600 * 10**9)
    later = [locks.next_version(shop_ids[0], 0) for _ in range(3)]
    assert later == sorted({first, *later})[1:]
    assert locks.next_version(shop_ids[0], later[-1] + 1_000) > later[-1] + 1_000


COUNT_UP = """
import sys
from pathlib import Path
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.write_lock import SharedWriteLocks
from tests.catalog.test_write_lock import count_up
catalog = Catalog(sys.argv[1])
count_up(SharedWriteLocks(catalog), int(sys.argv[2]), Path(sys.argv[3]))
catalog.close()
"""


def test_processes_exclude_each_other(
    catalog_url: str, shop_ids: list[int], tmp_path: Path
) -> None:
    file = tmp_path / "number"
    file.touch()
    command = [sys.executable, "-c", COUNT_UP, catalog_url, str(shop_ids[0]), str(file)]
    with Program(command) as one, Program(command) as other:
        assert [each.wait() for each in (one, other)] == [(0, ""), (0, "")]
    assert file.read_text() == str(2 * ROUNDS)


def test_a_timeout_raises_and_the_lock_can_be_acquired_later(
    catalog: Catalog, shop_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "LOCK_TIMEOUT", 1)
    one, other = SharedWriteLocks(catalog), SharedWriteLocks(catalog)
    with one.hold(shop_ids[0]), pytest.raises(AppError) as refused, other.hold(shop_ids[0]):
        pass
    assert refused.value.code is ErrorCode.UNAVAILABLE
    assert not catalog.health.is_failing()
    with other.hold(shop_ids[0]):
        pass


@pytest.mark.parametrize("catalog_url", ["postgresql"], indirect=True)
def test_a_lost_connection_loses_the_lock(catalog: Catalog, shop_ids: list[int]) -> None:
    locks = SharedWriteLocks(catalog)
    with locks.hold(shop_ids[0]):
        locks.check_held(shop_ids[0])
        with catalog.write() as session:
            session.connection().exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            )
        with SharedWriteLocks(catalog).hold(shop_ids[0]), pytest.raises(AppError) as refused:
            locks.check_held(shop_ids[0])
        assert refused.value.code is ErrorCode.UNAVAILABLE
        assert catalog.health.is_failing()
    with locks.hold(shop_ids[0]):
        locks.check_held(shop_ids[0])


@pytest.mark.parametrize("catalog_url", ["postgresql"], indirect=True)
def test_a_lock_outlasts_the_servers_timeouts(
    catalog: Catalog, shop_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "LOCK_TIMEOUT", 1)
    with catalog.engine.begin() as connection:
        for setting in ("idle_in_transaction_session_timeout", "statement_timeout"):
            connection.exec_driver_sql(
                f"ALTER DATABASE {catalog.engine.url.database} SET {setting} = '100ms'"
            )
    one, other = SharedWriteLocks(catalog), SharedWriteLocks(catalog)
    with one.hold(shop_ids[0]):
        time.sleep(0.5)
        with pytest.raises(AppError), other.hold(shop_ids[0]):
            pass


@pytest.mark.parametrize("catalog_url", ["postgresql"], indirect=True)
def test_a_timeout_leaves_no_connection_behind(
    catalog: Catalog, shop_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_lock, "LOCK_TIMEOUT", 1)
    count = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND state <> 'active' AND query LIKE '%%pg_advisory_xact_lock%%'"
    )
    with SharedWriteLocks(catalog).hold(shop_ids[0]):
        with pytest.raises(AppError) as refused, SharedWriteLocks(catalog).hold(shop_ids[0]):
            pass
        with catalog.read() as session:
            waiting = session.connection().exec_driver_sql(count)
            assert waiting.scalar_one() == 1  # the connection that holds the lock
        assert refused.value.code is ErrorCode.UNAVAILABLE

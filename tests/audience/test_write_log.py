"""The write log: numbering, affected contacts, and which writes it drops."""

import numpy as np
import pytest

from graphql_app.audience.write_log import Ids, WriteLog


def _ids(*numbers: int) -> Ids:
    return np.array(numbers, np.uint64)


def _write(log: WriteLog, shop: int, *contacts: int) -> None:
    with log.open_write(shop) as write:
        write.add_rows("orders", _ids(*contacts), None)


def test_writes_are_numbered_per_shop() -> None:
    log = WriteLog()
    _write(log, 1, 3, 1, 3)
    with log.open_write(1) as write:
        write.add_rows("texts", _ids(2), None)
        write.add_rows("texts", _ids(4, 2), None)
        write.add_erased([9])
    (last,) = log.writes_since(1, 1) or ()
    assert last.tables["texts"].tolist() == [2, 4]
    assert last.erased.tolist() == [9]
    first, _ = log.writes_since(1, 0) or ()
    assert first.tables["orders"].tolist() == [1, 3]
    assert log.writes_since(1, 2) == ()
    assert log.count_writes(1) == 2
    assert log.count_writes(2) == 0


def test_a_failed_write_is_logged() -> None:
    log = WriteLog()

    def fail() -> None:
        with log.open_write(1) as write:
            write.add_rows("orders", _ids(5), None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    (affected,) = log.writes_since(1, 0) or ()
    assert affected.tables["orders"].tolist() == [5]


def test_a_shop_is_unchanged_until_a_write_begins() -> None:
    log = WriteLog()
    assert log.is_unchanged_since(1, 0)
    with log.open_write(1):
        assert log.count_writes(1) == 0
        assert not log.is_unchanged_since(1, 0)
        assert log.is_unchanged_since(2, 0)
    assert log.is_unchanged_since(1, 1)
    assert not log.is_unchanged_since(1, 0)


def test_a_full_log_drops_the_oldest_writes_of_all_shops() -> None:
    log = WriteLog(max_contacts=10)
    _write(log, 1, 1, 2, 3)
    _write(log, 2, 1, 2, 3)
    assert log.writes_since(1, 0) is not None
    _write(log, 2, 4)
    assert log.writes_since(1, 0) is not None
    _write(log, 2, 5)
    assert log.writes_since(1, 0) is None
    assert log.writes_since(1, 1) == ()
    assert len(log.writes_since(2, 0) or ()) == 3
    _write(log, 3, *range(20))
    assert log.writes_since(3, 0) is None
    assert log.writes_since(2, 0) is None
    assert log.writes_since(2, 3) == ()

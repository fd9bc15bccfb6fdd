"""What writes touched is remembered in their order, for as long as there is room."""

from __future__ import annotations

import numpy as np
import pytest

from graphql_app.audience.write_log import Ids, WriteLog


def _ids(*numbers: int) -> Ids:
    return np.array(numbers, np.uint64)


def _write(write_log: WriteLog, shop: int, *contacts: int) -> None:
    with write_log.open_write(shop) as writing:
        writing.add_rows("orders", _ids(*contacts))


def test_writes_are_numbered_and_told_to_those_who_have_not_seen_them() -> None:
    write_log = WriteLog()
    _write(write_log, 1, 3, 1, 3)
    with write_log.open_write(1) as writing:
        writing.add_rows("texts", _ids(2))
        writing.add_rows("texts", _ids(4, 2))
        writing.add_erased([9])
    (last,) = write_log.writes_since(1, 1) or ()
    assert last.tables["texts"].tolist() == [2, 4]
    assert last.erased.tolist() == [9]
    first, _ = write_log.writes_since(1, 0) or ()
    assert first.tables["orders"].tolist() == [1, 3]
    assert write_log.writes_since(1, 2) == ()
    assert write_log.count_writes(1) == 2
    assert write_log.count_writes(2) == 0


def test_a_write_that_fails_may_have_touched_what_it_names() -> None:
    write_log = WriteLog()

    def fail() -> None:
        with write_log.open_write(1) as writing:
            writing.add_rows("orders", _ids(5))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    (touched,) = write_log.writes_since(1, 0) or ()
    assert touched.tables["orders"].tolist() == [5]


def test_a_shop_is_settled_where_no_write_began_since() -> None:
    write_log = WriteLog()
    assert write_log.is_unchanged_since(1, 0)
    with write_log.open_write(1):
        assert write_log.count_writes(1) == 0
        assert not write_log.is_unchanged_since(1, 0)
        assert write_log.is_unchanged_since(2, 0)
    assert write_log.is_unchanged_since(1, 1)
    assert not write_log.is_unchanged_since(1, 0)


def test_the_oldest_writes_of_all_shops_are_forgotten_first() -> None:
    write_log = WriteLog(remembered=10)
    _write(write_log, 1, 1, 2, 3)
    _write(write_log, 2, 1, 2, 3)
    assert write_log.writes_since(1, 0) is not None
    _write(write_log, 2, 4)
    assert write_log.writes_since(1, 0) is not None
    _write(write_log, 2, 5)
    assert write_log.writes_since(1, 0) is None
    assert write_log.writes_since(1, 1) == ()
    assert len(write_log.writes_since(2, 0) or ()) == 3
    _write(write_log, 3, *range(20))
    assert write_log.writes_since(3, 0) is None
    assert write_log.writes_since(2, 0) is None
    assert write_log.writes_since(2, 3) == ()

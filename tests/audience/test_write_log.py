"""What writes touched is remembered in their order, for as long as there is room."""

from __future__ import annotations

import numpy as np
import pytest

from graphql_app.audience.write_log import Changes, Ids


def _ids(*numbers: int) -> Ids:
    return np.array(numbers, np.uint64)


def _write(changes: Changes, shop: int, *contacts: int) -> None:
    with changes.writing(shop) as writing:
        writing.wrote("orders", _ids(*contacts))


def test_writes_are_numbered_and_told_to_those_who_have_not_seen_them() -> None:
    changes = Changes()
    _write(changes, 1, 3, 1, 3)
    with changes.writing(1) as writing:
        writing.wrote("texts", _ids(2))
        writing.wrote("texts", _ids(4, 2))
        writing.erased([9])
    (last,) = changes.since(1, 1) or ()
    assert last.tables["texts"].tolist() == [2, 4]
    assert last.erased.tolist() == [9]
    first, _ = changes.since(1, 0) or ()
    assert first.tables["orders"].tolist() == [1, 3]
    assert changes.since(1, 2) == ()
    assert changes.count(1) == 2
    assert changes.count(2) == 0


def test_a_write_that_fails_may_have_touched_what_it_names() -> None:
    changes = Changes()

    def fail() -> None:
        with changes.writing(1) as writing:
            writing.wrote("orders", _ids(5))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    (touched,) = changes.since(1, 0) or ()
    assert touched.tables["orders"].tolist() == [5]


def test_a_shop_is_settled_where_no_write_began_since() -> None:
    changes = Changes()
    assert changes.settled(1, 0)
    with changes.writing(1):
        assert changes.count(1) == 0
        assert not changes.settled(1, 0)
        assert changes.settled(2, 0)
    assert changes.settled(1, 1)
    assert not changes.settled(1, 0)


def test_the_oldest_writes_of_all_shops_are_forgotten_first() -> None:
    changes = Changes(remembered=10)
    _write(changes, 1, 1, 2, 3)
    _write(changes, 2, 1, 2, 3)
    assert changes.since(1, 0) is not None
    _write(changes, 2, 4)
    assert changes.since(1, 0) is not None
    _write(changes, 2, 5)
    assert changes.since(1, 0) is None
    assert changes.since(1, 1) == ()
    assert len(changes.since(2, 0) or ()) == 3
    _write(changes, 3, *range(20))
    assert changes.since(3, 0) is None
    assert changes.since(2, 0) is None
    assert changes.since(2, 3) == ()

"""The positions of contacts in the index, as contacts are added, changed and forgotten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_app.audience.write_log import Ids
from graphql_app.segments.index.contact_ids import FEW, NOT_FOUND, ContactIndex, Flags

IDS = st.integers(0, 2**64 - 1) | st.integers(0, 20)


def _ids(numbers: object) -> Ids:
    return np.array(numbers, np.uint64)


def _flags(numbers: object) -> Flags:
    return np.array(numbers, np.bool_)


def check(contact_index: ContactIndex, textable: dict[int, bool], others: list[int]) -> None:
    """Check that the index has these contacts and none of the others."""
    positions = contact_index.find(_ids([*textable]))
    assert contact_index.contacts == len(textable)
    assert contact_index.ids[positions].tolist() == [*textable]
    assert contact_index.alive[positions].all()
    assert contact_index.textable[positions].tolist() == [*textable.values()]
    assert int(contact_index.textable.sum()) == sum(textable.values())
    for id_, position in zip(others, contact_index.find(_ids(others)), strict=True):
        gone = position == NOT_FOUND or not contact_index.alive[position]
        assert gone == (id_ not in textable)


@given(
    first=st.dictionaries(IDS, st.booleans()),
    changes=st.lists(st.tuples(st.sets(IDS, min_size=1), st.dictionaries(IDS, st.booleans()))),
)
def test_contacts_are_added_changed_and_forgotten(
    first: dict[int, bool], changes: list[tuple[set[int], dict[int, bool]]]
) -> None:
    contact_index = ContactIndex.of(_ids([*first]), _flags([*first.values()]), 1)
    now, seen = dict(first), set(first)
    for changed, found in changes:
        reloaded = changed | found.keys()
        before = set(now)
        now = {id_: flag for id_, flag in now.items() if id_ not in reloaded} | found
        contact_index, arrived = contact_index.updated(
            _ids([*reloaded]), _ids([*found]), _flags([*found.values()])
        )
        assert set(contact_index.ids[arrived].tolist()) == found.keys() - before
        seen |= reloaded
        check(contact_index, now, [*seen])
        ordered, positions = contact_index.ordered(2)
        assert ordered.ids.tolist() == sorted(now)
        assert contact_index.ids[positions].tolist() == sorted(now)
        check(ordered, now, [*seen])


@pytest.mark.parametrize(
    "ids",
    [
        np.arange(1, 3 * FEW),
        np.arange(3 * FEW) * 1_000_003 + 7,
        np.append(np.arange(2 * FEW, dtype=np.uint64), np.uint64(2**64 - 1)),  # in one bucket
        np.random.default_rng(0).choice(2**40, 3 * FEW, replace=False),
    ],
    ids=["dense", "even", "crowded", "random"],
)
def test_many_contacts_are_found_at_once(ids: Ids) -> None:
    ids = ids.astype(np.uint64)
    random = np.random.default_rng(1)
    contact_index = ContactIndex.of(random.permutation(ids), np.zeros(len(ids), np.bool_), 1)
    searched = random.permutation(ids)
    assert np.array_equal(contact_index.ids[contact_index.find(searched)], searched)
    missing = np.setdiff1d(random.integers(0, 2**63, 2 * FEW).astype(np.uint64), ids)
    assert len(missing) > FEW
    assert (contact_index.find(missing) == NOT_FOUND).all()


def test_many_late_contacts_leave_the_index_scattered_until_it_is_sorted() -> None:
    contact_index = ContactIndex.of(_ids(range(10)), _flags([False] * 10), 1)
    late = _ids(range(100, 101 + FEW))
    contact_index, _ = contact_index.updated(
        late[:-2], late[:-2], np.zeros(len(late) - 2, np.bool_)
    )
    assert not contact_index.scattered
    contact_index, _ = contact_index.updated(late, late, np.zeros(len(late), np.bool_))
    contact_index, _ = contact_index.updated(_ids([1000000]), _ids([1000000]), _flags([True]))
    assert contact_index.scattered
    assert not contact_index.ordered(2)[0].scattered

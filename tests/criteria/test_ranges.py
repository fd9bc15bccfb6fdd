"""Intervals of several ranges: Python, SQL and the size index agree."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from graphql_app.criteria import Interval
from graphql_app.runtime.services import Services
from graphql_app.segments.index.vectors import Unit, Vector

LARGE = 10**15


@st.composite
def ranges(draw: st.DrawFn) -> Interval[int]:
    """Generate ranges apart from each other, some of them empty or next to another."""
    bounds = sorted(draw(st.lists(st.integers(-9, 9), min_size=2, max_size=8, unique=True)))
    pairs = list(zip(bounds[::2], bounds[1::2], strict=False))
    found: Interval[int] | None = None
    for low, high in draw(st.permutations(pairs)):
        low_open, high_open = draw(st.booleans()), draw(st.booleans())
        found = Interval(low * LARGE, high * LARGE, low_open, high_open, also=found)
    assert found is not None
    return found


@given(interval=ranges())
def test_a_number_in_any_of_the_ranges_matches(services: Services, interval: Interval[int]) -> None:
    numbers = [number * LARGE + step for number in range(-10, 11) for step in (-1, 0, 1)]
    expected = [interval.contains(number) for number in numbers]

    given = select(func.arrayJoin(func.array(*numbers)).label("number")).subquery().c.number
    rows = services.audience.fetch_rows(select(given, interval.clause(given)), 1)
    assert [bool(row[1]) for row in rows] == expected

    unit = Unit.of(pa.int64())
    vector = Vector(np.array(numbers, np.int64), unit, 0, layout=0, writes=0, moving=())
    assert vector.mask(interval, None).tolist() == expected


def test_a_range_beside_others_has_both_bounds() -> None:
    with pytest.raises(ValueError, match="both bounds"):
        Interval(low=1, also=Interval(5, 6)).clause(func.f())

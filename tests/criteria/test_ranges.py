"""Intervals of several ranges: Python, SQL and the size index agree."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from graphql_app.criteria import Interval, Scope
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


FIRST, LAST = date(1900, 1, 1), date(2299, 12, 31)
BOUNDS = (None, date.min, FIRST - timedelta(1), FIRST, LAST, LAST + timedelta(1), date.max)


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.mark.parametrize("with_time", [False, True], ids=["days", "instants"])
def test_bounds_that_no_column_can_reach(services: Services, with_time: bool) -> None:
    """Python, SQL and the size index agree about any day that a rule can name."""
    days: list[date] = [FIRST, FIRST + timedelta(1), date(2024, 2, 29), LAST - timedelta(1), LAST]
    # The engine has no times on the last day that it could not read as one of the day before.
    values: list[Any] = [*map(_noon, days)] if with_time else days
    type = pa.timestamp("ms", "UTC") if with_time else pa.date32()
    sql = [
        func.toDateTime64(f"{day} 12:00:00", 3, "UTC") if with_time else func.toDate32(f"{day}")
        for day in days
    ]
    bounds: list[Any] = [day and _noon(day) if with_time else day for day in BOUNDS]
    intervals: list[Interval[Any]] = [
        Interval(low, high, low_open, high_open)
        for low in bounds
        for high in bounds
        for low_open, high_open in ((False, False), (True, False), (False, True), (True, True))
    ]
    given = select(func.arrayJoin(func.array(*sql)).label("value")).subquery().c.value
    clauses = [interval.clause(given) for interval in intervals]
    rows = services.audience.fetch_rows(select(*clauses), 1)
    unit = Unit.of(type)
    numbers = unit.numbers(pa.array(values, type))
    vector = Vector(numbers, unit, 0, layout=0, writes=0, moving=())
    for interval, *found in zip(intervals, *rows, strict=True):
        expected = [interval.contains(value) for value in values]
        assert [*map(bool, found)] == expected, interval
        assert vector.mask(interval, None).tolist() == expected, interval


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
def test_the_first_and_the_last_day_begin_and_end(zone: str) -> None:
    scope = Scope(ZoneInfo(zone), "USD", datetime.now(UTC))
    first, second = scope.start_of(date.min), scope.end_of(date.min)
    assert datetime.min.replace(tzinfo=UTC) <= first < second
    last, end = scope.start_of(date.max), scope.end_of(date.max)
    assert last < end <= datetime.max.replace(tzinfo=UTC)
    assert scope.end_of(date.max - timedelta(1)) == last

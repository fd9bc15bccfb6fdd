"""Values in vectors compare exactly like the values themselves."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_app.criteria import Interval
from graphql_app.segments.index.fallback import NotIndexableError
from graphql_app.segments.index.vectors import Unit, within

NOW = datetime(2026, 5, 1, tzinfo=UTC)
BOUNDS = st.decimals("-1000", "1000", places=4) | st.integers(-1000, 1000).map(Decimal)


def intervals(bounds: st.SearchStrategy[Any]) -> st.SearchStrategy[Interval[Any]]:
    return st.builds(Interval, st.none() | bounds, st.none() | bounds, st.booleans(), st.booleans())


def check(type_: pa.DataType, values: list[Any], interval: Interval[Any]) -> None:
    """Check that the vector compares like its values, and that NULL matches nothing."""
    unit = Unit.of(type_)
    numbers = unit.numbers(pa.array(values, type_))
    expected = [value is not None and interval.contains(value) for value in values]
    assert within(numbers, *unit.limits(interval)).tolist() == expected
    if None not in values:
        assert within(numbers, *unit.limits(interval), complete=True).tolist() == expected


@given(st.data(), st.sampled_from([0, 2, 4, 6, 18]), intervals(BOUNDS))
def test_decimals(data: st.DataObject, scale: int, interval: Interval[Decimal]) -> None:
    values = data.draw(st.lists(st.none() | st.decimals("-1000", "1000", places=scale)))
    close = [bound for bound in (interval.low, interval.high) if bound is not None]
    if scale >= 4:
        hair = Decimal(1).scaleb(-scale)
        values += [bound + step for bound in close for step in (-hair, 0, hair)]
    check(pa.decimal128(38, scale), values, interval)


@given(st.data(), st.sampled_from([5, 9, 18]))
def test_averages_are_compared_at_half_the_last_place_of_a_bound(
    data: st.DataObject, scale: int
) -> None:
    most = data.draw(st.sampled_from(["10", "2000000", "5000000", "600000000000000"]))
    values = data.draw(st.lists(st.decimals("0", most, places=scale), min_size=1))
    parts = [Fraction(value) * 10_000 for value in values]
    halves = [int(part) * 2 + (part.denominator != 1) for part in parts]
    kept = pa.array(values, pa.decimal128(38, scale))
    try:
        assert Unit.of(kept.type).numbers(kept).tolist() == halves
    except NotIndexableError:
        assert max(halves) > 2**61


@given(st.lists(st.none() | st.integers(0, 30)), intervals(st.integers(-1, 31)))
def test_counts(values: list[int | None], interval: Interval[int]) -> None:
    check(pa.uint64(), values, interval)


@given(st.lists(st.none() | st.integers(-9, 9)), intervals(BOUNDS.map(lambda d: d / 1000)))
def test_counts_compared_with_decimals(
    values: list[int | None], interval: Interval[Decimal]
) -> None:
    low, high = (
        None if bound is None else bound.quantize(Decimal("0.0001"))
        for bound in (interval.low, interval.high)
    )
    check(pa.int64(), values, Interval(low, high, interval.low_open, interval.high_open))


@given(st.data())
def test_instants_and_days(data: st.DataObject) -> None:
    instants = st.integers(-5, 5).map(lambda count: NOW + timedelta(milliseconds=count))
    values = data.draw(st.lists(st.none() | instants))
    check(pa.timestamp("ms", "UTC"), values, data.draw(intervals(instants)))
    days = st.integers(-5, 5).map(lambda count: date(1970, 1, 1) + timedelta(days=count))
    check(pa.date32(), data.draw(st.lists(st.none() | days)), data.draw(intervals(days)))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (pa.uint64(), 2**63),
        (pa.decimal128(38, 4), Decimal(10) ** 16),
        (pa.decimal128(38, 4), -(Decimal(10) ** 16)),
        (pa.decimal128(38, 18), Decimal(10) ** 15),
        (pa.decimal256(76, 4), Decimal(1)),
    ],
)
def test_a_value_that_does_not_fit_is_not_indexable(type_: pa.DataType, value: Any) -> None:
    with pytest.raises(NotIndexableError):
        Unit.of(type_).numbers(pa.array([value], type_))


@pytest.mark.parametrize("type_", [pa.float64(), pa.string(), pa.timestamp("s"), pa.bool_()])
def test_values_of_other_types_are_not_indexable(type_: pa.DataType) -> None:
    with pytest.raises(NotIndexableError):
        Unit.of(type_)


@pytest.mark.parametrize(
    ("type_", "bound"),
    [
        (pa.uint64(), 1.5),
        (pa.uint64(), NOW),
        (pa.uint64(), True),
        (pa.decimal128(38, 4), Decimal("0.00001")),
        (pa.date32(), NOW),
        (pa.date32(), 1),
        (pa.timestamp("ms", "UTC"), date(2026, 5, 1)),
        (pa.timestamp("ms", "UTC"), NOW + timedelta(microseconds=1)),
    ],
)
def test_a_bound_of_another_kind_falls_back_to_the_engine(type_: pa.DataType, bound: Any) -> None:
    with pytest.raises(NotIndexableError):
        Unit.of(type_).limits(Interval(low=bound))
    assert np.iinfo(np.int64).min < Unit.of(type_).limits(Interval())[0]

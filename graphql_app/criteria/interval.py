"""Intervals: the values that a positive comparison matches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, and_, func, literal

from graphql_app.audience.tables import INSTANT, Expression

V = TypeVar("V", int, float, Decimal, date, datetime)

# The scale of every money column. A comparison with a plain literal would use floating point.
MONEY_SCALE = 4

# The days that a column of type Date32 can have, and the instants of DateTime64.
DAYS = date(1900, 1, 1), date(2299, 12, 31)
INSTANTS = (
    datetime(1900, 1, 1, tzinfo=UTC),
    datetime(2299, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
)


@dataclass(frozen=True, slots=True)
class Interval(Generic[V]):
    """A range of values. ``None`` means no bound; an open bound is excluded.

    ``also`` is another range that matches. It is allowed only if all ranges are of whole numbers
    and have both bounds. The size index tests values with ``contains`` and statements use
    ``clause``; both agree.
    """

    low: V | None = None
    high: V | None = None
    low_open: bool = False
    high_open: bool = False
    also: "Interval[V] | None" = None

    def contains(self, value: V) -> bool:
        """Return whether a value is in the range."""
        if self.also is not None and self.also.contains(value):
            return True
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return not (
            self.high is not None and (value > self.high or (self.high_open and value == self.high))
        )

    def clause(self, column: Expression) -> ColumnElement[bool]:
        """Return a SQL condition that is true if a column is in the range.

        For NULL, it is NULL or false.
        """
        if self.also is not None:
            return _in_ranges(column, sorted(_whole_ranges(self)))
        if (known := self._within_engine()) is not self:
            return literal(False) if known is None else known.clause(column)
        if self.low is not None and self.high is not None and not self.low_open | self.high_open:
            return column.between(_bind(self.low), _bind(self.high))
        bounds: list[ColumnElement[bool]] = []
        if self.low is not None:
            low = _bind(self.low)
            bounds.append(column > low if self.low_open else column >= low)
        if self.high is not None:
            high = _bind(self.high)
            bounds.append(column < high if self.high_open else column <= high)
        return and_(*bounds) if bounds else column.is_not(None)

    def _within_engine(self) -> "Interval[V] | None":
        """Return the range without bounds that no day or time in a column can reach.

        The engine compares wrongly with instants that are far away. ``None`` if no value is in the
        range.
        """
        if not isinstance(self.low or self.high, date):
            return self
        first, last = INSTANTS if isinstance(self.low or self.high, datetime) else DAYS
        low: Any = self.low
        high: Any = self.high
        if (low is not None and low > last) or (high is not None and high < first):
            return None
        is_low, is_high = low is not None and low < first, high is not None and high > last
        if not is_low and not is_high:
            return self
        return replace(self, low=None if is_low else low, high=None if is_high else high)


def _whole_ranges(interval: Interval[Any] | None) -> Iterator[tuple[int, int]]:
    """Yield the first and last number of each range that is not empty."""
    while interval is not None:
        low, high = interval.low, interval.high
        if low is None or high is None:
            raise ValueError("a range beside others needs both bounds")
        first, last = low + interval.low_open, high - interval.high_open
        if first <= last:
            yield first, last
        interval = interval.also


def _in_ranges(column: Expression, ranges: Sequence[tuple[int, int]]) -> ColumnElement[bool]:
    """Return a SQL condition that is true if a whole number is in one of some sorted ranges.

    The SQL contains the column once, which can be a long expression.
    """
    starts = [first for first, _ in ranges]
    ends = [last + 1 for _, last in ranges]
    bounds = sorted({starts[0] - 1, *starts, *ends}) if ranges else [0]
    # A list of positive numbers would be unsigned, which does not compare with signed ones.
    signed = func.array(*map(func.toInt64, bounds))
    return func.roundDown(column, signed).in_(starts)


def _bind(value: float | Decimal | date) -> ColumnElement[Any]:
    if isinstance(value, Decimal):
        return func.toDecimal128(str(value), MONEY_SCALE)
    if isinstance(value, datetime):
        return literal(value, INSTANT)
    if isinstance(value, date):
        return func.toDate32(value.isoformat())
    return literal(value)

"""Intervals: the values that a positive comparison matches."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, and_, func, literal

from graphql_app.audience.tables import INSTANT, Expression

V = TypeVar("V", int, float, Decimal, date, datetime)

# The scale of every money column. A comparison with a plain literal would use floating point.
MONEY_SCALE = 4


@dataclass(frozen=True, slots=True)
class Interval(Generic[V]):
    """A range of values. A bound that is ``None`` is absent, an open bound is not included.

    The size index tests values with ``contains`` and statements use ``clause``; both agree.
    """

    low: V | None = None
    high: V | None = None
    low_open: bool = False
    high_open: bool = False

    def contains(self, value: V) -> bool:
        """Return whether a value is in the range."""
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return not (
            self.high is not None and (value > self.high or (self.high_open and value == self.high))
        )

    def clause(self, column: Expression) -> ColumnElement[bool]:
        """Return SQL for whether a column is in the range; NULL is not."""
        bounds: list[ColumnElement[bool]] = []
        if self.low is not None:
            low = _bind(self.low)
            bounds.append(column > low if self.low_open else column >= low)
        if self.high is not None:
            high = _bind(self.high)
            bounds.append(column < high if self.high_open else column <= high)
        return and_(*bounds) if bounds else column.is_not(None)


def _bind(value: float | Decimal | date) -> ColumnElement[Any]:
    if isinstance(value, Decimal):
        return func.toDecimal128(str(value), MONEY_SCALE)
    if isinstance(value, datetime):
        return literal(value, INSTANT)
    if isinstance(value, date):
        return func.toDate32(value.isoformat())
    return literal(value)

"""Base classes for common measured criteria, which compare an amount, a count or a date.

A subclass implements ``measure`` and can add a field ``within: TimeWindow | None``.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, func

from graphql_app.criteria import describe
from graphql_app.criteria.base import MeasuredCriterion
from graphql_app.criteria.field_types import Day
from graphql_app.criteria.fields import form_field
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.number_types import Count, Days, Money, Percent
from graphql_app.criteria.operators import (
    DateOperator,
    NumberOperator,
    Operator,
    OptionalNumberOperator,
)
from graphql_app.criteria.scope import Scope

BETWEEN = (NumberOperator.BETWEEN,)
QUOTIENT_SCALE = 18
LARGEST_DIVIDEND = 1e20


def compared(operator: Operator, value: Any, up_to: Any) -> Interval[Any]:
    """Return the values that a positive operator matches, by its name; without a value, all.

    Raises:
        ValueError: The operator is negative, or does not compare numbers or times.
    """
    if value is None:
        return Interval()
    match operator.name:
        case "EQUALS" | "ON":
            return Interval(low=value, high=value)
        case "GREATER_THAN" | "AFTER":
            return Interval(low=value, low_open=True)
        case "AT_LEAST" | "ON_OR_AFTER":
            return Interval(low=value)
        case "LESS_THAN" | "BEFORE" | "MORE_THAN_AGO":
            return Interval(high=value, high_open=True)
        case "AT_MOST" | "ON_OR_BEFORE":
            return Interval(high=value)
        case "BETWEEN" | "BETWEEN_DAYS":
            return Interval(low=value, high=up_to)
        case "IN_LAST":
            return Interval(low=value, low_open=True, high=up_to)
        case _:
            raise ValueError(f"{operator} does not compare with one number or day")


class MoneyCriterion(MeasuredCriterion):
    """An amount of money per contact, compared with one or two amounts."""

    bounds = frozenset({"operator", "amount", "up_to"})
    operator: NumberOperator
    amount: Money = form_field("Amount", placeholder="50.00")
    up_to: Money | None = form_field(
        "Up to", used_with=BETWEEN, placeholder="100.00", not_below="amount"
    )

    def interval(self, scope: Scope) -> Interval[Decimal]:
        return compared(self.operator, self.amount, self.up_to)

    def describe_value(self, value: Any, scope: Scope) -> str:
        """Format an amount, e.g. "$37.20", or "$3.33…" if it has more than four decimals."""
        return describe.measured_money(value, scope.currency)


class CountCriterion(MeasuredCriterion):
    """A count per contact, compared with one or two numbers."""

    bounds = frozenset({"operator", "count", "up_to"})
    operator: NumberOperator
    count: Count = form_field("Number", placeholder="1")
    up_to: Count | None = form_field("Up to", used_with=BETWEEN, placeholder="5", not_below="count")

    def interval(self, scope: Scope) -> Interval[int]:
        return compared(self.operator, self.count, self.up_to)


OPTIONAL_BETWEEN = (OptionalNumberOperator.BETWEEN,)
WITH_NUMBER = tuple(
    operator for operator in OptionalNumberOperator if operator.positive.name != "IS_SET"
)


class OptionalMoneyCriterion(MeasuredCriterion):
    """An amount of money that not every contact has, such as an average."""

    bounds = frozenset({"operator", "amount", "up_to"})
    absent: ClassVar[int | None] = None

    operator: OptionalNumberOperator
    amount: Money | None = form_field("Amount", used_with=WITH_NUMBER, placeholder="50.00")
    up_to: Money | None = form_field(
        "Up to", used_with=OPTIONAL_BETWEEN, placeholder="100.00", not_below="amount"
    )

    def interval(self, scope: Scope) -> Interval[Decimal]:
        return compared(self.operator, self.amount, self.up_to)

    def describe_value(self, value: Any, scope: Scope) -> str:
        """Format an amount, e.g. "$37.20", or "$3.33…" if it has more than four decimals."""
        return describe.measured_money(value, scope.currency)


class PercentCriterion(MeasuredCriterion):
    """A percentage that not every contact has, such as a click rate."""

    bounds = frozenset({"operator", "percent", "up_to"})
    absent: ClassVar[int | None] = None

    operator: OptionalNumberOperator
    percent: Percent | None = form_field("Percent", used_with=WITH_NUMBER, placeholder="25")
    up_to: Percent | None = form_field(
        "Up to", used_with=OPTIONAL_BETWEEN, placeholder="50", not_below="percent"
    )

    def interval(self, scope: Scope) -> Interval[Decimal]:
        return compared(self.operator, self.percent, self.up_to)

    def describe_value(self, value: Any, scope: Scope) -> str:
        """Format a percentage, e.g. "12.5%", or "33.33…%" if it has more than four decimals."""
        return describe.measured_number(value, "%")


def quotient(dividend: ColumnElement[Any], divisor: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return SQL that divides a decimal or whole number by a whole number.

    The quotient is truncated to 18 decimals. This is exact enough for every comparison: a quotient
    whose divisor is at most 10^14 either equals a number with four decimals or differs from it by
    at least 10^-18. The statement fails for a dividend above 10^20.
    """
    # divideDecimal takes five times as long, because its result has 256 bits. The engine does not
    # report an overflow of 128 bits, so large dividends are refused here.
    too_large = func.throwIf(func.toFloat64(func.abs(dividend)) > LARGEST_DIVIDEND)
    exact = func.toDecimal128(dividend + too_large, QUOTIENT_SCALE)
    return func.divide(exact, func.toDecimal128(divisor, 0))


WITH_DATE = (
    DateOperator.ON,
    DateOperator.NOT_ON,
    DateOperator.BEFORE,
    DateOperator.ON_OR_BEFORE,
    DateOperator.AFTER,
    DateOperator.ON_OR_AFTER,
    DateOperator.BETWEEN,
)
WITH_DAYS = (DateOperator.IN_LAST, DateOperator.NOT_IN_LAST, DateOperator.MORE_THAN_AGO)


class DateCriterion(MeasuredCriterion):
    """An instant per contact, compared with calendar days of the shop or with now."""

    bounds = frozenset({"operator", "date", "up_to", "days"})
    absent: ClassVar[int | None] = None

    operator: DateOperator
    date: Day | None = form_field("Date", used_with=WITH_DATE)
    up_to: Day | None = form_field("Up to", used_with=(DateOperator.BETWEEN,), not_below="date")
    days: Days | None = form_field("Days", used_with=WITH_DAYS, placeholder="30")

    def interval(self, scope: Scope) -> Interval[datetime]:
        """Return the instants that match; a day runs from local midnight to the next."""
        if self.date is not None:
            return scope.instants(compared(self.operator, self.date, self.up_to))
        start = None if self.days is None else scope.now - timedelta(days=self.days)
        return compared(self.operator, start, scope.now)

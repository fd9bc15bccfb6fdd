"""Bases for the common measured criteria: an amount, a count or a date, compared.

A subclass supplies ``measure`` and, where it makes sense, a ``within: TimeWindow | None``.
"""

from __future__ import annotations

import datetime as dt
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from graphql_app.criteria import describe
from graphql_app.criteria.base import MeasuredCriterion
from graphql_app.criteria.field_types import Count, Day, Days, Money
from graphql_app.criteria.fields import form_field
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.operators import DateOperator, NumberOperator
from graphql_app.criteria.scope import Scope

BETWEEN = (NumberOperator.BETWEEN,)


def _numbers(operator: NumberOperator, value: Any, up_to: Any) -> Interval[Any]:
    match operator:
        case NumberOperator.EQUALS:
            return Interval(low=value, high=value)
        case NumberOperator.GREATER_THAN:
            return Interval(low=value, low_open=True)
        case NumberOperator.AT_LEAST:
            return Interval(low=value)
        case NumberOperator.LESS_THAN:
            return Interval(high=value, high_open=True)
        case NumberOperator.AT_MOST:
            return Interval(high=value)
        case NumberOperator.BETWEEN:
            return Interval(low=value, high=up_to)
        case _:
            raise ValueError(f"{operator} is negative: its positive twin has the interval")


class MoneyCriterion(MeasuredCriterion):
    """An amount of money per contact, compared with one or two amounts."""

    operator: NumberOperator
    amount: Money = form_field("Amount", placeholder="50.00")
    up_to: Money | None = form_field(
        "Up to", used_with=BETWEEN, placeholder="100.00", not_below="amount"
    )

    def interval(self, scope: Scope) -> Interval[Decimal]:
        """The amounts that match."""
        return _numbers(self.operator, self.amount, self.up_to)


class CountCriterion(MeasuredCriterion):
    """A number of things per contact, compared with one or two numbers."""

    operator: NumberOperator
    count: Count = form_field("Number", placeholder="1")
    up_to: Count | None = form_field("Up to", used_with=BETWEEN, placeholder="5", not_below="count")

    def interval(self, scope: Scope) -> Interval[int]:
        """The numbers that match."""
        return _numbers(self.operator, self.count, self.up_to)


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

    absent: ClassVar[int | None] = None

    operator: DateOperator
    date: Day | None = form_field("Date", used_with=WITH_DATE)
    up_to: Day | None = form_field("Up to", used_with=(DateOperator.BETWEEN,), not_below="date")
    days: Days | None = form_field("Days", used_with=WITH_DAYS, placeholder="30")

    def interval(self, scope: Scope) -> Interval[datetime]:
        """The instants that match; a day runs from local midnight to the next."""
        if self.date is not None:
            return self._calendar(scope, self.date)
        if self.days is None:
            return Interval()  # IS_SET: any instant at all
        start = scope.now - timedelta(days=self.days)
        if self.operator is DateOperator.MORE_THAN_AGO:
            return Interval(high=start, high_open=True)
        return Interval(low=start, low_open=True, high=scope.now)

    def _calendar(self, scope: Scope, day: dt.date) -> Interval[datetime]:
        match self.operator:
            case DateOperator.BEFORE:
                return Interval(high=scope.start_of(day), high_open=True)
            case DateOperator.ON_OR_BEFORE:
                return Interval(high=scope.end_of(day), high_open=True)
            case DateOperator.AFTER:
                return Interval(low=scope.end_of(day))
            case DateOperator.ON_OR_AFTER:
                return Interval(low=scope.start_of(day))
            case DateOperator.BETWEEN:
                return scope.days(day, self.up_to or day)
            case _:
                return scope.days(day, day)

    def describe(self, scope: Scope) -> str:
        """As for any criterion, with "ago" where it belongs."""
        ago = " ago" if self.operator is DateOperator.MORE_THAN_AGO else ""
        return describe.sentence(self, scope) + ago

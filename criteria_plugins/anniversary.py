"""Anniversaries: birthdays, and days of subscribing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression, Statement
from graphql_app.criteria import (
    Criterion,
    Days,
    Group,
    Operator,
    Scope,
    Text,
    describe_clause,
    form_field,
    hookimpl,
    property_day,
    suggest_properties,
)


class AnniversaryOperator(Operator):
    """When the day comes round, in the shop's time zone."""

    IS_TODAY = "IS_TODAY", "is today"
    IS_NOT_TODAY = "IS_NOT_TODAY", "is not today", "IS_TODAY"
    IS_THIS_MONTH = "IS_THIS_MONTH", "is this month"
    IS_NOT_THIS_MONTH = "IS_NOT_THIS_MONTH", "is not this month", "IS_THIS_MONTH"
    IN_NEXT = "IN_NEXT", "is in the next"
    NOT_IN_NEXT = "NOT_IN_NEXT", "is not in the next", "IN_NEXT"


class Anniversary(Criterion):
    """When the month and day of a date come round: of a date property, or of subscribing.

    The next days begin with today. The 29th of February comes round on the 28th in years that lack
    it, so that it stays in its month.
    """

    key = "anniversary"
    label = "Anniversary"
    group = Group.PROFILE

    operator: AnniversaryOperator
    property: Text | None = form_field(
        "Date property",
        optional=True,
        placeholder="birthday",
        description="The day of subscribing when left out.",
        suggests=True,
    )
    days: Days | None = form_field(
        "Days",
        used_with=(AnniversaryOperator.IN_NEXT, AnniversaryOperator.NOT_IN_NEXT),
        placeholder="7",
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Contacts whose day it is."""
        today = scope.today
        month, day = self._month_and_day(scope)
        if self.operator.positive is AnniversaryOperator.IS_THIS_MONTH:
            return month == today.month
        return (month * 100 + day).in_(_coming_round(today, self.days or 0))

    def _month_and_day(self, scope: Scope) -> tuple[ColumnElement[int], ColumnElement[int]]:
        if self.property is not None:
            when = property_day(col(Contact.properties), self.property, scope)
            return func.toMonth(when), func.toDayOfMonth(when)
        at: Expression = col(Contact.subscribed_at)
        zone = scope.timezone.key
        return func.toMonth(at, zone), func.toDayOfMonth(at, zone)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Names of properties that are dates."""
        properties = select(col(Contact.properties)).where(col(Contact.properties) != "{}")
        found = suggest_properties(properties, search, kind="date").subquery()
        return select(found.c[0], found.c[0])

    def describe(self, scope: Scope) -> str:
        """E.g. "Anniversary of "birthday" is in the next 7 days"."""
        of = "subscribing" if self.property is None else f'"{self.property}"'
        return describe_clause(self, scope, f"{self.label} of {of}", without=("property",))


def _coming_round(today: date, days: int) -> list[int]:
    """Months and days, as 100 times the month plus the day, from today to so many days later."""
    span = [today + timedelta(days=number) for number in range(min(days, 366) + 1)]
    found = {day.month * 100 + day.day for day in span}
    if any((day + timedelta(days=1)).day == 1 for day in span if (day.month, day.day) == (2, 28)):
        found.add(229)
    return sorted(found)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [Anniversary]

"""Birthdays and other anniversaries."""

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
    Phrase,
    Scope,
    Text,
    form_field,
    hookimpl,
    property_day,
    suggest_properties,
)


class AnniversaryOperator(Operator):
    """When the anniversary is, in the shop's time zone."""

    IS_TODAY = "IS_TODAY", "is today"
    IS_NOT_TODAY = "IS_NOT_TODAY", "is not today", "IS_TODAY"
    IS_THIS_MONTH = "IS_THIS_MONTH", "is this month"
    IS_NOT_THIS_MONTH = "IS_NOT_THIS_MONTH", "is not this month", "IS_THIS_MONTH"
    IN_NEXT = "IN_NEXT", "is in the next"
    NOT_IN_NEXT = "NOT_IN_NEXT", "is not in the next", "IN_NEXT"


class Anniversary(Criterion):
    """Whether a birthday or another anniversary is today, this month or in the next days.

    Leave the date property out for the day on which the contact subscribed. The next days begin
    with today. In years without February 29, that anniversary is on February 28.
    """

    key = "anniversary"
    label = "Birthday or anniversary"
    group = Group.PROFILE

    operator: AnniversaryOperator
    property: Text | None = form_field(
        "Date property",
        optional=True,
        placeholder="birthday",
        description="Leave it out for the day on which the contact subscribed.",
        suggests=True,
    )
    days: Days | None = form_field(
        "Days",
        used_with=(AnniversaryOperator.IN_NEXT, AnniversaryOperator.NOT_IN_NEXT),
        placeholder="7",
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
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
        properties = select(col(Contact.properties)).where(col(Contact.properties) != "{}")
        found = suggest_properties(properties, search, kind="date").subquery()
        return select(found.c[0], found.c[0])

    def describe_phrase(self, scope: Scope) -> Phrase:
        of = "subscribing" if self.property is None else f'"{self.property}"'
        return Phrase(
            does=f"has an anniversary of {of}",
            does_not=f"has no anniversary of {of}",
            without=("property",),
        )


def _coming_round(today: date, days: int) -> list[int]:
    """List the days from today to ``days`` later, each as 100 times the month plus the day."""
    span = [today + timedelta(days=number) for number in range(min(days, 366) + 1)]
    found = {day.month * 100 + day.day for day in span}
    if any((day + timedelta(days=1)).day == 1 for day in span if (day.month, day.day) == (2, 28)):
        found.add(229)
    return sorted(found)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Anniversary]

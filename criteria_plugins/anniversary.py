"""Birthdays and other anniversaries."""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    Criterion,
    Days,
    Group,
    Interval,
    MeasuredCriterion,
    Operator,
    Phrase,
    Scope,
    Text,
    form_field,
    hookimpl,
    month_and_day,
    months_and_days_of,
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
    with today. In years without February 29, an anniversary on that day is on February 28.
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
        return AnniversaryDay.of(self).matches(scope)

    def as_measured(self) -> MeasuredCriterion:
        return AnniversaryDay.of(self)

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


class AnniversaryDay(MeasuredCriterion):
    """The month and day of an anniversary, as 100 times the month plus the day.

    The size index keeps no values if a contact has several, in a list.
    """

    key = Anniversary.key
    label = Anniversary.label
    group = Anniversary.group
    absent = None
    bounds = frozenset({"operator", "days"})

    operator: AnniversaryOperator
    property: Text | None
    days: Days | None

    @classmethod
    def of(cls, form: Anniversary) -> "AnniversaryDay":
        return cls.model_construct(**form.__dict__)

    def measure(self, scope: Scope) -> Statement | ColumnElement[int]:
        if self.property is not None:
            documents = select(col(Contact.id), col(Contact.properties))
            return months_and_days_of(documents, self.property, scope)
        return month_and_day(col(Contact.subscribed_at), scope)

    def interval(self, scope: Scope) -> Interval[int]:
        today = scope.today
        if self.operator is AnniversaryOperator.IS_THIS_MONTH:
            return Interval(today.month * 100, today.month * 100 + 31)
        days = _coming_round(today, self.days or 0)
        ranges = None
        for _, run in groupby(enumerate(days), lambda numbered: numbered[1] - numbered[0]):
            of_run = [day for _, day in run]
            ranges = Interval(of_run[0], of_run[-1], also=ranges)
        return ranges or Interval()


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

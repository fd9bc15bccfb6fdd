"""A third party's criteria that pass every check at startup, and fail for some values or rows."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    Count,
    Criterion,
    DefaultSegment,
    Scope,
    SegmentTemplate,
    StateOperator,
    Suggested,
    Text,
    form_field,
    hookimpl,
)

FAILING = 13


class Numbered(Criterion):
    """Matches contacts whose id is at least a number."""

    operator: StateOperator
    count: Count = form_field("Number")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id) >= self.count


class Steady(Numbered):
    """Never fails."""

    key = "moodySteady"
    label = "Steady"


class InSql(Numbered):
    """Fails in SQL when the engine reads a contact whose phone is not a number."""

    key = "moodySql"
    label = "Moody SQL"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        phone = func.coalesce(col(Contact.phone), "0")
        return func.toInt64(func.replaceOne(phone, "+", "")) >= self.count


class InPython(Numbered):
    """Raises for ``FAILING`` when its SQL is built; for the number after it, exits the process."""

    key = "moodyPython"
    label = "Moody Python"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if self.count == FAILING:
            raise ZeroDivisionError(f"the number was {self.count}")
        if self.count == FAILING + 1:
            sys.exit(3)
        return super().matches(scope)


class InWords(Numbered):
    """Raises for ``FAILING`` when it is described."""

    key = "moodyWords"
    label = "Moody words"

    def describe(self, scope: Scope) -> str:
        if self.count == FAILING:
            raise LookupError("no words")
        return super().describe(scope)


class InChecks(Numbered):
    """Raises for ``FAILING`` when its values are checked."""

    key = "moodyCheck"
    label = "Moody check"

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.count == FAILING:
            raise RuntimeError("no checks today")
        yield from ()


class InTime(Numbered):
    """Matches every contact, after half a second for each."""

    key = "moodyTime"
    label = "Moody time"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.sleepEachRow(0.5 + self.count / 1000) == 0


class InSuggestions(Criterion):
    """Matches contacts in a country; suggestions fail for some searches."""

    key = "moodySuggest"
    label = "Moody suggestions"
    operator: StateOperator
    country: Text = form_field("Country", suggests=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.country) == self.country

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        if search == "python":
            raise ZeroDivisionError(search)
        country = func.coalesce(col(Contact.country), "")
        found = select(country, country).group_by(country)
        return found.where(func.toInt64(country) > 0) if search == "" else found


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Steady, InSql, InPython, InWords, InChecks, InTime, InSuggestions]


@hookimpl
def register_default_segments() -> list[DefaultSegment]:
    rule = {"moodySteady": {"operator": "IS", "count": 2}}
    return [DefaultSegment("moody-steady", "Steady ones", "Contacts whose id is at least 2.", rule)]


@hookimpl
def register_segment_templates() -> list[SegmentTemplate]:
    country = {"moodySuggest": {"operator": "IS", "country": Suggested(0, "US")}}
    words = {"moodyWords": {"operator": "IS", "count": FAILING}}
    return [
        SegmentTemplate(
            "moody-country", "A country", "Contacts in the most frequent country.", country
        ),
        SegmentTemplate("moody-words", "No words", "Its rule cannot be described.", words),
    ]

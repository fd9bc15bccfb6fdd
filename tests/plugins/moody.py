"""A third party's criteria that pass every check at the start, and fail for some values or rows."""

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

UNLUCKY = 13


class Numbered(Criterion):
    """Base of what is asked with a number; contacts match whose id is not below it."""

    operator: StateOperator
    count: Count = form_field("Number")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id) >= self.count


class Steady(Numbered):
    """Which contacts have an id from a number on."""

    key = "moodySteady"
    label = "Steady"


class InSql(Numbered):
    """The same, but the engine refuses to look at the contact with the unlucky number."""

    key = "moodySql"
    label = "Moody SQL"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        phone = func.coalesce(col(Contact.phone), "0")
        return func.toInt64(func.replaceOne(phone, "+", "")) >= self.count


class InPython(Numbered):
    """The same, but there is no SQL for the unlucky number; for that after it the process ends."""

    key = "moodyPython"
    label = "Moody Python"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if self.count == UNLUCKY:
            raise ZeroDivisionError(f"the number was {self.count}")
        if self.count == UNLUCKY + 1:
            sys.exit(3)
        return super().matches(scope)


class InWords(Numbered):
    """The same, but there are no words for the unlucky number."""

    key = "moodyWords"
    label = "Moody words"

    def describe(self, scope: Scope) -> str:
        if self.count == UNLUCKY:
            raise LookupError("no words")
        return super().describe(scope)


class InChecks(Numbered):
    """The same, but the check of the unlucky number fails."""

    key = "moodyCheck"
    label = "Moody check"

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.count == UNLUCKY:
            raise RuntimeError("no checks today")
        yield from ()


class InTime(Numbered):
    """All contacts, half a second and a bit later for each."""

    key = "moodyTime"
    label = "Moody time"

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.sleepEachRow(0.5 + self.count / 1000) == 0


class InSuggestions(Criterion):
    """Which contacts have a country; suggestions fail for some searches."""

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
    return [DefaultSegment("moody-steady", "Steady ones", "Those from 2 on.", rule)]


@hookimpl
def register_segment_templates() -> list[SegmentTemplate]:
    country = {"moodySuggest": {"operator": "IS", "country": Suggested(0, "US")}}
    words = {"moodyWords": {"operator": "IS", "count": UNLUCKY}}
    return [
        SegmentTemplate("moody-country", "A country", "The most frequent.", country),
        SegmentTemplate("moody-words", "No words", "It cannot be said.", words),
    ]

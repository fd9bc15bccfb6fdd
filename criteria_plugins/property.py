"""Custom properties of contacts."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    Interval,
    MeasuredCriterion,
    PropertyForm,
    Scope,
    hookimpl,
    suggest_properties,
    suggest_values,
    written_times_of,
)


class Property(PropertyForm, Criterion):
    """A custom property of a contact: a text, a number, a date, yes/no, or a list of these.

    A value of another kind than the operator's counts as no value. Of a list, one element has to
    match.
    """

    key = "property"
    label = "Property"
    group = Group.PROFILE

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return self.holds(col(Contact.properties), scope)

    def as_measured(self) -> MeasuredCriterion | None:
        if self.date is None and self.days is None:
            return None
        return DatedProperty.model_construct(**self.__dict__)

    @classmethod
    def suggest(
        cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
    ) -> Statement | None:
        properties = select(col(Contact.properties)).where(col(Contact.properties) != "{}")
        if field == "property":
            return suggest_properties(properties, search)
        if "property" not in given:
            return None
        return suggest_values(properties, given["property"], search)

    def describe(self, scope: Scope) -> str:
        """Write the clause, e.g. ``"color" is any of red or blue``."""
        return self.clause(scope, f'"{self.property}"')


class DatedProperty(PropertyForm, MeasuredCriterion):
    """A property compared with dates, whose values the size index keeps.

    It keeps none if a contact has several, in a list.
    """

    key = Property.key
    label = Property.label
    group = Property.group
    absent = None
    bounds = frozenset(PropertyForm.model_fields) - {"property"}

    def measure(self, scope: Scope) -> Statement:
        documents = select(col(Contact.id), col(Contact.properties))
        return written_times_of(documents, self.property)

    def interval(self, scope: Scope) -> Interval[int]:
        return self._times(scope) or Interval()


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Property]

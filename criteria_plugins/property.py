"""Custom properties of contacts."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    PropertyForm,
    Scope,
    hookimpl,
    suggest_properties,
    suggest_values,
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
        """Return e.g. '"color" is any of red or blue'."""
        return self.clause(scope, f'"{self.property}"')


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Property]

"""City."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Criterion,
    Group,
    OneOrMore,
    Scope,
    Text,
    form_field,
    hookimpl,
)

WITH_CITIES = (ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)
SPACE = r"[\s\x0b\x1c-\x1f\x85\pZ]"  # what str.strip takes off


class City(Criterion):
    """The city a contact is in; capitals and surrounding space do not matter."""

    key = "city"
    label = "City"
    group = Group.PROFILE

    operator: ChoiceOperator
    cities: OneOrMore[Text] | None = form_field(
        "Cities", used_with=WITH_CITIES, placeholder="Austin", suggests=True
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Contacts in one of the cities."""
        city = col(Contact.city)
        if self.cities is None:
            return city.is_not(None)
        trimmed = func.replaceRegexpAll(city, f"^{SPACE}+|{SPACE}+$", "")
        return func.lowerUTF8(trimmed).in_([name.strip().lower() for name in self.cities])

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Cities with contacts, those with the most first."""
        city = col(Contact.city)
        return (
            select(city, city)
            .where(city.is_not(None), func.positionCaseInsensitiveUTF8(city, search) > 0)
            .group_by(city)
            .order_by(func.count().desc(), city)
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [City]

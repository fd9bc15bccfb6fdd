"""The city."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Criterion,
    Group,
    OneOrMore,
    Phrase,
    Scope,
    Text,
    fold,
    form_field,
    hookimpl,
    suggest_spellings,
)

WITH_CITIES = (ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)


class City(Criterion):
    """The city a contact lives in, regardless of upper and lower case."""

    key = "city"
    label = "City"
    group = Group.PROFILE

    operator: ChoiceOperator
    cities: OneOrMore[Text] | None = form_field(
        "Cities", used_with=WITH_CITIES, placeholder="Austin", suggests=True
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        city = col(Contact.city_folded)
        if self.cities is None:
            return city.is_not(None)
        return city.in_(dict.fromkeys(map(fold, self.cities)))

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        return suggest_spellings(col(Contact.city), col(Contact.city_folded), search)

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="lives in", does_not="does not live in", none="has no city", some="has a city"
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [City]

"""The city."""

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
    Phrase,
    Scope,
    Text,
    fold,
    folded,
    form_field,
    hookimpl,
    trimmed,
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
        city = col(Contact.city)
        if self.cities is None:
            return city.is_not(None)
        return folded(trimmed(city)).in_([fold(name.strip()) for name in self.cities])

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Offer the cities with the most contacts first, in their most frequent spelling."""
        spelling = select(trimmed(col(Contact.city)).label("city")).subquery().c.city
        counted = select(spelling, func.count().label("contacts")).group_by(spelling).subquery()
        city = func.argMax(counted.c.city, counted.c.contacts)
        contacts = func.sum(counted.c.contacts)
        found = (
            select(city.label("city"), contacts.label("contacts"))
            .group_by(folded(counted.c.city))
            .subquery()
        )
        return (
            select(found.c.city, found.c.city)
            .where(func.positionCaseInsensitiveUTF8(found.c.city, search) > 0)
            .order_by(found.c.contacts.desc(), found.c.city)
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="lives in", does_not="does not live in", none="has no city", some="has a city"
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [City]

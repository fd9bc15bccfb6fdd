"""Where a contact is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Country,
    Criterion,
    Group,
    OneOrMore,
    Region,
    Scope,
    describe_list,
    form_field,
    hookimpl,
    suggest_frequent,
)

WITH_PLACES = (ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)


class Location(Criterion):
    """The country a contact is in and, if asked for, the state or province within it."""

    key = "location"
    label = "Location"
    group = Group.PROFILE

    operator: ChoiceOperator
    countries: OneOrMore[Country] | None = form_field(
        "Countries", used_with=WITH_PLACES, suggests=True
    )
    regions: OneOrMore[Region] | None = form_field(
        "States or provinces",
        used_with=WITH_PLACES,
        optional=True,
        description="Only these of the countries; all of them when left out.",
        suggests=True,
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Contacts in one of the countries and, where given, one of the regions."""
        if self.countries is None:
            return col(Contact.country).is_not(None)
        places = [col(Contact.country).in_(self.countries)]
        if self.regions is not None:
            places.append(col(Contact.region).in_(self.regions))
        return and_(*places)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Places with contacts, those with the most first; regions of the countries chosen."""
        if field == "countries":
            return suggest_frequent(col(Contact.country), search)
        countries = given.get("countries")
        inside = () if countries is None else (col(Contact.country).in_(countries),)
        return suggest_frequent(col(Contact.region), search, *inside)

    def describe(self, scope: Scope) -> str:
        """E.g. "Location is any of United States (CA or NY only)"."""
        countries = super(Location, self.model_copy(update={"regions": None})).describe(scope)
        if self.regions is None:
            return countries
        return f"{countries} ({describe_list(self.regions, 'or')} only)"


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [Location]

"""Where a contact lives."""

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
    Phrase,
    Region,
    Scope,
    describe_field,
    fold,
    form_field,
    hookimpl,
    suggest_frequent,
    suggest_spellings,
)

WITH_PLACES = (ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)


class Location(Criterion):
    """The country and, optionally, the state or province that a contact lives in."""

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
        description="Leave them out for the whole countries.",
        suggests=True,
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if self.countries is None:
            return col(Contact.country).is_not(None)
        conditions = [col(Contact.country).in_(self.countries)]
        if self.regions is not None:
            regions = dict.fromkeys(map(fold, self.regions))
            conditions.append(col(Contact.region_folded).in_(regions))
        return and_(*conditions)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Offer countries, or regions of the chosen countries, the most frequent first."""
        if field == "countries":
            return suggest_frequent(col(Contact.country), search)
        countries = given.get("countries")
        inside = () if countries is None else (col(Contact.country).in_(countries),)
        region, region_folded = col(Contact.region), col(Contact.region_folded)
        return suggest_spellings(region, region_folded, search, *inside)

    def describe_phrase(self, scope: Scope) -> Phrase:
        regions = describe_field(self, scope, "regions") if self.regions is not None else None
        return Phrase(
            does="lives in",
            does_not="does not live in",
            none="has no country",
            some="has a country",
            after=f"({regions} only)" if regions else "",
            without=("regions",),
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Location]

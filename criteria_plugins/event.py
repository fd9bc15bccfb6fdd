"""Events of any kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Event, Statement
from graphql_app.criteria import (
    CountCriterion,
    Criterion,
    FieldSpec,
    Group,
    PropertyCondition,
    Scope,
    Text,
    TimeWindow,
    UpToTen,
    describe_clause,
    form_field,
    hookimpl,
    suggest_frequent,
    suggest_properties,
    suggest_values,
)

CONDITION = "conditions."


class EventCount(CountCriterion):
    """How often something happened to a contact that the shop records as an event."""

    key = "event"
    label = "Event"
    group = Group.OTHER

    name: Text = form_field("Event", placeholder="viewed_product", suggests=True)
    conditions: UpToTen[PropertyCondition] | None = form_field(
        "Where", optional=True, description="Only the events of which all of these are so."
    )
    within: TimeWindow | None = form_field("Time frame", optional=True)

    @classmethod
    def fields(cls) -> tuple[FieldSpec, ...]:
        """The event's name before the number that its times are compared with."""
        return tuple(sorted(super().fields(), key=lambda spec: spec.attribute != "name"))

    def measure(self, scope: Scope) -> Statement:
        """Events of the name, with the properties, per contact."""
        return (
            select(col(Event.contact_id), func.count())
            .where(
                col(Event.name) == self.name,
                *(each.holds(col(Event.properties), scope) for each in self.conditions or ()),
                *scope.within(self.within, col(Event.occurred_at)),
            )
            .group_by(col(Event.contact_id))
        )

    @classmethod
    def suggest(
        cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
    ) -> Statement | None:
        """Names of events, the most frequent first; properties of those of a name."""
        name = col(Event.name)
        if field == "name":
            return suggest_frequent(name, search)
        properties = select(col(Event.properties)).where(col(Event.properties) != "{}")
        if "name" in given:
            properties = properties.where(name == given["name"])
        if field == f"{CONDITION}property":
            return suggest_properties(properties, search)
        if f"{CONDITION}property" not in given:
            return None
        return suggest_values(properties, given[f"{CONDITION}property"], search)

    def describe(self, scope: Scope) -> str:
        """E.g. "Event "viewed" count is at least 2 in the last 7 days where "color" is red"."""
        words = describe_clause(
            self, scope, f'{self.label} "{self.name}" count', without=("name", "conditions")
        )
        if self.conditions is None:
            return words
        return f"{words} where {' and '.join(each.describe(scope) for each in self.conditions)}"


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [EventCount]

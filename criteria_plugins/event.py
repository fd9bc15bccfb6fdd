"""The shop's own events."""

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
    Phrase,
    PropertyCondition,
    Scope,
    Text,
    TimeWindow,
    UpToTen,
    form_field,
    hookimpl,
    suggest_frequent,
    suggest_properties,
    suggest_values,
)

PROPERTY = "conditions.property"


class EventCount(CountCriterion):
    """How many times a contact had an event that the shop records, such as viewing a product."""

    key = "event"
    label = "Event"
    group = Group.OTHER

    name: Text = form_field("Event", placeholder="viewed_product", suggests=True)
    conditions: UpToTen[PropertyCondition] | None = form_field(
        "Where", optional=True, description="Count only the events that match all of these."
    )
    within: TimeWindow | None = form_field("Time frame", optional=True)

    @classmethod
    def fields(cls) -> tuple[FieldSpec, ...]:
        """Put the event's name before the number."""
        return tuple(sorted(super().fields(), key=lambda spec: spec.attribute != "name"))

    def measure(self, scope: Scope) -> Statement:
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
        """Offer names of events, and the properties of the events with a name."""
        name = col(Event.name)
        if field == "name":
            return suggest_frequent(name, search)
        properties = select(col(Event.properties)).where(col(Event.properties) != "{}")
        if "name" in given:
            properties = properties.where(name == given["name"])
        if field == PROPERTY:
            return suggest_properties(properties, search)
        if PROPERTY not in given:
            return None
        return suggest_values(properties, given[PROPERTY], search)

    def describe_phrase(self, scope: Scope) -> Phrase:
        event = f'the event "{self.name}"'
        if self.conditions is not None:
            event += f" (where {' and '.join(each.describe(scope) for each in self.conditions)})"
        return Phrase(
            does=f"had {event}",
            does_not=f"did not have {event}",
            noun="times",
            none=f"did not have {event}",
            never=f"has never had {event}",
            some=f"had {event}",
            without=("name", "conditions"),
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [EventCount]

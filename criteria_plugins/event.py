"""The shop's own events: how often and when a contact had them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from graphql_app.audience.tables import Event, Statement
from graphql_app.criteria import (
    CountCriterion,
    Criterion,
    DateCriterion,
    DateOperator,
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
CONDITIONS_HELP = "Count only the events that match all of these."


class EventCount(CountCriterion):
    """How many times a contact had an event that the shop records, such as viewing a product."""

    key = "event"
    label = "Event"
    group = Group.OTHER

    name: Text = form_field("Event", placeholder="viewed_product", suggests=True)
    conditions: UpToTen[PropertyCondition] | None = form_field(
        "Where", optional=True, description=CONDITIONS_HELP
    )
    within: TimeWindow | None = form_field("Time frame", optional=True)

    @classmethod
    def fields(cls) -> tuple[FieldSpec, ...]:
        return _name_first(super().fields())

    def measure(self, scope: Scope) -> Statement:
        return (
            select(col(Event.contact_id), func.count())
            .where(*_meeting(self, scope), *scope.within(self.within, col(Event.occurred_at)))
            .group_by(col(Event.contact_id))
        )

    @classmethod
    def suggest(
        cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
    ) -> Statement | None:
        return _suggest(field, search, given)

    def describe_phrase(self, scope: Scope) -> Phrase:
        event = _words(self, scope)
        return Phrase(
            does=f"had {event}",
            does_not=f"did not have {event}",
            noun="times",
            none=f"did not have {event}",
            never=f"has never had {event}",
            some=f"had {event}",
            without=("name", "conditions"),
        )


class EventDate(DateCriterion):
    """Base class for the dates of the first and the last event with a name."""

    group = Group.OTHER

    name: Text = form_field("Event", placeholder="viewed_product", suggests=True)
    conditions: UpToTen[PropertyCondition] | None = form_field(
        "Where", optional=True, description=CONDITIONS_HELP
    )

    @classmethod
    def fields(cls) -> tuple[FieldSpec, ...]:
        return _name_first(super().fields())

    def _date(self, aggregate: ColumnElement[Any], scope: Scope) -> Statement:
        return (
            select(col(Event.contact_id), aggregate)
            .where(*_meeting(self, scope))
            .group_by(col(Event.contact_id))
        )

    @classmethod
    def suggest(
        cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
    ) -> Statement | None:
        return _suggest(field, search, given)

    def _phrase(self, scope: Scope, which: str, has_not: bool = False) -> Phrase:
        event = _words(self, scope)
        return Phrase(
            does=f"{which}had {event}",
            does_not=f"has not had {event}" if has_not else f"did not {which}have {event}",
            none=f"has never had {event}",
            some=f"has had {event} before",
            without=("name", "conditions"),
        )


class FirstEventDate(EventDate):
    """When a contact first had an event that the shop records, such as viewing a product."""

    key = "firstEventDate"
    label = "First event date"

    def measure(self, scope: Scope) -> Statement:
        return self._date(func.min(col(Event.occurred_at)), scope)

    def describe_phrase(self, scope: Scope) -> Phrase:
        return self._phrase(scope, "first ")


class LastEventDate(EventDate):
    """When a contact last had an event that the shop records, such as viewing a product."""

    key = "lastEventDate"
    label = "Last event date"

    def measure(self, scope: Scope) -> Statement:
        return self._date(func.max(col(Event.occurred_at)), scope)

    def describe_phrase(self, scope: Scope) -> Phrase:
        lately = self.operator.positive is DateOperator.IN_LAST
        return self._phrase(scope, "" if lately else "last ", has_not=lately)


def _name_first(fields: Sequence[FieldSpec]) -> tuple[FieldSpec, ...]:
    """Put the event's name before the number or the date."""
    return tuple(sorted(fields, key=lambda spec: spec.attribute != "name"))


def _meeting(form: EventCount | EventDate, scope: Scope) -> Sequence[ColumnElement[bool]]:
    """Return SQL for the name and the conditions of the events that count."""
    properties = col(Event.properties)
    conditions = [each.holds(properties, scope) for each in form.conditions or ()]
    return [col(Event.name) == form.name, *conditions]


def _suggest(field: str, search: str, given: Mapping[str, Any]) -> Statement | None:
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


def _words(form: EventCount | EventDate, scope: Scope) -> str:
    event = f'the event "{form.name}"'
    if form.conditions is None:
        return event
    return f"{event} (where {' and '.join(each.describe(scope) for each in form.conditions)})"


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [EventCount, FirstEventDate, LastEventDate]

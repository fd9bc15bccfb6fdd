"""Explanations: why a contact matches a rule, or does not, node by node."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import strawberry
from sqlalchemy import ColumnElement, FromClause, Select, Subquery, null, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import MeasuredCriterion, Scope
from graphql_app.segments.failures import blaming
from graphql_app.segments.predicate import by_contact, columns
from graphql_app.segments.rules.tree import Part, Rule
from graphql_app.segments.sql_guard import checked


@strawberry.type(description="What one node of a rule, by itself, says of a contact.")
class MembershipPart:
    path: list[str] = strawberry.field(
        description="Path of the node from `rule` down; list items by number."
    )
    summary: str = strawberry.field(description="The node as a sentence: what it requires.")
    matches: bool = strawberry.field(description="Whether the contact matches the node.")
    measured: str | None = strawberry.field(
        description='The contact\'s own value, formatted for people, such as "£37.20"; null when '
        "the node measures nothing or the contact has no value."
    )


@strawberry.type(description="Why a contact matches a rule, or does not, at one instant.")
class MembershipExplanation:
    is_member: bool = strawberry.field(description="Whether the contact matches the rule.")
    parts: list[MembershipPart] = strawberry.field(
        description="Every node of the rule, the whole rule first, in the order of "
        "`SegmentSize.parts`."
    )
    as_of: datetime = strawberry.field(description="The instant of the explanation.")


def explanation_statement(nodes: Sequence[Part], scope: Scope) -> Statement:
    """Select, for each contact: the id, every node's answer, and every node's measured value.

    The first node is the whole rule.
    """
    contacts = columns([nodes[0].rule], scope)
    contact_id = contacts.source.c.id
    source: FromClause = contacts.source
    values: list[ColumnElement[Any]] = []
    for node in nodes:
        if isinstance(node.rule, MeasuredCriterion):
            measure = _measure(node.rule, scope)
            source = source.outerjoin(measure, contact_id == measure.c.id)
            values.append(measure.c.value)
        else:
            values.append(null())
    answers = [contacts.of(node.rule) for node in nodes]
    return select(contact_id, *answers, *values).select_from(source)


def explanations(
    nodes: Sequence[Part], summaries: Sequence[str], rows: Sequence[Any], scope: Scope
) -> dict[int, MembershipExplanation]:
    """Make explanations, by contact id, of the rows that ``explanation_statement`` returns."""
    return {
        id: MembershipExplanation(
            is_member=bool(row[0]),
            parts=[
                MembershipPart(
                    path=[*map(str, node.path)],
                    summary=summary,
                    matches=bool(matches),
                    measured=_described(node.rule, value, scope),
                )
                for node, summary, matches, value in zip(
                    nodes, summaries, row[: len(nodes)], row[len(nodes) :], strict=True
                )
            ],
            as_of=scope.now,
        )
        for id, *row in rows
    }


def _measure(criterion: MeasuredCriterion, scope: Scope) -> Subquery:
    positive = criterion.model_copy(update={"operator": criterion.operator.positive})
    with blaming(criterion):
        measure = positive.measure(scope)
        if not isinstance(measure, Select):
            measure = select(col(Contact.id), measure)
        return by_contact(checked(measure, criterion.key))


def _described(rule: Rule, value: Any, scope: Scope) -> str | None:
    if not isinstance(rule, MeasuredCriterion):
        return None
    value = rule.absent if value is None else value
    if value is None:
        return None
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    with blaming(rule):
        return rule.describe_value(value, scope)

"""Explanations: what every node of a rule says of some contacts, and what was measured for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, null, select
from sqlmodel import col

from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact
from graphql_app.criteria import MeasuredCriterion, Scope
from graphql_app.segments.attribution import asking
from graphql_app.segments.failures import blaming
from graphql_app.segments.predicate import by_contact, columns
from graphql_app.segments.rules.sentences import sentences
from graphql_app.segments.rules.tree import Path, Rule, parts
from graphql_app.segments.sql_guard import checked


@dataclass(frozen=True, slots=True)
class ExplainedPart:
    """A node of the rule by itself: what it needs, whether it matches, and what there is."""

    path: Path
    summary: str
    matches: bool
    measured: str | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a contact matches a rule, or does not; the whole rule is the first part."""

    parts: tuple[ExplainedPart, ...]
    as_of: datetime

    @property
    def is_member(self) -> bool:
        """Whether the contact matches the rule."""
        return self.parts[0].matches


def explain(
    audience: Audience, shop_id: int, rule: Rule, scope: Scope, contact_ids: Sequence[int]
) -> dict[int, Explanation]:
    """Explain a rule for some contacts, by id; those that do not exist are missing.

    Raises:
        AppError: As for ``size``.
    """
    nodes = list(parts(rule))
    with asking(audience, shop_id, [rule], scope, contact_ids, what="explanation") as answer:
        contacts = columns([rule], scope)
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
        statement = select(contact_id, *answers, *values).select_from(source)
        rows = audience.fetch_rows(statement, shop_id, contact_ids)
        answer.is_from_engine()
        summaries = sentences([node.rule for node in nodes], scope)
        return {
            id: Explanation(
                tuple(
                    ExplainedPart(
                        node.path, summary, bool(matches), _described(node.rule, value, scope)
                    )
                    for node, summary, matches, value in zip(
                        nodes, summaries, row[: len(nodes)], row[len(nodes) :], strict=True
                    )
                ),
                scope.now,
            )
            for id, *row in rows
        }


def _measure(criterion: MeasuredCriterion, scope: Scope) -> Subquery:
    """The ids of contacts and what is compared of them."""
    positive = criterion.model_copy(update={"operator": criterion.operator.positive})
    with blaming(criterion):
        measure = positive.measure(scope)
        if not isinstance(measure, Select):
            measure = select(col(Contact.id), measure)
        return by_contact(checked(measure, criterion.key))


def _described(rule: Rule, value: Any, scope: Scope) -> str | None:
    """What was measured, in words; nothing where nothing was, or the value does not exist."""
    if not isinstance(rule, MeasuredCriterion):
        return None
    value = rule.absent if value is None else value
    if value is None:
        return None
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    with blaming(rule):
        return rule.describe_value(value, scope)

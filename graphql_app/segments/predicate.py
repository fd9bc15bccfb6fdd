"""From a rule to SQL: one two-valued column per criterion, combined by the rule's logic."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, func, not_, or_, select, true
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import Criterion, Scope
from graphql_app.segments.failures import blaming
from graphql_app.segments.rules.tree import Rule, combine, criteria, document
from graphql_app.segments.sql_guard import checked


def predicate(rule: Rule, scope: Scope) -> ColumnElement[bool]:
    leaves = {key(leaf): leaf for leaf in criteria(rule)}
    return _combine(rule, {name: fragment(leaf, scope) for name, leaf in leaves.items()})


def key(criterion: Criterion) -> str:
    """Return a text that is equal for equal criteria."""
    return json.dumps(document(criterion))


def fragment(criterion: Criterion, scope: Scope) -> ColumnElement[bool]:
    """Return a criterion's SQL after checking it.

    The engine's filters keep shops apart on the tables of facts. The check keeps fragments to these
    tables and to bound values.

    Raises:
        CriterionFailedError: The criterion's code fails, or its SQL contains something forbidden.
    """
    with blaming(criterion):
        return checked(criterion.fragment(scope), criterion.key)


def by_contact(measure: Select[*tuple[Any, ...]]) -> Subquery:
    """Return a measure as a subquery to join: contact ids, and nullable values."""
    contact_id, value = measure.subquery().c
    # For contacts without a row, a join returns NULL in nullable columns, but 0 or 1970 in others.
    return select(contact_id.label("id"), func.toNullable(value).label("value")).subquery()


@dataclass(frozen=True, slots=True)
class Columns:
    """One row per contact and one column per criterion, from which every node is computed."""

    source: Subquery
    by_criterion: Mapping[str, ColumnElement[bool]]

    @property
    def textable(self) -> ColumnElement[bool]:
        column: ColumnElement[bool] = self.source.c.textable
        return column

    def of(self, rule: Rule) -> ColumnElement[bool]:
        return _combine(rule, self.by_criterion)


def columns(rules: Sequence[Rule], scope: Scope) -> Columns:
    """Return columns for all criteria of some rules; each criterion is evaluated once."""
    leaves = {key(leaf): leaf for rule in rules for leaf in criteria(rule)}
    named = {name: f"c{number}" for number, name in enumerate(leaves)}
    answers: list[Any] = [fragment(leaf, scope).label(named[name]) for name, leaf in leaves.items()]
    contacts = select(col(Contact.id), col(Contact.textable), *answers).subquery()
    return Columns(contacts, {name: contacts.c[column] for name, column in named.items()})


def _combine(rule: Rule, answers: Mapping[str, ColumnElement[bool]]) -> ColumnElement[bool]:
    return combine(
        rule,
        lambda criterion: answers[key(criterion)],
        lambda inner: and_(true(), *inner),
        lambda inner: or_(*inner),
        not_,
    )

"""From a rule to SQL: one two-valued column per criterion, combined by the rule's logic."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Select,
    Subquery,
    and_,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter, CollationClause, ColumnClause, TextClause
from sqlalchemy.sql.functions import Function, FunctionElement
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import TableClause, TableValuedAlias
from sqlmodel import col

from graphql_app.audience.tables import Contact, readable_tables
from graphql_app.criteria import Criterion, Scope
from graphql_app.segments.failures import blaming
from graphql_app.segments.rules.parser import Rule, combine, criteria, document

# Where SQLAlchemy takes SQL as text beside text() and literal_column().
RAW_PARTS = ("_prefixes", "_suffixes", "_hints", "_statement_hints")
PLAIN_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
# Functions of ClickHouse that read something that is no argument of theirs.
READING_FUNCTIONS = re.compile("file|joinGet.*|dict.*|hasColumnInTable|catboost.*", re.IGNORECASE)
KNOWN_TYPES = ("sqlalchemy.", "sqlmodel.", "clickhouse_connect.", "builtins")

Sql = TypeVar("Sql", bound=ClauseElement)


class ForbiddenFragmentError(Exception):
    """A criterion's SQL holds text or reads something that is not a table of facts."""


def predicate(rule: Rule, scope: Scope) -> ColumnElement[bool]:
    """The contacts that match, as one condition over ``Contact``."""
    leaves = {key(leaf): leaf for leaf in criteria(rule)}
    return _combine(rule, {name: fragment(leaf, scope) for name, leaf in leaves.items()})


def key(criterion: Criterion) -> str:
    """The same for criteria that say the same."""
    return json.dumps(document(criterion))


def fragment(criterion: Criterion, scope: Scope) -> ColumnElement[bool]:
    """A criterion's SQL, checked.

    The engine's filters keep shops apart on the tables of facts whatever a fragment says; this
    keeps fragments to those tables, and to bound values.

    Raises:
        CriterionFailedError: It has none, reads another table or a table function, or holds raw
            SQL.
    """
    with blaming(criterion):
        return checked(criterion.fragment(scope), criterion.key)


def checked(sql: Sql, key: str) -> Sql:
    """The SQL of the criterion of that key, once it is found to hold nothing forbidden.

    Raises:
        ForbiddenFragmentError: There is something forbidden.
    """
    for element in visitors.iterate(sql):
        reason = _forbidden(element)
        if reason is not None:
            raise ForbiddenFragmentError(f"{key} {reason}")
    return sql


def _forbidden(element: Any) -> str | None:
    """What is wrong with a part of a fragment, if anything."""
    if isinstance(element, TextClause | CollationClause) or any(
        getattr(element, name, None) for name in RAW_PARTS
    ):
        return f"holds raw SQL: {element}"
    if isinstance(element, ColumnClause) and element.is_literal and element.name != "*":
        return f"holds raw SQL: {element}"
    for operator in (getattr(element, "operator", None), getattr(element, "modifier", None)):
        if isinstance(operator, custom_op):
            return f"has an operator of its own, {operator.opstring!r}: use func instead"
    if isinstance(element, BindParameter) and not element.unique:
        # Two rules' values under one name would be one value in their statement.
        return f"binds a value by a name of its own, {element.key!r}: leave the name out"
    if isinstance(element, TableClause) and element not in readable_tables().values():
        return f"reads {element}, no table of facts"
    if isinstance(element, TableValuedAlias) or (
        isinstance(element, Select)
        and any(isinstance(source, FunctionElement) for source in element.get_final_froms())
    ):
        return "reads a table function"
    if isinstance(element, Function) and not (
        PLAIN_NAME.fullmatch(element.name)
        and not element.packagenames
        and not READING_FUNCTIONS.fullmatch(element.name)
    ):
        return f"calls {element.name!r}, which no fragment may"
    if not type(getattr(element, "type", None)).__module__.startswith(KNOWN_TYPES):
        return f"has a type of its own, {element.type!r}"
    return None


def by_contact(measure: Select[*tuple[Any, ...]]) -> Subquery:
    """A measure, to be joined: ids of contacts, and values that are NULL where there is none."""
    contact_id, value = measure.subquery().c
    # What the join does not find is NULL in a nullable column, in others 0 or the year 1970.
    return select(contact_id.label("id"), func.toNullable(value).label("value")).subquery()


@dataclass(frozen=True, slots=True)
class Columns:
    """A row per contact with a column per criterion, from which every node's answer follows."""

    source: Subquery
    by_criterion: Mapping[str, ColumnElement[bool]]

    @property
    def textable(self) -> ColumnElement[bool]:
        """Whether the contact can be texted."""
        column: ColumnElement[bool] = self.source.c.textable
        return column

    def of(self, rule: Rule) -> ColumnElement[bool]:
        """Whether the contact matches a rule made of these criteria."""
        return _combine(rule, self.by_criterion)


def columns(rules: Sequence[Rule], scope: Scope) -> Columns:
    """The columns for all criteria of some rules; each is evaluated once."""
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

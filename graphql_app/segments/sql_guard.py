"""The guard on plugins' SQL: bound values and tables of facts only."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ClauseElement, Select
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter, CollationClause, ColumnClause, TextClause
from sqlalchemy.sql.functions import Function, FunctionElement
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import Join, TableClause, TableValuedAlias

from graphql_app.audience.tables import readable_tables

# Attributes through which SQLAlchemy accepts SQL as text, besides text() and literal_column().
RAW_PARTS = ("_prefixes", "_suffixes", "_hints", "_statement_hints")
PLAIN_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
# ClickHouse functions that read something other than their arguments.
READING_FUNCTIONS = re.compile("file|joinGet.*|dict.*|hasColumnInTable|catboost.*", re.IGNORECASE)
KNOWN_TYPES = ("sqlalchemy.", "sqlmodel.", "clickhouse_connect.", "builtins")
Sql = TypeVar("Sql", bound=ClauseElement)


class ForbiddenFragmentError(Exception):
    """A criterion's SQL contains text, or reads something other than tables of facts."""


def checked(sql: Sql, key: str) -> Sql:
    """Return a criterion's SQL; raise ``ForbiddenFragmentError`` if it has something forbidden."""
    for element in visitors.iterate(sql):
        reason = _forbidden(element)
        if reason is not None:
            raise ForbiddenFragmentError(f"{key} {reason}")
    return sql


def _forbidden(element: Any) -> str | None:
    # Read from the instance: getattr() of a column is slow for names that the column lacks.
    parts = vars(element)
    if isinstance(element, TextClause | CollationClause) or any(map(parts.get, RAW_PARTS)):
        return f"contains raw SQL: {element}"
    if isinstance(element, ColumnClause) and element.is_literal and element.name != "*":
        return f"contains raw SQL: {element}"
    for operator in (parts.get("operator"), parts.get("modifier")):
        # isinstance() is slow for custom_op, since it is a protocol.
        if operator is not None and custom_op in type(operator).__mro__:
            return f"has a custom operator {operator.opstring!r}; use func instead"
    if isinstance(element, BindParameter) and not element.unique:
        # Values of two rules with one name would become one value in a shared statement.
        return f"binds a value under the name {element.key!r}; leave the name out"
    if isinstance(element, TableClause) and element not in readable_tables().values():
        return f"reads {element}, which is not a table of facts"
    if isinstance(element, TableValuedAlias) or (
        isinstance(element, Select | Join)
        and any(isinstance(source, FunctionElement) for source in _sources(element))
    ):
        return "reads a table function"
    if isinstance(element, Function) and not (
        PLAIN_NAME.fullmatch(element.name)
        and not element.packagenames
        and not READING_FUNCTIONS.fullmatch(element.name)
    ):
        return f"calls {element.name!r}, which is not allowed"
    if not type(getattr(element, "type", None)).__module__.startswith(KNOWN_TYPES):
        return f"has a custom type {element.type!r}"
    return None


def _sources(element: Select[Any] | Join) -> Sequence[Any]:
    """Return what a select or a join reads, without what its columns add."""
    if isinstance(element, Select):
        joined = (each for join in element._setup_joins for each in (join[0], join[2]))
        return [*element._from_obj, *joined]
    return (element.left, element.right)

"""What the SQL of a criterion may hold."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from sqlalchemy import (
    ClauseElement,
    Select,
)
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import BindParameter, CollationClause, ColumnClause, TextClause
from sqlalchemy.sql.functions import Function, FunctionElement
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import TableClause, TableValuedAlias

from graphql_app.audience.tables import readable_tables

# Where SQLAlchemy takes SQL as text beside text() and literal_column().
RAW_PARTS = ("_prefixes", "_suffixes", "_hints", "_statement_hints")
PLAIN_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
# Functions of ClickHouse that read something that is no argument of theirs.
READING_FUNCTIONS = re.compile("file|joinGet.*|dict.*|hasColumnInTable|catboost.*", re.IGNORECASE)
KNOWN_TYPES = ("sqlalchemy.", "sqlmodel.", "clickhouse_connect.", "builtins")
Sql = TypeVar("Sql", bound=ClauseElement)


class ForbiddenFragmentError(Exception):
    """A criterion's SQL holds text or reads something that is not a table of facts."""


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

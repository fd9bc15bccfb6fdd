"""Texts: folding, trimming and suggestions."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select

from graphql_app.audience.tables import Expression, Statement
from graphql_app.criteria.field_types import MAX_TEXT

SPACE = r"\s\x0b\x1c-\x1f\x85\pZ"  # what str.strip removes, for a bracket expression of the engine


def fold(text: str) -> str:
    """Return a text in lower case, for comparison with other folded texts."""
    # A sigma has another lower-case form at the end of a word.
    return text.lower().replace("ς", "σ")


def folded(text: Expression) -> ColumnElement[str]:
    """Return SQL that folds a text as ``fold`` does."""
    return func.replaceAll(func.lowerUTF8(text), "ς", "σ")


def trimmed(text: Expression) -> ColumnElement[str]:
    """Return SQL that removes the spaces around a text, as ``str.strip`` does."""
    return func.replaceRegexpAll(text, f"^[{SPACE}]+|[{SPACE}]+$", "")


def offered(text: Expression, search: str) -> Sequence[ColumnElement[bool]]:
    """Return conditions for texts that are valid as ``Text`` and contain the search."""
    return (
        func.positionCaseInsensitiveUTF8(text, search) > 0,
        func.lengthUTF8(text) <= MAX_TEXT,
        func.match(text, f"[^{SPACE}]"),
    )


def suggest_frequent(text: Expression, search: str, *conditions: ColumnElement[bool]) -> Statement:
    """Return a column's distinct values that contain the search, the most frequent first.

    Use it in ``suggest``. Only the rows that meet the conditions count.
    """
    found = select(func.toString(text).label("text")).where(*conditions).subquery().c.text
    return (
        select(found, found)
        .where(*offered(found, search))
        .group_by(found)
        .order_by(func.count().desc(), found)
    )

"""Texts: compared without regard to case, trimmed, and offered to people."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select

from graphql_app.audience.tables import Expression, Statement
from graphql_app.criteria.field_types import MAX_TEXT

SPACE = r"\s\x0b\x1c-\x1f\x85\pZ"  # what str.strip takes off, inside brackets of the engine's


def fold(text: str) -> str:
    """A text in small letters; one that another holds is in it when both are folded."""
    # Whether a sigma is written as a final one depends on what follows it.
    return text.lower().replace("ς", "σ")


def folded(text: Expression) -> ColumnElement[str]:
    """SQL: the same."""
    return func.replaceAll(func.lowerUTF8(text), "ς", "σ")


def trimmed(text: Expression) -> ColumnElement[str]:
    """SQL: a text without the space around it, as ``str.strip`` has it."""
    return func.replaceRegexpAll(text, f"^[{SPACE}]+|[{SPACE}]+$", "")


def offered(text: Expression, search: str) -> Sequence[ColumnElement[bool]]:
    """SQL: conditions of texts that a rule may have, see ``Text``, and that hold what is typed."""
    return (
        func.positionCaseInsensitiveUTF8(text, search) > 0,
        func.lengthUTF8(text) <= MAX_TEXT,
        func.match(text, f"[^{SPACE}]"),
    )


def suggest_frequent(text: Expression, search: str, *conditions: ColumnElement[bool]) -> Statement:
    """Different values of a column, the most frequent first: what ``suggest`` often answers.

    Args:
        text: A column of text, or an expression over one.
        search: A part of the values.
        conditions: Of the rows that are looked at.
    """
    found = select(func.toString(text).label("text")).where(*conditions).subquery().c.text
    return (
        select(found, found)
        .where(*offered(found, search))
        .group_by(found)
        .order_by(func.count().desc(), found)
    )

"""Texts: folding, trimming and suggestions.

The host folds some columns when it writes them, into columns of their own: for ``Contact``,
``email_folded``, ``email_domain``, ``region_folded``, ``city_folded``, ``tags_folded`` and
``properties_folded``; ``KeywordUse.keyword_folded``; ``OrderLine.title_folded`` and
``Product.title_folded``; and ``Event.properties_folded``. To compare a text regardless of case and
spelling, compare such a column with the results of ``fold``.
"""

from collections.abc import Sequence

from sqlalchemy import Column, ColumnElement, Table, func, select
from sqlalchemy.sql import coercions, roles

from graphql_app import folding
from graphql_app.audience.tables import Expression, Statement
from graphql_app.criteria.field_types import MAX_TEXT

SPACE = r"\s\x0b\x1c-\x1f\x85\pZ"  # what str.strip removes, for a bracket expression of the engine

# The execution option of a statement of suggestions that has the folded form of their values.
FOLDED_VALUE = "folded_value"


def fold(text: str) -> str:
    """Return a text as the folded columns store it.

    Case, Unicode composition, full-width forms, ligatures and surrounding spaces make no
    difference.
    """
    return folding.fold(text)


def folded(text: Expression) -> ColumnElement[str]:
    """Return SQL for a text as ``fold`` returns it.

    For a column that the host folds, such as ``Contact.city``, this is the folded column. Any other
    text is folded by the engine, which differs from ``fold`` for about 150 rare characters.
    """
    column = folded_column(text)
    if column is not None:
        return column
    return trimmed(func.normalizeUTF8NFKC(func.caseFoldUTF8(func.normalizeUTF8NFKC(text))))


def folded_column(text: Expression) -> Column[str] | None:
    """Return the column with the folded texts of a column, if the host has one."""
    column = coercions.expect(roles.ExpressionElementRole, text)
    if not isinstance(column, Column) or not isinstance(column.table, Table):
        return None
    return column.table.columns.get(f"{column.name}_folded")


def trimmed(text: Expression) -> ColumnElement[str]:
    """Return SQL that removes the spaces around a text, as ``str.strip`` does."""
    return func.replaceRegexpAll(text, f"^[{SPACE}]+|[{SPACE}]+$", "")


def offered(text: Expression, search: str) -> Sequence[ColumnElement[bool]]:
    """Return conditions for texts that are valid as ``Text`` and contain the search."""
    return (func.positionCaseInsensitiveUTF8(text, search) > 0, *_valid(text))


def _valid(text: Expression) -> Sequence[ColumnElement[bool]]:
    return func.lengthUTF8(text) <= MAX_TEXT, func.match(text, f"[^{SPACE}]")


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


def suggest_spellings(
    text: Expression, folded_text: Expression, search: str, *conditions: ColumnElement[bool]
) -> Statement:
    """Return texts whose folded form contains the search, the most frequent first.

    Among texts that fold to the same text, only the most frequent spelling is returned; it is also
    the label of the others. Use it in
    ``suggest``, with a column and its folded column. Only the rows that meet the conditions count.
    """
    shown, key = trimmed(func.toString(text)).label("text"), func.toString(folded_text)
    pair = select(shown, key.label("folded")).where(*conditions).subquery().c
    spellings = (
        select(pair.text, pair.folded, func.count().label("rows"))
        .where(func.position(pair.folded, fold(search)) > 0, *_valid(pair.text))
        .group_by(pair.text, pair.folded)
        .subquery()
        .c
    )
    # Among spellings with as many rows, the first in order of text.
    most_frequent = func.argMin(spellings.text, func.tuple(-spellings.rows, spellings.text))
    found = (
        select(
            most_frequent.label("text"), spellings.folded, func.sum(spellings.rows).label("rows")
        )
        .group_by(spellings.folded)
        .subquery()
        .c
    )
    statement = select(found.text, found.text).order_by(found.rows.desc(), found.text)
    return statement.execution_options(**{FOLDED_VALUE: found.folded})

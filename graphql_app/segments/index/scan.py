"""Scans: questions about the rows of one table are asked together, so it is read once.

Where a question sums up some rows of one table for each contact, it can be one of several columns
of a statement that reads the rows of all of them; each column sums up the rows of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, and_, func, null, or_, select, true
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import (
    BinaryExpression,
    ColumnClause,
    FunctionFilter,
    Over,
    True_,
    WithinGroup,
)
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import ScalarSelect
from sqlmodel import col

from graphql_app.audience.store import Written, contact_key
from graphql_app.audience.tables import Contact, Statement
from graphql_app.segments.index.question import Kind, Question

# Functions of all rows of a contact that have a twin with "If", which is of some of them.
AGGREGATES = ("any", "argMax", "argMin", "avg", "count", "max", "min", "sum", "uniq", "uniqExact")
OF_SOME = tuple(f"{name}If" for name in AGGREGATES)


@dataclass(frozen=True, slots=True)
class Scan:
    """A statement that answers some questions.

    Attributes:
        questions: The questions.
        statement: Contacts, and a column for each question: its value, NULL or 0 where it finds
            none.
    """

    questions: Sequence[Question]
    statement: Statement


@dataclass(frozen=True, slots=True)
class _Sum:
    """What a question makes of the rows of one table that are a contact's.

    Attributes:
        question: The question.
        contact: The column that says whose a row is.
        rows: Which rows count.
        value: What is made of them.
    """

    question: Question
    contact: Column[Any]
    rows: ColumnElement[bool]
    value: ColumnElement[Any]


def scans(questions: Iterable[Question], written: Callable[[Statement], Written]) -> Iterator[Scan]:
    """Questions with the statements that answer them, of one table in one where that can be.

    Args:
        questions: The questions, of any kind.
        written: A statement's SQL, by which to see that nothing of it was overlooked.
    """
    by_table: dict[frozenset[str], list[Question]] = defaultdict(list)
    for question in questions:
        by_table[question.reads].append(question)
    for together in by_table.values():
        sums = []
        for question in together:
            found = _sum(question, written) if len(together) > 1 else None
            if found is None:
                yield Scan([question], question.checked())
            else:
                sums.append(found)
        if len(sums) == 1:
            yield Scan([sums[0].question], sums[0].question.checked())
        elif sums:
            yield Scan([each.question for each in sums], _statement(sums))


def _statement(sums: Sequence[_Sum]) -> Statement:
    contact = sums[0].contact
    different: list[ColumnElement[bool]] = []
    for each in sums:
        if not any(each.rows.compare(other) for other in different):
            different.append(each.rows)
    rows = true() if any(isinstance(each, True_) for each in different) else or_(*different)
    columns = [each.value if len(different) == 1 else _of_its_rows(each) for each in sums]
    labelled = [column.label(f"v{number}") for number, column in enumerate(columns)]
    return select(contact, *labelled).where(rows).group_by(contact)


def _of_its_rows(one: _Sum) -> ColumnElement[Any]:
    """The value of the rows that count, NULL where there are none."""
    if isinstance(one.rows, True_):
        return one.value

    def of_some(element: Any, **_: Any) -> Any:
        if _is_aggregate(element):
            arguments = [each for each in element.clauses.clauses if not _is_star(each)]
            if element.name in OF_SOME:
                *arguments, condition = arguments
                return getattr(func, element.name)(*arguments, and_(condition, one.rows))
            return getattr(func, f"{element.name}If")(*arguments, one.rows)
        return None

    value: Any = visitors.replacement_traverse(one.value, {}, of_some)
    some: ColumnElement[Any] = getattr(func, "if")(
        func.countIf(one.rows) > 0, func.toNullable(value), null()
    )
    return some


def _sum(question: Question, written: Callable[[Statement], Written]) -> _Sum | None:
    """What a question makes of the rows of one table; ``None`` where it is not made like that."""
    statement = question.checked()
    if question.kind is Kind.MEASURE:
        return _read(question, statement, lambda again: again, written)
    _, condition = statement.selected_columns
    match condition:
        case BinaryExpression(
            left=Column(name="id"), right=ScalarSelect(element=Select() as among)
        ) if condition.operator is operators.in_op:
            return _read(
                question,
                among,
                lambda again: select(col(Contact.id), col(Contact.id).in_(again)),
                written,
            )
        case _:
            return None


def _read(
    question: Question,
    statement: Statement,
    whole: Callable[[Statement], Statement],
    written: Callable[[Statement], Written],
) -> _Sum | None:
    """The parts of a select, if it is made of these parts only."""
    contact, *values = statement.selected_columns
    measured = question.kind is Kind.MEASURE
    if not (
        isinstance(contact, Column)
        and isinstance(contact.table, Table)
        and contact.name == contact_key(contact.table.name)
        and len(values) == measured
        and not (measured and statement._having_criteria)
    ):
        return None
    rows, having = _all(statement._where_criteria), _all(statement._having_criteria)
    again = select(contact, *values).where(*statement._where_criteria)
    if statement._group_by_clauses:
        again = again.group_by(contact).having(*statement._having_criteria)
    elif measured:
        return None
    value = values[0] if measured else having
    if not (_is_of_row(rows) and _is_of_rows(value)):
        return None
    # Whatever else a select can have would be in its SQL.
    ours, theirs = written(whole(again)), written(whole(statement))
    if (ours.text, ours.values) != (theirs.text, theirs.values):
        return None
    return _Sum(question, contact, rows, value)


def _all(criteria: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return and_(*criteria) if criteria else true()


def _is_of_row(sql: ColumnElement[Any]) -> bool:
    """Whether SQL is about one row: it asks no other select."""
    return not any(isinstance(element, Select) for element in visitors.iterate(sql))


def _is_of_rows(sql: Any) -> bool:
    """Whether SQL has columns in known aggregates only, so that it can be of some rows."""
    if _is_aggregate(sql):
        return all(map(_is_of_row, sql.clauses.clauses)) and not any(
            getattr(each, "operator", None) is operators.distinct_op for each in sql.clauses.clauses
        )
    if isinstance(sql, Column | Select | Over | WithinGroup | FunctionFilter):
        return False
    if isinstance(sql, FunctionElement) and not any(map(_is_aggregate, visitors.iterate(sql))):
        return False  # it may be an aggregate that is not known
    return all(map(_is_of_rows, sql.get_children()))


def _is_aggregate(sql: Any) -> bool:
    return isinstance(sql, FunctionElement) and sql.name in AGGREGATES + OF_SOME


def _is_star(sql: Any) -> bool:
    return isinstance(sql, ColumnClause) and sql.name == "*"

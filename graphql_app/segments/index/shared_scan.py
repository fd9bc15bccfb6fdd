"""Scans: questions about the rows of one table are asked together, so it is read once.

Where a question sums up some rows of one table for each contact, it can be one of several columns
of a statement that reads the rows of all of them; each column sums up the rows of its own. That
holds for SQL made of nothing but what is listed here, each of which is known to say something of
one row, or of a contact's rows, whatever else the statement reads. Anything else is asked alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    func,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BindParameter,
    BooleanClauseList,
    ClauseList,
    ColumnClause,
    Grouping,
    Null,
    True_,
    UnaryExpression,
)
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import ScalarSelect
from sqlmodel import col

from graphql_app.audience.rendering import RenderedStatement
from graphql_app.audience.tables import Contact, Statement, contact_column, sql_table
from graphql_app.segments.index.cache_key import Kind, Question
from graphql_app.segments.predicate import by_contact

MAX_TOGETHER = 8  # so many columns of a million contacts are far from what a statement may use

# Functions of all rows of a contact that have a twin with "If", which is of some of them.
AGGREGATES = ("any", "argMax", "argMin", "avg", "count", "max", "min", "sum", "uniq", "uniqExact")
OF_SOME = tuple(f"{name}If" for name in AGGREGATES)
# Functions of one row, by name or by how names begin.
OF_ROW = frozenset(
    {"abs", "coalesce", "divide", "greatest", "ifNull", "intDiv", "isNull", "least", "length"}
    | {"lower", "lowerUTF8", "modulo", "multiply", "nullIf", "position", "replaceAll"}
    | {"replaceRegexpAll", "throwIf", "upper", "upperUTF8"}
)
OF_ROW_BEGINS = ("JSON", "to")
# Functions that make several rows or columns of one, or none.
MULTIPLYING = frozenset({"arrayJoin", "untuple", "COLUMNS", "columns"})
ELEMENTS = (
    BinaryExpression, BindParameter, BooleanClauseList, ClauseList, Column, FunctionElement,
    Grouping, Null, True_, UnaryExpression,
)  # fmt: skip

Write: TypeAlias = Callable[[Statement], RenderedStatement]


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
        table: The table.
        rows: Which rows count.
        about: What is equal where the same rows count.
        value: What is made of them.
    """

    question: Question
    contact: Column[Any]
    table: Table
    rows: ColumnElement[bool]
    about: Hashable
    value: ColumnElement[Any]


def scans(
    questions: Iterable[Question], written: Write, most: int = MAX_TOGETHER
) -> Iterator[Scan]:
    """Questions with the statements that answer them, of one table in one where that can be.

    Args:
        questions: The questions, of any kind.
        written: A statement's SQL, by which to see that nothing of it was overlooked.
        most: How many questions may be in a statement.
    """
    by_tables: dict[frozenset[str], list[Question]] = defaultdict(list)
    for question in questions:
        by_tables[question.reads].append(question)
    sums: dict[Table, list[_Sum]] = defaultdict(list)
    for together in by_tables.values():
        for question in together:
            found = _sum(question, written) if len(together) > 1 else None
            if found is None:
                yield alone(question)
            else:
                sums[found.table].append(found)
    for of_table in sums.values():
        for begin in range(0, len(of_table), most):
            some = of_table[begin : begin + most]
            questions = [each.question for each in some]
            yield Scan(questions, _statement(some)) if len(some) > 1 else alone(questions[0])


def alone(question: Question) -> Scan:
    """A question with its own statement."""
    return Scan([question], question.checked())


def matching(question: Question) -> Scan:
    """A question; of a condition, those for whom it holds: others are not worth handing over."""
    scan = alone(question)
    if question.kind is Kind.CONDITION:
        _, condition = scan.statement.selected_columns
        return Scan([question], select(col(Contact.id), true()).where(condition))
    return scan


def joined(questions: Iterable[Question], most: int) -> Iterator[Scan]:
    """Any questions, as columns of one row for each contact as far as they can be.

    Conditions of others' tables, and measures that are joined, are read for all the contacts that
    the statement sees; it is for a few, or for questions about contacts alone.
    """
    together = []
    for question in questions:
        if question.kind is Kind.MEASURE or _is_of_contact(question.checked()):
            together.append(question)
        else:
            yield matching(question)
    for begin in range(0, len(together), most):
        some = together[begin : begin + most]
        yield _joined(some) if len(some) > 1 else matching(some[0])


def _is_of_contact(statement: Statement) -> bool:
    """Whether a statement has one row for each contact, whatever stands in its columns."""
    _, value = statement.selected_columns
    return statement.get_final_froms() == [sql_table(Contact)] and not any(
        isinstance(each, FunctionElement) and each.name in MULTIPLYING
        for each in visitors.iterate(value)
    )


def _joined(questions: Sequence[Question]) -> Scan:
    source: FromClause = sql_table(Contact)
    columns: list[ColumnElement[Any]] = []
    for question in questions:
        statement = question.checked()
        if question.kind is Kind.MEASURE:
            measure = by_contact(statement)
            source = source.outerjoin(measure, col(Contact.id) == measure.c.id)
            columns.append(measure.c.value)
        else:
            columns.append([*statement.selected_columns][1])
    labelled = [column.label(f"v{number}") for number, column in enumerate(columns)]
    return Scan(questions, select(col(Contact.id), *labelled).select_from(source))


def _statement(sums: Sequence[_Sum]) -> Statement:
    contact = sums[0].contact
    different = {each.about: each.rows for each in sums}
    rows = [*different.values()]
    read = true() if any(isinstance(each, True_) for each in rows) else or_(*rows)
    columns = [each.value if len(rows) == 1 else _of_its_rows(each) for each in sums]
    labelled = [column.label(f"v{number}") for number, column in enumerate(columns)]
    return select(contact, *labelled).where(read).group_by(contact)


def _of_its_rows(one: _Sum) -> ColumnElement[Any]:
    """The value of the rows that count, NULL where there are none."""
    if isinstance(one.rows, True_):
        return one.value

    def of_some(element: Any, **_: Any) -> Any:
        if _is_aggregate(element):
            arguments = [each for each in element.clauses.clauses if not _is_star(each)]
            if element.name in OF_SOME:
                *arguments, condition = arguments
                arguments = [*arguments, and_(condition, one.rows)]
                return getattr(func, element.name)(*arguments, type_=element.type)
            # Of its type, since how SQL divides depends on that.
            return getattr(func, f"{element.name}If")(*arguments, one.rows, type_=element.type)
        return None

    value: Any = visitors.replacement_traverse(one.value, {}, of_some)
    some: ColumnElement[Any] = getattr(func, "if")(
        func.countIf(one.rows) > 0, func.toNullable(value), null()
    )
    return some


def _sum(question: Question, written: Write) -> _Sum | None:
    """What a question makes of the rows of one table; ``None`` where it is not made like that."""
    statement = question.checked()
    if question.kind is Kind.MEASURE:
        return _read(question, statement, lambda again: again, written)
    _, condition = statement.selected_columns
    match condition:
        case BinaryExpression(
            left=Column(name="id") as contact, right=ScalarSelect(element=Select() as among)
        ) if condition.operator is operators.in_op and contact.table is sql_table(Contact):
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
    written: Write,
) -> _Sum | None:
    """The parts of a select of one table, if it is made of these parts only."""
    contact, *values = statement.selected_columns
    measured = question.kind is Kind.MEASURE
    if not (
        isinstance(contact, Column)
        and isinstance(contact.table, Table)
        and contact.name == contact_column(contact.table.name)
        and statement.get_final_froms() == [contact.table]
        and len(values) == measured
    ):
        return None
    table, conditions = contact.table, statement._where_criteria
    again = select(contact, *values).where(*conditions)
    if statement._group_by_clauses:
        again = again.group_by(contact).having(*statement._having_criteria)
    if measured and (statement._having_criteria or not statement._group_by_clauses):
        return None
    value = values[0] if measured else _all(statement._having_criteria)
    rows = _all(conditions)
    if not (_is_of_row(rows, table) and _is_of_rows(value, table)):
        return None
    # Whatever else a select can have would be in its SQL.
    ours, theirs = written(whole(again)), written(whole(statement))
    if (ours.text, ours.values) != (theirs.text, theirs.values):
        return None
    counted = written(select(contact).where(rows))
    about = (counted.text, tuple((type(each), each) for each in counted.values.values()))
    return _Sum(question, contact, table, rows, about, value)


def _all(criteria: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return and_(*criteria) if criteria else true()


def _is_of_row(sql: Any, table: Table) -> bool:
    """Whether SQL says something of one row of a table, by its columns alone."""
    return all(_is_part(each, table) and not _is_aggregate(each) for each in visitors.iterate(sql))


def _is_of_rows(sql: Any, table: Table) -> bool:
    """Whether SQL says something of a contact's rows in a table, by aggregates of its columns."""
    if _is_aggregate(sql):
        arguments = [each for each in sql.clauses.clauses if not _is_star(each)]
        return all(_is_of_row(each, table) for each in arguments)
    if isinstance(sql, Column):
        return False
    return _is_part(sql, table) and all(
        _is_of_rows(each, table) for each in sql.get_children() if not _is_star(each)
    )


def _is_part(sql: Any, table: Table) -> bool:
    """Whether an element, whatever is inside it, is one that may be."""
    if isinstance(sql, Column):
        return sql.table is table
    if isinstance(sql, FunctionElement):
        return _is_aggregate(sql) or sql.name in OF_ROW or sql.name.startswith(OF_ROW_BEGINS)
    return isinstance(sql, ELEMENTS) and getattr(sql, "operator", None) is not operators.distinct_op


def _is_aggregate(sql: Any) -> bool:
    return isinstance(sql, FunctionElement) and sql.name in AGGREGATES + OF_SOME


def _is_star(sql: Any) -> bool:
    return isinstance(sql, ColumnClause) and sql.name == "*"

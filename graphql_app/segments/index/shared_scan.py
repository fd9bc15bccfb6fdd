"""Shared scans: queries that aggregate one table become columns of one statement.

A query that aggregates some rows of one table for each contact can be a column of a statement that
reads the rows of all such queries; each column aggregates its own rows. This is safe for SQL that
consists only of the elements listed here. Any other query keeps its own statement.
"""

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

from graphql_app.audience.statements import RenderedStatement
from graphql_app.audience.tables import Contact, Statement, contact_column, sql_table
from graphql_app.criteria.properties import ELEMENT
from graphql_app.segments.index.cache_key import Kind, VectorQuery
from graphql_app.segments.predicate import by_contact

MAX_TOGETHER = 8  # columns; for a million contacts, this stays far below the memory limit

# Aggregates with an "If" variant, which aggregates some of the rows.
AGGREGATES = ("any", "argMax", "argMin", "avg", "count", "max", "min", "sum", "uniq", "uniqExact")
AGGREGATES_IF = tuple(f"{name}If" for name in AGGREGATES)
# Functions of one row, by name or prefix.
ROW_FUNCTIONS = frozenset(
    {"abs", "arrayExists", "caseFoldUTF8", "coalesce", "divide", "greatest", "ifNull", "intDiv"}
    | {"isNull", "lambda", "least", "length", "lower", "lowerUTF8", "match", "modulo", "multiIf"}
    | {"multiply", "normalizeUTF8NFKC", "nullIf", "position", "replaceAll", "replaceRegexpAll"}
    | {"throwIf", "tuple", "upper", "upperUTF8"}
)
ROW_FUNCTION_PREFIXES = ("JSON", "to")
# Functions that change the number of rows or columns.
MULTIPLYING = frozenset({"arrayJoin", "untuple", "COLUMNS", "columns"})
ELEMENTS = (
    BinaryExpression, BindParameter, BooleanClauseList, ClauseList, Column, FunctionElement,
    Grouping, Null, True_, UnaryExpression,
)  # fmt: skip

Render: TypeAlias = Callable[[Statement], RenderedStatement]


@dataclass(frozen=True, slots=True)
class Scan:
    """A statement that selects contact ids and, for each query, its value, or NULL or 0."""

    queries: Sequence[VectorQuery]
    statement: Statement


@dataclass(frozen=True, slots=True)
class _Aggregate:
    """A query that aggregates the rows of one table for each contact."""

    query: VectorQuery
    contact: Column[Any]  # the column with the contact's id
    table: Table
    rows: ColumnElement[bool]  # the condition on rows
    rows_key: Hashable  # equal for equal conditions
    value: ColumnElement[Any]  # the aggregate


def shared_scans(
    queries: Iterable[VectorQuery], render: Render, most: int = MAX_TOGETHER
) -> Iterator[Scan]:
    """Yield statements for up to ``most`` queries each, one per table where sharing is safe.

    ``render`` renders a statement, to verify that no part of it was overlooked.
    """
    by_tables: dict[frozenset[str], list[VectorQuery]] = defaultdict(list)
    for query in queries:
        by_tables[query.reads].append(query)
    aggregates: dict[Table, list[_Aggregate]] = defaultdict(list)
    for together in by_tables.values():
        for query in together:
            found = _aggregate(query, render) if len(together) > 1 else None
            if found is None:
                yield single_scan(query)
            else:
                aggregates[found.table].append(found)
    for of_table in aggregates.values():
        for begin in range(0, len(of_table), most):
            some = of_table[begin : begin + most]
            queries = [each.query for each in some]
            yield Scan(queries, _statement(some)) if len(some) > 1 else single_scan(queries[0])


def single_scan(query: VectorQuery) -> Scan:
    return Scan([query], query.statement)


def matching_scan(query: VectorQuery) -> Scan:
    """Return a scan of one query; a condition selects only the contacts for which it holds."""
    scan = single_scan(query)
    if query.kind is Kind.CONDITION:
        _, condition = scan.statement.selected_columns
        return Scan([query], select(col(Contact.id), true()).where(condition))
    return scan


def joined_scans(queries: Iterable[VectorQuery], most: int) -> Iterator[Scan]:
    """Yield statements with one row per contact, and queries as columns where possible.

    Joins read every contact that the statement sees, so this suits few contacts, or queries on
    ``Contact`` alone.
    """
    together = []
    for query in queries:
        if query.kind is Kind.MEASURE or _has_row_per_contact(query.statement):
            together.append(query)
        else:
            yield matching_scan(query)
    for begin in range(0, len(together), most):
        some = together[begin : begin + most]
        yield _joined(some) if len(some) > 1 else matching_scan(some[0])


def _has_row_per_contact(statement: Statement) -> bool:
    _, value = statement.selected_columns
    return statement.get_final_froms() == [sql_table(Contact)] and not any(
        isinstance(each, FunctionElement) and each.name in MULTIPLYING
        for each in visitors.iterate(value)
    )


def _joined(queries: Sequence[VectorQuery]) -> Scan:
    source: FromClause = sql_table(Contact)
    columns: list[ColumnElement[Any]] = []
    for query in queries:
        statement = query.statement
        if query.kind is Kind.MEASURE:
            measure = by_contact(statement)
            source = source.outerjoin(measure, col(Contact.id) == measure.c.id)
            columns.append(measure.c.value)
        else:
            columns.append([*statement.selected_columns][1])
    labeled = [column.label(f"v{number}") for number, column in enumerate(columns)]
    return Scan(queries, select(col(Contact.id), *labeled).select_from(source))


def _statement(aggregates: Sequence[_Aggregate]) -> Statement:
    contact = aggregates[0].contact
    different = {each.rows_key: each.rows for each in aggregates}
    rows = [*different.values()]
    read = true() if any(isinstance(each, True_) for each in rows) else or_(*rows)
    columns = [each.value if len(rows) == 1 else _over_own_rows(each) for each in aggregates]
    labeled = [column.label(f"v{number}") for number, column in enumerate(columns)]
    return select(contact, *labeled).where(read).group_by(contact)


def _over_own_rows(one: _Aggregate) -> ColumnElement[Any]:
    """Return an aggregate over its own rows, NULL without any."""
    if isinstance(one.rows, True_):
        return one.value

    def conditional(element: Any, **_: Any) -> Any:
        if _is_aggregate(element):
            arguments = [each for each in element.clauses.clauses if not _is_star(each)]
            if element.name in AGGREGATES_IF:
                *arguments, condition = arguments
                arguments = [*arguments, and_(condition, one.rows)]
                return getattr(func, element.name)(*arguments, type_=element.type)
            # Keep the type, on which division in SQL depends.
            return getattr(func, f"{element.name}If")(*arguments, one.rows, type_=element.type)
        return None

    value: Any = visitors.replacement_traverse(one.value, {}, conditional)
    some: ColumnElement[Any] = getattr(func, "if")(
        func.countIf(one.rows) > 0, func.toNullable(value), null()
    )
    return some


def _aggregate(query: VectorQuery, render: Render) -> _Aggregate | None:
    """Return a query as an aggregate of one table; ``None`` if it is anything else."""
    statement = query.statement
    if query.kind is Kind.MEASURE:
        return _parts(query, statement, lambda again: again, render)
    _, condition = statement.selected_columns
    match condition:
        case BinaryExpression(
            left=Column(name="id") as contact, right=ScalarSelect(element=Select() as among)
        ) if condition.operator is operators.in_op and contact.table is sql_table(Contact):
            contact_id = col(Contact.id)
            return _parts(
                query, among, lambda again: select(contact_id, contact_id.in_(again)), render
            )
        case _:
            return None


def _parts(
    query: VectorQuery,
    statement: Statement,
    whole: Callable[[Statement], Statement],
    render: Render,
) -> _Aggregate | None:
    """Take a select of one table apart; ``None`` if it has any other part."""
    contact, *values = statement.selected_columns
    measured = query.kind is Kind.MEASURE
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
    if not (_depends_on_row(rows, table) and _depends_on_rows(value, table)):
        return None
    # Any other part of the select would show in its SQL.
    ours, theirs = render(whole(again)), render(whole(statement))
    if (ours.text, ours.values) != (theirs.text, theirs.values):
        return None
    counted = render(select(contact).where(rows))
    rows_key = (counted.text, tuple((type(each), each) for each in counted.values.values()))
    return _Aggregate(query, contact, table, rows, rows_key, value)


def _all(criteria: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return and_(*criteria) if criteria else true()


def _depends_on_row(sql: Any, table: Table) -> bool:
    """Return whether SQL depends only on the columns of one row of a table."""
    return all(_is_part(each, table) and not _is_aggregate(each) for each in visitors.iterate(sql))


def _depends_on_rows(sql: Any, table: Table) -> bool:
    """Return whether SQL depends only on aggregates of a contact's rows in a table."""
    if _is_aggregate(sql):
        arguments = [each for each in sql.clauses.clauses if not _is_star(each)]
        return all(_depends_on_row(each, table) for each in arguments)
    if isinstance(sql, Column):
        return False
    return _is_part(sql, table) and all(
        _depends_on_rows(each, table) for each in sql.get_children() if not _is_star(each)
    )


def _is_part(sql: Any, table: Table) -> bool:
    """Return whether an element is allowed, apart from its children."""
    if isinstance(sql, Column):
        return sql.table is table
    if isinstance(sql, ColumnClause):
        return sql.table is None and sql.name == ELEMENT.name
    if isinstance(sql, FunctionElement):
        return (
            _is_aggregate(sql)
            or sql.name in ROW_FUNCTIONS
            or sql.name.startswith(ROW_FUNCTION_PREFIXES)
        )
    return isinstance(sql, ELEMENTS) and getattr(sql, "operator", None) is not operators.distinct_op


def _is_aggregate(sql: Any) -> bool:
    return isinstance(sql, FunctionElement) and sql.name in AGGREGATES + AGGREGATES_IF


def _is_star(sql: Any) -> bool:
    return isinstance(sql, ColumnClause) and sql.name == "*"

"""Whether a statement gives on a cluster what it gives on one server.

The statement itself is put together from all shards, whatever it reads. But a subquery that is
compared with a contact, or joined to contacts, is answered on each shard from what is there: a
contact's own rows. So it must be of one contact at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Join,
    Select,
    Subquery,
    Table,
)
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, ClauseList, Grouping, Tuple
from sqlalchemy.sql.selectable import Exists, ScalarSelect, SelectStatementGrouping

from graphql_app.audience.ddl import EVERYWHERE
from graphql_app.audience.tables import Contact


class NotShardSafeError(Exception):
    """A statement would have another answer on a cluster; the message says what it does."""


def check_shard_safe(statement: Any) -> None:
    """Have a statement give the same on a cluster.

    Raises:
        NotShardSafeError: It may not.
    """
    _check(statement, on_shard=False)


def _check(query: Any, on_shard: bool) -> None:
    """Check a query that is put together from all shards, or else answered on each of them."""
    query = _bare(query)
    if isinstance(query, CompoundSelect):
        for each in query.selects:
            _check(each, on_shard)
        return
    if not isinstance(query, Select) or not _spread(query):
        return
    if on_shard:
        _check_shape(query)
    sources = query.get_final_froms()
    if sum(map(_spread, sources)) > 1:
        raise NotShardSafeError("joins contacts' facts without saying that they are of one")
    for source in sources:
        _check_source(source, on_shard)
    spread = any(map(_spread, sources))
    conditions = [*query._where_criteria, *query._having_criteria, *query._group_by_clauses]
    for part in [*query.selected_columns, *conditions, *query._order_by_clauses]:
        _check_expression(part, on_shard or spread)


def _check_shape(query: Select[Any]) -> None:
    """Have a query that is answered on a shard say something of each contact's own rows."""
    if query._limit_clause is not None or query._offset_clause is not None:
        raise NotShardSafeError("takes some of all contacts' rows, by a limit")
    groups = [*query._group_by_clauses]
    if groups and not any(map(_is_contact, groups)):
        raise NotShardSafeError("groups rows of several contacts together")
    if not any(map(_is_contact, groups or query.selected_columns)):
        raise NotShardSafeError("reads facts of contacts and does not say whose")


def _check_source(source: FromClause, on_shard: bool) -> None:
    if isinstance(source, Subquery):
        _check(source.element, on_shard)
    if not isinstance(source, Join):
        return
    _check_source(source.left, on_shard)
    _check_expression(source.onclause, on_shard or _spread(source.left))
    if not _spread(source.right):
        return
    if not _spread(source.left):
        # One server has what it begins with, and puts together from all shards what is joined.
        if on_shard:
            raise NotShardSafeError("joins facts of contacts to what is not of one")
        _check_source(source.right, on_shard)
        return
    if not any(map(_is_of_one, _all_of(source.onclause))):
        raise NotShardSafeError("joins facts of contacts that are not the same one's")
    _check_source(source.right, on_shard=True)


def _check_expression(part: Any, on_shard: bool) -> None:
    """Check the subqueries of an expression, those in them excepted."""
    if isinstance(part, BinaryExpression) and part.operator in {
        operators.in_op,
        operators.not_in_op,
    }:
        inner = _bare(part.right)
        if isinstance(inner, Select | CompoundSelect) and _spread(inner):
            if on_shard and not _is_among_own(part.left, inner):
                raise NotShardSafeError("looks among other contacts' facts")
            _check(inner, on_shard)
            _check_expression(part.left, on_shard)
            return
    if isinstance(part, ScalarSelect | Exists | Select | CompoundSelect):
        if _spread(_bare(part)):
            raise NotShardSafeError("has a value made of facts of all contacts")
        return
    for child in part.get_children() if part is not None else ():
        if isinstance(child, ColumnElement | ClauseList) or not isinstance(child, FromClause):
            _check_expression(child, on_shard)


def _is_among_own(element: Any, query: Any) -> bool:
    """Whether a contact, by itself or in a tuple, is looked for among contacts."""
    if isinstance(query, CompoundSelect):
        return all(_is_among_own(element, _bare(each)) for each in query.selects)
    sought = element.clauses if isinstance(element, Tuple) else [element]
    return any(map(_are_contacts, zip(sought, query.selected_columns, strict=False)))


def _are_contacts(pair: tuple[Any, Any]) -> bool:
    return all(map(_is_contact, pair))


def _is_of_one(condition: Any) -> bool:
    return (
        isinstance(condition, BinaryExpression)
        and condition.operator is operators.eq
        and _is_contact(condition.left)
        and _is_contact(condition.right)
    )


def _all_of(condition: Any) -> Iterator[Any]:
    """The parts of a condition that all hold."""
    if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for each in condition.clauses:
            yield from _all_of(each)
    elif isinstance(condition, Grouping):
        yield from _all_of(condition.element)
    else:
        yield condition


def _is_contact(element: Any) -> bool:
    """Whether an element is the column, by whatever name, that says of which contact a row is."""
    if not isinstance(element, ColumnElement):
        return False
    return any(
        isinstance(column, Column)
        and isinstance(column.table, Table)
        and column.table.name not in EVERYWHERE
        and column.name == ("id" if column.table.name == Contact.__tablename__ else "contact_id")
        for column in element.base_columns
    )


def _spread(element: Any) -> bool:
    """Whether anything that is read there is spread over shards."""
    return any(
        isinstance(each, Table) and each.name not in EVERYWHERE
        for each in visitors.iterate(element)
    )


def _bare(query: Any) -> Any:
    """A query without what is around it."""
    while isinstance(query, Subquery | SelectStatementGrouping | ScalarSelect | Exists | Grouping):
        query = query.element
    return query

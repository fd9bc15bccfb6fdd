"""Checks that a statement returns the same result on a cluster as on one server.

The outermost query reads all shards. A subquery that is compared with a contact, or joined to one,
is executed on each shard and sees only that shard's contacts. So its result for a contact may
depend only on the contact's own rows.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, CompoundSelect, FromClause, Select, Subquery, Table
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, ClauseList, Grouping, Tuple
from sqlalchemy.sql.selectable import Exists, Join, ScalarSelect, SelectStatementGrouping

from graphql_app.audience.ddl import UNSHARDED
from graphql_app.audience.tables import contact_column

_MEMBERSHIP = {operators.in_op, operators.not_in_op}


class NotShardSafeError(Exception):
    """A statement could return another result on a cluster; the message says why."""


def check_shard_safe(query: Any, on_shard: bool = False) -> None:
    """Check that a query returns the same result on a cluster.

    It is executed on each shard if ``on_shard``, or else on all shards together.

    Raises:
        NotShardSafeError: It may return another one.
    """
    query = _unwrap(query)
    if isinstance(query, CompoundSelect):
        for each in query.selects:
            check_shard_safe(each, on_shard)
        return
    if not isinstance(query, Select) or not _is_sharded(query):
        return
    if on_shard:
        _check_shape(query)
    sources = query.get_final_froms()
    if sum(map(_is_sharded, sources)) > 1:
        raise NotShardSafeError("joins facts of contacts without comparing the contacts")
    for source in sources:
        _check_source(source, on_shard)
    spread = any(map(_is_sharded, sources))
    conditions = [*query._where_criteria, *query._having_criteria, *query._group_by_clauses]
    for part in [*query.selected_columns, *conditions, *query._order_by_clauses]:
        _check_expression(part, on_shard or spread)


def _check_shape(query: Select[Any]) -> None:
    """Check that a query for one shard depends only on each contact's own rows."""
    if query._limit_clause is not None or query._offset_clause is not None:
        raise NotShardSafeError("limits the rows of all contacts together")
    groups = [*query._group_by_clauses]
    if groups and not any(map(_is_contact, groups)):
        raise NotShardSafeError("groups rows of several contacts together")
    if not any(map(_is_contact, groups or query.selected_columns)):
        raise NotShardSafeError("reads facts of contacts without selecting the contact")


def _check_source(source: FromClause, on_shard: bool) -> None:
    if isinstance(source, Subquery):
        check_shard_safe(source.element, on_shard)
    if not isinstance(source, Join):
        return
    _check_source(source.left, on_shard)
    _check_expression(source.onclause, on_shard or _is_sharded(source.left))
    if not _is_sharded(source.right):
        return
    if not _is_sharded(source.left):
        # A node has all rows of the left side, and reads the right side from all shards.
        if on_shard:
            raise NotShardSafeError("joins facts of contacts to rows without a contact")
        _check_source(source.right, on_shard)
        return
    if not any(map(_compares_contacts, _split_conjunction(source.onclause))):
        raise NotShardSafeError("joins facts of different contacts")
    _check_source(source.right, on_shard=True)


def _check_expression(part: Any, on_shard: bool) -> None:
    """Check the outermost subqueries of an expression."""
    if isinstance(part, BinaryExpression) and part.operator in _MEMBERSHIP:
        inner = _unwrap(part.right)
        if isinstance(inner, Select | CompoundSelect) and _is_sharded(inner):
            if on_shard and not _looks_among_contacts(part.left, inner):
                raise NotShardSafeError("looks among facts of other contacts")
            check_shard_safe(inner, on_shard)
            _check_expression(part.left, on_shard)
            return
    if isinstance(part, ScalarSelect | Exists | Select | CompoundSelect):
        if _is_sharded(_unwrap(part)):
            raise NotShardSafeError("has a value made of facts of all contacts")
        return
    for child in part.get_children() if part is not None else ():
        if isinstance(child, ColumnElement | ClauseList) or not isinstance(child, FromClause):
            _check_expression(child, on_shard)


def _looks_among_contacts(element: Any, query: Any) -> bool:
    """Return whether a contact, alone or in a tuple, is looked for among contacts."""
    if isinstance(query, CompoundSelect):
        return all(_looks_among_contacts(element, _unwrap(each)) for each in query.selects)
    sought = element.clauses if isinstance(element, Tuple) else [element]
    pairs = zip(sought, query.selected_columns, strict=False)
    return any(_is_contact(left) and _is_contact(right) for left, right in pairs)


def _compares_contacts(condition: Any) -> bool:
    return (
        isinstance(condition, BinaryExpression)
        and condition.operator is operators.eq
        and _is_contact(condition.left)
        and _is_contact(condition.right)
    )


def _split_conjunction(condition: Any) -> Iterator[Any]:
    if isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for each in condition.clauses:
            yield from _split_conjunction(each)
    elif isinstance(condition, Grouping):
        yield from _split_conjunction(condition.element)
    else:
        yield condition


def _is_contact(element: Any) -> bool:
    """Return whether an element is the contact column of a table, under any label."""
    if not isinstance(element, ColumnElement):
        return False
    return any(
        isinstance(column, Column)
        and isinstance(column.table, Table)
        and column.table.name not in UNSHARDED
        and column.name == contact_column(column.table.name)
        for column in element.base_columns
    )


def _is_sharded(element: Any) -> bool:
    return any(
        isinstance(each, Table) and each.name not in UNSHARDED for each in visitors.iterate(element)
    )


def _unwrap(query: Any) -> Any:
    while isinstance(query, Subquery | SelectStatementGrouping | ScalarSelect | Exists | Grouping):
        query = query.element
    return query

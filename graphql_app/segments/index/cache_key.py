"""Cache keys: the query of a criterion, which names a vector.

The key of a query is its SQL and bound values. So every plugin's criterion has one, and criteria
that differ only in their bounds share a vector. Everything that can change the result is in the
SQL: the time window, the shop's time zone, the day.

Instants that move with the clock are kept apart from the key. When such an instant is only compared
with a column of facts, passing time affects contacts with a row between its old and new position.
Anything else that moves with the clock is not indexable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy import Column, Select, Table, select
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import AliasedReturnsRows
from sqlmodel import col

from graphql_app.audience.statements import RenderedStatement
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import INSTANT, Contact, Expression, Product, Statement, sql_table
from graphql_app.criteria import Criterion, MeasuredCriterion, Scope
from graphql_app.segments.failures import blaming
from graphql_app.segments.index.fallback import NotIndexableError
from graphql_app.segments.sql_guard import checked

COMPARISONS = {operators.lt, operators.le, operators.gt, operators.ge, operators.eq, operators.ne}
TICK = timedelta(milliseconds=1)

# Functions that read the clock or are random, by name or prefix.
NONDETERMINISTIC = frozenset({"today", "yesterday", "curdate", "uptime"})
NONDETERMINISTIC_PREFIXES = ("now", "current_", "utc", "rand", "fuzz", "generate")


class WatchedScope(Scope):
    """A scope that notes whether its instant was read."""

    was_read: bool
    _scope: Scope
    __slots__ = ("_scope", "was_read")

    def __init__(self, scope: Scope) -> None:
        object.__setattr__(self, "timezone", scope.timezone)
        object.__setattr__(self, "currency", scope.currency)
        object.__setattr__(self, "first_weekday", scope.first_weekday)
        object.__setattr__(self, "country", scope.country)
        object.__setattr__(self, "_scope", scope)
        object.__setattr__(self, "was_read", False)

    @property
    def now(self) -> datetime:
        object.__setattr__(self, "was_read", True)
        return self._scope.now


@dataclass(frozen=True, slots=True)
class Moving:
    """An instant that moves with the clock, and the column that it is compared with."""

    column: Column[Any]
    at: datetime


class Kind(Enum):
    """What a query returns: a measure of facts, a column of the contact, or a condition."""

    MEASURE = "measure"
    OWN = "own"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """A query whose result one vector holds.

    Attributes:
        key: Equal for queries with equal results at equal positions of ``moving``.
        statement: Selects contact ids, and a value or whether the condition holds.
        absent: The value of a contact that the statement does not return.
        reads: The tables that the result depends on; ``contacts`` only if other columns than the
            id matter.
        criterion: The criterion; ``None`` for the host's own queries.
        steady: Whether the result does not depend on the time.
    """

    key: Hashable
    kind: Kind
    statement: Statement
    absent: int | None
    reads: frozenset[str]
    moving: tuple[Moving, ...]
    criterion: Criterion | None
    steady: bool = True

    def check(self) -> None:
        """Raise ``CriterionFailedError`` if the statement has something forbidden."""
        if self.criterion is not None:
            with blaming(self.criterion):
                checked(self.statement, self.criterion.key)

    @classmethod
    def of_contact(cls, name: str) -> VectorQuery:
        statement = select(col(Contact.id), col(getattr(Contact, name)))
        reads = frozenset({Contact.__tablename__})
        return cls((Kind.OWN, name), Kind.OWN, statement, None, reads, (), None)


class QueryBuilder:
    """A builder of criteria's queries, which remembers up to ``remembered`` of them."""

    def __init__(self, audience: Audience, remembered: int = 4_096) -> None:
        self._audience = audience
        self._remembered = remembered
        # The query of a criterion's class, shop and fields, with the names of its moving values.
        self._known: dict[Hashable, tuple[VectorQuery, frozenset[str]]] = {}
        self._reading_bounds: set[type[Criterion]] = set()

    def build(self, criterion: Criterion, scope: Scope, measured: bool) -> VectorQuery:
        """Return the query of a criterion's measure or condition; its operator must be positive.

        Raises:
            NotIndexableError: The query changes with time in a way that cannot be followed.
            CriterionFailedError: The criterion's code failed.
        """
        key = self._memory_key(criterion, scope, measured)
        known, moving = self._known.get(key, (None, frozenset[str]()))
        if known is not None and known.steady:
            return replace(known, criterion=criterion)
        if known is not None:
            query, rendered = self._build(criterion, scope, measured, known.reads)
            return self._separate_moving(replace(query, steady=False), rendered, scope, moving)
        watched = WatchedScope(scope)
        query, rendered = self._build(criterion, watched, measured)
        if watched.was_read:
            moving = self._moving(rendered, criterion, scope, measured)
            query = replace(query, steady=False)
        query = self._separate_moving(query, rendered, scope, moving)
        while len(self._known) >= self._remembered:
            self._known.pop(next(iter(self._known)), None)
        # Building may have found that the measure reads the bounds.
        self._known[self._memory_key(criterion, scope, measured)] = query, moving
        return query

    def _memory_key(self, criterion: Criterion, scope: Scope, measured: bool) -> Hashable:
        """Return what the query depends on, apart from the instant."""
        kind = type(criterion)
        unused = criterion.bounds if measured and isinstance(criterion, MeasuredCriterion) else ()
        if kind in self._reading_bounds:
            unused = ()
        fields = tuple(
            (name, type(value), repr(value) if isinstance(value, list | dict) else value)
            for name, value in criterion.__dict__.items()
            if name not in unused
        )
        shop = scope.timezone.key, scope.currency, scope.first_weekday, scope.country
        return kind, measured, shop, fields

    def _build(
        self,
        criterion: Criterion,
        scope: Scope,
        measured: bool,
        reads: frozenset[str] | None = None,
    ) -> tuple[VectorQuery, RenderedStatement]:
        kind, absent = Kind.CONDITION, None
        with blaming(criterion):
            if measured and isinstance(criterion, MeasuredCriterion):
                measure = self._measure(criterion, scope)
                absent = criterion.absent
                kind = Kind.MEASURE if isinstance(measure, Select) else Kind.OWN
                statement = measure if isinstance(measure, Select) else _of_contact(measure)
            else:
                statement = _of_contact(criterion.matches(scope))
            rendered = self._audience.render(statement)
        key = _key(kind, absent, rendered.text, rendered.values)
        reads = _reads(statement) if reads is None else reads
        return VectorQuery(key, kind, statement, absent, reads, (), criterion), rendered

    def _measure(self, criterion: MeasuredCriterion, scope: Scope) -> Statement | Expression:
        """Return the measure of the criterion without its bounds, so that it cannot use them.

        If a measure reads a bound anyway, it gets all bounds, and its queries are remembered by
        them.
        """
        if type(criterion) not in self._reading_bounds:
            unbounded = criterion.model_copy()
            for name in criterion.bounds:
                unbounded.__dict__.pop(name, None)
            try:
                return unbounded.measure(scope)
            except AttributeError:
                self._reading_bounds.add(type(criterion))
        return criterion.measure(scope)

    def _moving(
        self, rendered: RenderedStatement, criterion: Criterion, scope: Scope, measured: bool
    ) -> frozenset[str]:
        """Return the names of the bound values that move with the clock.

        These change in each of the next two milliseconds. A value that changes in only one of them
        jumps, such as the start of the month. Between jumps it is part of the key.
        """
        moving = frozenset(rendered.values)
        for tick in (1, 2):
            later = replace(scope, now=scope.now + tick * TICK)
            _, other = self._build(criterion, later, measured)
            if rendered.text != other.text or rendered.values.keys() != other.values.keys():
                raise NotIndexableError(f"{criterion.key} has different SQL at another instant")
            moving &= {n for n, value in rendered.values.items() if other.values[n] != value}
            rendered = other
        return moving

    @staticmethod
    def _separate_moving(
        query: VectorQuery, rendered: RenderedStatement, scope: Scope, names: frozenset[str]
    ) -> VectorQuery:
        """Return the query with its moving instants separated from its key.

        Raises:
            NotIndexableError: A moving value is something other than an instant that is compared
                with a column.
        """
        if not names:
            return query
        given = rendered.values
        columns = _compared_instants(query.statement)
        compared = {rendered.names[key]: column for key, column in columns.items()}
        if not all(name in compared and isinstance(given[name], datetime) for name in names):
            raise NotIndexableError("a value other than a compared instant changes with time")
        relative = {
            name: value - scope.now if name in names else value for name, value in given.items()
        }
        moving = tuple(Moving(compared[name], given[name]) for name in sorted(names))
        key = _key(query.kind, query.absent, rendered.text, relative)
        return replace(query, key=key, moving=moving)


def _of_contact(value: Expression) -> Statement:
    return select(col(Contact.id), value)


def _key(kind: Kind, absent: int | None, text: str, values: Mapping[str, Any]) -> Hashable:
    key = (kind, absent, text, tuple((name, type(value), value) for name, value in values.items()))
    try:
        hash(key)
    except TypeError as error:
        raise NotIndexableError("it binds a value without a hash") from error
    return key


def _reads(statement: Statement) -> frozenset[str]:
    """Return the tables that a statement depends on.

    Raises:
        NotIndexableError: The statement calls a function that reads the clock or is random.
    """
    tables, contacts = set(), False
    for element in visitors.iterate(statement):
        if isinstance(element, Column) and isinstance(element.table, Table):
            tables.add(element.table.name)
            contacts |= element.table.name == Contact.__tablename__ and element.name != "id"
        elif isinstance(element, Table):
            tables.add(element.name)
        elif isinstance(element, AliasedReturnsRows):
            contacts |= element.element is sql_table(Contact)
        elif isinstance(element, FunctionElement):
            name = element.name.lower()
            if name in NONDETERMINISTIC or name.startswith(NONDETERMINISTIC_PREFIXES):
                raise NotIndexableError(f"it calls {element.name}")
    return frozenset(tables if contacts else tables - {Contact.__tablename__})


def _compared_instants(sql: Any) -> dict[str, Column[Any]]:
    """Return the bind keys of instants whose only use is a comparison with a column of facts."""
    found: dict[str, Column[Any]] = {}
    uses: Counter[str] = Counter()
    for element in visitors.iterate(sql):
        match element:
            case BindParameter():
                uses[element.key] += 1
            case BinaryExpression(left=Column() as column, right=BindParameter() as bind) if (
                element.operator in COMPARISONS
                and isinstance(column.table, Table)
                and column.table.name != Product.__tablename__
                and str(INSTANT) in str(column.type)
            ):
                found[bind.key] = column
    return {name: column for name, column in found.items() if uses[name] == 1}

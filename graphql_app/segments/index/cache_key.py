"""Questions: what a criterion asks, apart from the bounds that its measure is compared with.

A question is told by its SQL and the values bound in it. So any plugin's criterion has one, and two
criteria that differ in an amount only, or are of different plugins, may share a vector. Whatever
can change the answer is in the SQL: the window, the shop's zone, its day.

Of the values, the instants that move with the clock are apart. Where such an instant is compared
with a column of facts and nothing else, time takes in or lets go the contacts that have a row
between where it was and where it is; anything else that moves with the clock is in doubt.
"""

from __future__ import annotations

from collections import defaultdict
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

from graphql_app.audience.rendering import RenderedStatement
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import (
    INSTANT,
    Contact,
    Expression,
    Product,
    Statement,
    sql_table,
)
from graphql_app.criteria import Criterion, MeasuredCriterion, Scope
from graphql_app.segments.failures import blaming
from graphql_app.segments.index.fallback import DoubtError
from graphql_app.segments.index.field_tracking import reading, values
from graphql_app.segments.sql_guard import checked

COMPARISONS = {operators.lt, operators.le, operators.gt, operators.ge, operators.eq, operators.ne}
TICK = timedelta(milliseconds=1)

# Functions that read the clock, or chance, behind the scope's back: by name, or how names begin.
UNSTEADY = frozenset({"today", "yesterday", "curdate", "uptime"})
UNSTEADY_BEGINS = ("now", "current_", "utc", "rand", "fuzz", "generate")


class WatchedScope(Scope):
    """A scope that knows whether it was asked for the time."""

    asked: bool
    _scope: Scope
    __slots__ = ("_scope", "asked")

    def __init__(self, scope: Scope) -> None:
        object.__setattr__(self, "timezone", scope.timezone)
        object.__setattr__(self, "currency", scope.currency)
        object.__setattr__(self, "_scope", scope)
        object.__setattr__(self, "asked", False)

    @property
    def now(self) -> datetime:
        """The instant, and a note that it was asked for."""
        object.__setattr__(self, "asked", True)
        return self._scope.now


@dataclass(frozen=True, slots=True)
class Moving:
    """An instant that moves with the clock, and the column of facts that it is compared with."""

    column: Column[Any]
    at: datetime


class Kind(Enum):
    """What a criterion gives: a measure of facts, a value of the contact's own, or a condition."""

    MEASURE = "measure"
    OWN = "own"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class Question:
    """What one vector holds the answers to.

    Attributes:
        key: The same for questions that have the same answers, but for where ``moving`` is.
        kind: What the criterion gives.
        statement: Contacts, and the value of each or whether the condition holds.
        absent: The value of a contact without one.
        reads: The tables whose rows count, ``contacts`` only if more of it counts than ids.
        moving: The instants in it that move.
        steady: Whether it does not depend on the time.
        criterion: Whose it is; ``None`` if it is the host's own.
    """

    key: Hashable
    kind: Kind
    statement: Statement
    absent: int | None
    reads: frozenset[str]
    moving: tuple[Moving, ...]
    criterion: Criterion | None
    steady: bool = True

    def checked(self) -> Statement:
        """The statement, once nothing forbidden is found in it.

        Raises:
            CriterionFailedError: Something is.
        """
        if self.criterion is None:
            return self.statement
        with blaming(self.criterion):
            return checked(self.statement, self.criterion.key)

    @classmethod
    def of_contact(cls, name: str) -> Question:
        """What a column of ``Contact`` holds."""
        statement = select(col(Contact.id), col(getattr(Contact, name)))
        reads = frozenset({Contact.__tablename__})
        return cls((Kind.OWN, name), Kind.OWN, statement, None, reads, (), None)


class Asking:
    """Makes questions of criteria; what another amount or time does not change is made once.

    Args:
        audience: Whose dialect the SQL is in.
        remembered: How many to keep.
    """

    def __init__(self, audience: Audience, remembered: int = 4_096) -> None:
        self._audience = audience
        self._remembered = remembered
        # By class: which sets of fields its code was seen to read. By these fields' values: what
        # was made, and the names of the values in it that move.
        self._reads: dict[Hashable, list[frozenset[str]]] = defaultdict(list)
        self._known: dict[Hashable, tuple[Question, frozenset[str]]] = {}

    def question(self, criterion: Criterion, scope: Scope, measured: bool) -> Question:
        """The question of a criterion with a positive operator.

        Args:
            criterion: The criterion.
            scope: The shop at an instant.
            measured: Whether to ask for its measure, not for its condition.

        Raises:
            DoubtError: It changes with time in a way that cannot be followed.
            CriterionFailedError: It has no SQL.
        """
        about = (type(criterion), measured, scope.timezone.key, scope.currency)
        for fields in self._reads[about]:
            found, names = self._known.get((about, fields, values(criterion, fields)), (None, None))
            if found is not None and found.steady:
                return replace(found, criterion=criterion)
            if found is not None and names is not None:
                question, written, _ = self._made(criterion, scope, measured, found.reads)
                return self._apart(replace(question, steady=False), written, scope, names)
        watched = WatchedScope(scope)
        question, written, fields = self._made(criterion, watched, measured)
        names = frozenset[str]()
        if watched.asked:
            names = self._moving(written, criterion, scope, measured)
            question = replace(question, steady=False)
        question = self._apart(question, written, scope, names)
        while len(self._known) >= self._remembered:
            self._known.pop(next(iter(self._known)), None)
        self._known[about, fields, values(criterion, fields)] = question, names
        if fields not in self._reads[about]:
            self._reads[about].append(fields)
        return question

    def _made(
        self,
        criterion: Criterion,
        scope: Scope,
        measured: bool,
        reads: frozenset[str] | None = None,
    ) -> tuple[Question, RenderedStatement, frozenset[str]]:
        """The question, its SQL as it is written, and the fields that were read to make it."""
        kind, absent = Kind.CONDITION, None
        with blaming(criterion):
            if measured and isinstance(criterion, MeasuredCriterion):
                measure, fields = reading(criterion, lambda own: _measure(own, scope))
                absent = criterion.absent
                kind = Kind.MEASURE if isinstance(measure, Select) else Kind.OWN
                statement = measure if isinstance(measure, Select) else _of_contact(measure)
            else:
                condition, fields = reading(criterion, lambda own: own.matches(scope))
                statement = _of_contact(condition)
            written = self._audience.render(statement)
        key = _key(kind, absent, written.text, written.values)
        reads = _reads(statement) if reads is None else reads
        return Question(key, kind, statement, absent, reads, (), criterion), written, fields

    def _moving(
        self, written: RenderedStatement, criterion: Criterion, scope: Scope, measured: bool
    ) -> frozenset[str]:
        """The names of the values that move: those that differ a tick later."""
        later = replace(scope, now=scope.now + TICK)
        _, other, _ = self._made(criterion, later, measured)
        if written.text != other.text or written.values.keys() != other.values.keys():
            raise DoubtError(f"{criterion.key} has other SQL at another instant")
        return frozenset(n for n, value in written.values.items() if other.values[n] != value)

    @staticmethod
    def _apart(
        question: Question, written: RenderedStatement, scope: Scope, names: frozenset[str]
    ) -> Question:
        """The question with its moving instants apart.

        Raises:
            DoubtError: Something else moves.
        """
        if not names:
            return question
        given = written.values
        columns = _compared_instants(question.statement)
        compared = {written.names[key]: column for key, column in columns.items()}
        if not all(name in compared and isinstance(given[name], datetime) for name in names):
            raise DoubtError("more changes with time than instants that are compared")
        apart = {
            name: value - scope.now if name in names else value for name, value in given.items()
        }
        moving = tuple(Moving(compared[name], given[name]) for name in sorted(names))
        return replace(
            question, key=_key(question.kind, question.absent, written.text, apart), moving=moving
        )


def _measure(criterion: Criterion, scope: Scope) -> Statement | Expression:
    if not isinstance(criterion, MeasuredCriterion):
        raise TypeError(f"{criterion.key} has no measure")
    return criterion.measure(scope)


def _of_contact(value: Expression) -> Statement:
    return select(col(Contact.id), value)


def _key(kind: Kind, absent: int | None, written: str, values: Mapping[str, Any]) -> Hashable:
    key = (
        kind,
        absent,
        written,
        tuple((name, type(value), value) for name, value in values.items()),
    )
    try:
        hash(key)
    except TypeError as error:
        raise DoubtError("it binds a value that cannot be told from others") from error
    return key


def _reads(statement: Statement) -> frozenset[str]:
    """The tables whose rows count in a statement.

    Raises:
        DoubtError: It reads the clock, or chance, behind the scope's back.
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
            if name in UNSTEADY or name.startswith(UNSTEADY_BEGINS):
                raise DoubtError(f"it calls {element.name}")
    return frozenset(tables if contacts else tables - {Contact.__tablename__})


def _compared_instants(sql: Any) -> dict[str, Column[Any]]:
    """The instants that are compared with a column of facts and are nowhere else, by their keys."""
    found: dict[str, Column[Any]] = {}
    uses: dict[str, int] = {}
    for element in visitors.iterate(sql):
        if isinstance(element, BindParameter):
            uses[element.key] = uses.get(element.key, 0) + 1
        match element:
            case BinaryExpression(left=Column() as column, right=BindParameter() as bind):
                pass
            case _:
                continue
        if (
            element.operator in COMPARISONS
            and isinstance(column.table, Table)
            and column.table.name != Product.__tablename__
            and str(INSTANT) in str(column.type)
        ):
            found[bind.key] = column
    return {name: column for name, column in found.items() if uses[name] == 1}

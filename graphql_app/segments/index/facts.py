"""What the index asks the engine: whole vectors, and again the contacts that may have changed."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, FromClause, and_, func, literal, select
from sqlmodel import col

from graphql_app.audience.changes import Ids
from graphql_app.audience.store import Audience, contact_key
from graphql_app.audience.tables import INSTANT, Contact, Statement, stored
from graphql_app.errors import AppError, ErrorCode
from graphql_app.segments.index.doubt import DoubtError
from graphql_app.segments.index.question import Kind, Question
from graphql_app.segments.index.universe import NOWHERE, Flags, Universe
from graphql_app.segments.index.vectors import MISSING, Crossings, Span, Unit, Vector, Whole
from graphql_app.segments.predicate import by_contact


@dataclass(frozen=True)
class ShopFacts:
    """The facts of one shop, for one answer, which has a time limit as a statement has."""

    audience: Audience
    shop_id: int
    until: float

    @classmethod
    def of(cls, audience: Audience, shop_id: int) -> ShopFacts:
        """The facts of a shop for an answer that begins now."""
        return cls(audience, shop_id, time.monotonic() + audience.timeout)

    def _table(self, statement: Statement, contacts: Ids | None = None) -> pa.Table:
        return self.audience.table(statement, self.shop_id, contacts, self._left())

    def _left(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise AppError(
                ErrorCode.TIMEOUT,
                "This took longer than a statement may; ask for a simpler rule or a narrower "
                "window.",
            )
        return left

    def contacts(self) -> int:
        """How many contacts the shop has."""
        statement = select(func.count()).select_from(Contact)
        return int(self.audience.rows(statement, self.shop_id, None, self._left())[0][0])

    def universe(self, contacts: Ids | None = None) -> tuple[Ids, Flags]:
        """Contacts, all or those of some that there are, and which of them can be texted."""
        statement = select(col(Contact.id), col(Contact.textable)).order_by(col(Contact.id))
        if contacts is None:
            found = self._table(statement)
            return found["id"].to_numpy(), found["textable"].to_numpy()
        rows = self.audience.rows(statement, self.shop_id, contacts, self._left())
        return (
            np.array([row[0] for row in rows], np.uint64),
            np.array([row[1] for row in rows], np.bool_),
        )

    def load(self, question: Question, universe: Universe, count: int) -> Vector:
        """The vector of a question.

        Raises:
            DoubtError: Its values cannot be kept.
            CriterionFailedError: Its SQL is refused.
        """
        statement = question.checked()
        if question.kind is Kind.CONDITION:
            _, condition = statement.selected_columns
            matching = self._table(select(col(Contact.id)).where(condition))
            places = universe.find(_column(matching, 0).to_numpy())
            vector = _blank(question, None, universe, count)
            vector.values[places[places != NOWHERE]] = True
            return vector
        found = self._table(statement)
        values = _column(found, 1)
        places = universe.find(_column(found, 0).to_numpy())
        known = places != NOWHERE
        vector = _blank(question, Unit.of(values.type), universe, count)
        vector.values[places[known]] = vector.stored(values)[known]
        met = np.zeros(len(universe), np.bool_)
        met[places[known]] = True
        if np.count_nonzero(met) < np.count_nonzero(known):
            raise DoubtError("a contact has several values")
        return vector

    def again(
        self, questions: Sequence[Question], vectors: Sequence[Vector], contacts: Ids
    ) -> tuple[Ids, list[Whole | Flags]]:
        """What some questions find of some contacts, in one statement; and who they are."""
        statement = _joined(questions)
        read = {Contact.__tablename__}.union(*(question.reads for question in questions))
        rows = self.audience.rows(statement, self.shop_id, contacts, self._left(), read)
        ids, *found = zip(*rows, strict=True) if rows else ((), *(() for _ in questions))
        if len({*ids}) < len(ids):
            raise DoubtError("a contact has several values")
        return np.array(ids, np.uint64), [
            vector.stored(_array(values, vector.unit))
            for vector, values in zip(vectors, found, strict=True)
        ]

    def some(
        self, questions: Sequence[Question], universe: Universe, count: int
    ) -> dict[Hashable, Vector]:
        """The vectors of some questions for a few contacts only, in one statement.

        Raises:
            DoubtError: The values of one cannot be kept.
        """
        found = self._table(_joined(questions), universe.ids)
        places = universe.find(_column(found, 0).to_numpy())
        here = places != NOWHERE
        if len(np.unique(places[here])) < np.count_nonzero(here):
            raise DoubtError("a contact has several values")
        vectors: dict[Hashable, Vector] = {}
        for number, question in enumerate(questions):
            values = _column(found, number + 1)
            with in_doubt_of(question):
                unit = None if question.kind is Kind.CONDITION else Unit.of(values.type)
                vector = _blank(question, unit, universe, count)
                vector.values[places[here]] = vector.stored(values)[here]
            vectors[question.key] = vector
        return vectors

    def crossings(
        self, question: Question, spans: Sequence[Span], contacts: Ids | None = None
    ) -> Crossings:
        """The rows, of all contacts or some, that a question's moving instants come across.

        Rows that were replaced or deleted may be among them, for seeing through them takes longer.
        """
        rows = []
        for moving, (start, end) in zip(question.moving, spans, strict=True):
            column = moving.column
            contact = column.table.c[contact_key(column.table.name)]
            span = and_(column >= literal(start, INSTANT), column <= literal(end, INSTANT))
            statement = select(contact, column).where(span)
            found = self.audience.table(
                statement, self.shop_id, contacts, self._left(), final=False
            )
            times = _column(found, 1).cast(pa.int64()).to_numpy()
            order = np.argsort(times, kind="stable")
            rows.append((times[order], _column(found, 0).to_numpy()[order]))
        return Crossings(tuple(spans), tuple(rows))


def _blank(question: Question, unit: Unit | None, universe: Universe, count: int) -> Vector:
    """The vector of a question that has found nothing yet."""
    fill = MISSING if question.absent is None else question.absent
    fill = False if unit is None else fill if fill == MISSING else fill * unit.parts
    values: Whole | Flags = np.full(len(universe), fill, np.bool_ if unit is None else np.int64)
    moving = tuple(each.at for each in question.moving)
    return Vector(values, unit, fill, universe.layout, count, moving)


@contextmanager
def in_doubt_of(question: Question) -> Iterator[None]:
    """Say in a doubt which question's values it is about."""
    try:
        yield
    except DoubtError as doubt:
        doubt.key = question.key
        raise


def _joined(questions: Sequence[Question]) -> Statement:
    """The contacts with what each question finds of them, NULL where that is nothing."""
    source: FromClause = stored(Contact)
    columns: list[ColumnElement[Any]] = []
    for question in questions:
        statement = question.checked()
        if question.kind is Kind.MEASURE:
            measure = by_contact(statement)
            source = source.outerjoin(measure, col(Contact.id) == measure.c.id)
            columns.append(measure.c.value)
            continue
        _, value = statement.selected_columns
        if question.kind is Kind.CONDITION:
            value = func.coalesce(value, literal(False))
        columns.append(value)
    labelled = [column.label(f"v{number}") for number, column in enumerate(columns)]
    return select(col(Contact.id), *labelled).select_from(source)


def _column(table: pa.Table, number: int) -> pa.Array:
    column = table.column(number).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _array(values: Sequence[Any], unit: Unit | None) -> pa.Array:
    """Values of Python as the engine's Arrow has them.

    Raises:
        DoubtError: They are of another type.
    """
    if unit is None:
        return pa.array(map(bool, values), pa.bool_())
    try:
        return pa.array(values, unit.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise DoubtError("values are of another type than before") from error

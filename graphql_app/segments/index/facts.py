"""What the index asks the engine: whole vectors, and again the contacts that may have changed."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy import and_, func, literal, select, true
from sqlmodel import col

from graphql_app.audience.changes import Ids
from graphql_app.audience.store import Audience, contact_key
from graphql_app.audience.tables import INSTANT, Contact, Statement
from graphql_app.errors import AppError, ErrorCode
from graphql_app.segments.index.doubt import DoubtError
from graphql_app.segments.index.question import Kind, Question
from graphql_app.segments.index.scan import Scan, scans
from graphql_app.segments.index.universe import NOWHERE, Flags, Universe
from graphql_app.segments.index.vectors import MISSING, Crossings, Span, Unit, Vector, Whole


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

    def load(
        self,
        questions: Sequence[Question],
        universe: Universe,
        count: int,
        contacts: Ids | None = None,
    ) -> Iterator[tuple[Hashable, Vector]]:
        """The vectors of some questions by their keys, as they are found.

        Args:
            questions: The questions.
            universe: All contacts, or a few.
            count: How many writes these have seen.
            contacts: The few, if they are not all.

        Raises:
            DoubtError: The values of one cannot be kept; its ``key`` says of which.
            CriterionFailedError: Its SQL is refused.
        """
        for scan in self._scans(questions, whole=contacts is None):
            found = self._found(scan, contacts)
            places = universe.find(_column(found, 0).to_numpy())
            known = places != NOWHERE
            places = places[known]
            met = np.zeros(len(universe), np.bool_)
            met[places] = True
            if np.count_nonzero(met) < len(places):
                raise _several(scan)
            for number, question in enumerate(scan.questions):
                values = _column(found, number + 1)
                with in_doubt_of(question):
                    unit = None if question.kind is Kind.CONDITION else Unit.of(values.type)
                    vector = _blank(question, unit, universe, count)
                    vector.values[places] = vector.stored(values)[known]
                yield question.key, vector

    def again(
        self, questions: Sequence[Question], vectors: Mapping[Hashable, Vector], contacts: Ids
    ) -> Iterator[tuple[Hashable, Ids, Whole | Flags]]:
        """What some questions find of some contacts, by their keys, and of whom they find it."""
        for scan in self._scans(questions, whole=False):
            found = self._found(scan, contacts)
            ids = _column(found, 0).to_numpy()
            if len(np.unique(ids)) < len(ids):
                raise _several(scan)
            for number, question in enumerate(scan.questions):
                values, vector = _column(found, number + 1), vectors[question.key]
                with in_doubt_of(question):
                    if vector.unit is not None and vector.unit.type != values.type:
                        raise DoubtError("values are of another type than before")
                    yield question.key, ids, vector.stored(values)

    def _scans(self, questions: Iterable[Question], whole: bool) -> Iterator[Scan]:
        """The statements that answer questions, of all contacts or a few."""
        of_contacts = []
        for scan in scans(questions, self.audience.written):
            if len(scan.questions) > 1 or scan.questions[0].kind is Kind.MEASURE:
                yield scan
            elif whole:
                yield _matching(scan)
            else:
                of_contacts.append(scan)
        if of_contacts:
            yield _joined(of_contacts)

    def _found(self, scan: Scan, contacts: Ids | None) -> pa.Table:
        read = {Contact.__tablename__}.union(*(question.reads for question in scan.questions))
        return self.audience.table(
            scan.statement, self.shop_id, contacts, self._left(), tables=read
        )

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


def _several(scan: Scan) -> DoubtError:
    """The doubt where a contact has several values, which only a question by itself can give."""
    doubt = DoubtError("a contact has several values")
    doubt.key = scan.questions[0].key
    return doubt


def _matching(scan: Scan) -> Scan:
    """Of a condition, the contacts for whom it holds; others are not worth handing over."""
    [question] = scan.questions
    if question.kind is not Kind.CONDITION:
        return scan
    _, condition = scan.statement.selected_columns
    return Scan(scan.questions, select(col(Contact.id), true()).where(condition))


def _joined(all_of: Sequence[Scan]) -> Scan:
    """Statements about columns of ``Contact`` as one."""
    values = [[*scan.statement.selected_columns][1] for scan in all_of]
    labelled = [value.label(f"v{number}") for number, value in enumerate(values)]
    questions = [question for scan in all_of for question in scan.questions]
    return Scan(questions, select(col(Contact.id), *labelled))


def _column(table: pa.Table, number: int) -> pa.Array:
    column = table.column(number).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

"""What the index asks the engine: whole vectors, and again the contacts that may have changed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import and_, func, literal, select
from sqlmodel import col

from graphql_app.audience.cancellation import WorkCancelledError, current_cancellation
from graphql_app.audience.clickhouse_errors import statement_timeout
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import INSTANT, Contact, Statement, contact_column
from graphql_app.audience.write_log import Ids
from graphql_app.errors import AppError
from graphql_app.segments.index.cache_key import Kind, Question
from graphql_app.segments.index.contact_ids import NOWHERE, Flags, Universe
from graphql_app.segments.index.fallback import DoubtError
from graphql_app.segments.index.shared_scan import (
    MAX_TOGETHER,
    Scan,
    alone,
    joined,
    matching,
    scans,
)
from graphql_app.segments.index.vectors import MISSING, Crossings, Span, Unit, Vector, Whole

MAX_JOINED = 250  # questions of a few contacts in a statement

LOOK_AGAIN = 0.05  # seconds after which who waits looks whether anybody waits for it


@dataclass(frozen=True)
class ShopFacts:
    """The facts of one shop, for one answer, which has a time limit as a statement has.

    After each statement it is learned what others wrote meanwhile, before anybody has the result.
    """

    audience: Audience
    shop_id: int
    until: float
    catch_up: Callable[[], None]

    @classmethod
    def of(cls, audience: Audience, shop_id: int, catch_up: Callable[[], None]) -> ShopFacts:
        """The facts of a shop for an answer that begins now."""
        return cls(audience, shop_id, time.monotonic() + audience.timeout, catch_up)

    def _table(
        self,
        statement: Statement,
        contacts: Ids | None = None,
        left: float | None = None,
        **options: Any,
    ) -> pa.Table:
        seconds = self._left() if left is None else left
        found = self.audience.fetch_table(statement, self.shop_id, contacts, seconds, **options)
        self.catch_up()
        return found

    def _left(self) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise statement_timeout()
        return left

    def contacts(self) -> int:
        """How many contacts the shop has."""
        statement = select(func.count()).select_from(Contact)
        return int(self.audience.fetch_rows(statement, self.shop_id, None, self._left())[0][0])

    def universe(self, contacts: Ids | None = None) -> tuple[Ids, Flags]:
        """Contacts, all or those of some that there are, and which of them can be texted."""
        statement = select(col(Contact.id), col(Contact.textable)).order_by(col(Contact.id))
        if contacts is None:
            found = self._table(statement)
            return found["id"].to_numpy(), found["textable"].to_numpy()
        rows = self.audience.fetch_rows(statement, self.shop_id, contacts, self._left())
        self.catch_up()
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
        of_few = contacts is not None
        asked = joined(questions, most=MAX_JOINED) if of_few else self._of_all(questions)
        for scan, found in self._found(asked, contacts):
            places = universe.find(_column(found, 0).to_numpy())
            known = places != NOWHERE
            places = places[known]
            met = np.zeros(len(universe), np.bool_)
            met[places] = True
            for number, question in enumerate(scan.questions):
                values = _column(found, number + 1)
                with in_doubt_of(question):
                    if np.count_nonzero(met) < len(places):
                        raise DoubtError("a contact has several values")
                    unit = None if question.kind is Kind.CONDITION else Unit.of(values.type)
                    vector = _blank(question, unit, universe, count)
                    vector.values[places] = vector.stored(values)[known]
                yield question.key, vector

    def again(
        self, questions: Sequence[Question], vectors: Mapping[Hashable, Vector], contacts: Ids
    ) -> Iterator[tuple[Hashable, Ids, Whole | Flags]]:
        """What some questions find of some contacts, by their keys, and of whom they find it."""
        for scan, found in self._found(self._of_few(questions), contacts):
            ids = _column(found, 0).to_numpy()
            for number, question in enumerate(scan.questions):
                values, vector = _column(found, number + 1), vectors[question.key]
                with in_doubt_of(question):
                    if len(np.unique(ids)) < len(ids):
                        raise DoubtError("a contact has several values")
                    if vector.unit is not None and vector.unit.type != values.type:
                        raise DoubtError("values are of another type than before")
                    yield question.key, ids, vector.stored(values)

    def _of_all(self, questions: Iterable[Question]) -> Iterator[Scan]:
        """The statements that answer questions, of all contacts."""
        own = []
        for scan in scans(questions, self.audience.render):
            [question, *others] = scan.questions
            if others or question.kind is Kind.MEASURE or question.reads - {Contact.__tablename__}:
                yield scan if others else matching(question)
            else:
                own.append(question)
        yield from joined(own, most=MAX_TOGETHER)

    def _of_few(self, questions: Collection[Question]) -> Iterator[Scan]:
        """The statements that answer questions, of a few contacts."""
        others: list[Question] = []
        for scan in scans(questions, self.audience.render, most=MAX_JOINED):
            if len(scan.questions) > 1:
                yield scan
            else:
                others += scan.questions
        yield from joined(others, most=MAX_JOINED)

    def _found(
        self, asked: Iterable[Scan], contacts: Ids | None
    ) -> Iterator[tuple[Scan, pa.Table]]:
        """What statements find, of all contacts or a few; each question alone where one fails."""
        waiting = deque(asked)
        while waiting:
            scan = waiting.popleft()
            read = {Contact.__tablename__}.union(*(question.reads for question in scan.questions))
            several = len(scan.questions) > 1
            # Where one of several is too slow, the others get the rest of the time.
            left = self._left() / (1 + several)
            try:
                found = self._table(scan.statement, contacts, left, tables=read)
                ids = _column(found, 0).to_numpy()
                if several and contacts is not None and len(np.unique(ids)) < len(ids):
                    raise DoubtError("a contact has several values")
            except (AppError, DoubtError):  # it may be due to one, or to their number
                if not several:
                    raise
                waiting.extendleft(map(alone, scan.questions))
                continue
            yield scan, found

    def wait(self, done: threading.Event) -> None:
        """Wait until something is done, for as long as anybody waits for this."""
        while not done.wait(min(LOOK_AGAIN, self._left())):
            _go_on()

    @contextmanager
    def holding(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock, once it is free; wait as ``wait`` does."""
        while not lock.acquire(timeout=min(LOOK_AGAIN, self._left())):
            _go_on()
        try:
            yield
        finally:
            lock.release()

    def crossings(
        self, question: Question, spans: Sequence[Span], contacts: Ids | None = None
    ) -> Crossings:
        """The rows, of all contacts or some, that a question's moving instants come across.

        Rows that were replaced or deleted may be among them, for seeing through them takes longer.
        """
        rows = []
        for moving, (start, end) in zip(question.moving, spans, strict=True):
            column = moving.column
            contact = column.table.c[contact_column(column.table.name)]
            span = and_(column >= literal(start, INSTANT), column <= literal(end, INSTANT))
            statement = select(contact, column).where(span)
            found = self._table(statement, contacts, final=False)
            times = _column(found, 1).cast(pa.int64()).to_numpy()
            order = np.argsort(times, kind="stable")
            rows.append((times[order], _column(found, 0).to_numpy()[order]))
        return Crossings(tuple(spans), tuple(rows))


def _go_on() -> None:
    """Go on, unless the thread's work was cancelled."""
    cancellation = current_cancellation.get()
    if cancellation is not None and cancellation.cancelled:
        raise WorkCancelledError


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


def _column(table: pa.Table, number: int) -> pa.Array:
    column = table.column(number).combine_chunks()
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

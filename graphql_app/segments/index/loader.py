"""Load whole vectors from the engine, or only the values of contacts who may have changed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import and_, func, literal, select
from sqlmodel import col

from graphql_app.audience.as_of import AsOf
from graphql_app.audience.cancellation import WorkCancelledError, current_cancellation
from graphql_app.audience.clickhouse_errors import statement_timeout
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import INSTANT, Contact, Statement, contact_column
from graphql_app.audience.write_log import Ids
from graphql_app.errors import AppError
from graphql_app.segments.index.cache_key import Kind, VectorQuery
from graphql_app.segments.index.contact_ids import NOT_FOUND, ContactIndex, Flags
from graphql_app.segments.index.fallback import NotIndexableError
from graphql_app.segments.index.shared_scan import (
    MAX_TOGETHER,
    Scan,
    joined_scans,
    matching_scan,
    shared_scans,
    single_scan,
)
from graphql_app.segments.index.vectors import MISSING, Crossings, Integers, Span, Unit, Vector

MAX_JOINED = 250  # queries in one statement about few contacts

CANCELLATION_INTERVAL = 0.05  # seconds between checks for cancellation while waiting


class VectorLoader:
    """A loader of one shop's vectors, for one answer.

    Its deadline is the time limit of one statement after it is created.

    ``as_of`` returns how a statement reads the facts. ``catch_up`` learns of other processes'
    writes; it is called after each statement, before its result is used.
    """

    def __init__(
        self,
        audience: Audience,
        shop_id: int,
        as_of: Callable[[], AsOf | None],
        catch_up: Callable[[], None],
    ) -> None:
        self._audience = audience
        self._shop_id = shop_id
        self._as_of = as_of
        self._catch_up = catch_up
        self._deadline = time.monotonic() + audience.timeout

    def _table(
        self,
        statement: Statement,
        contacts: Ids | None = None,
        timeout: float | None = None,
        **options: Any,
    ) -> pa.Table:
        timeout = self._seconds_left() if timeout is None else timeout
        found = self._audience.fetch_table(
            statement, self._shop_id, contacts, timeout, as_of=self._as_of(), **options
        )
        self._catch_up()
        return found

    def _seconds_left(self) -> float:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise statement_timeout()
        return seconds

    def count_contacts(self) -> int:
        statement = select(func.count()).select_from(Contact)
        timeout = self._seconds_left()
        return int(self._audience.fetch_rows(statement, self._shop_id, timeout=timeout)[0][0])

    def fetch_contacts(self, contacts: Ids | None = None) -> tuple[Ids, Flags]:
        """Return the ids of the shop's contacts, and whether each can be texted.

        With ``contacts``, return those of them that exist.
        """
        statement = select(col(Contact.id), col(Contact.textable)).order_by(col(Contact.id))
        if contacts is None:
            found = self._table(statement)
            return found["id"].to_numpy(), found["textable"].to_numpy()
        # A few contacts arrive sooner as rows than as a table.
        timeout = self._seconds_left()
        rows = self._audience.fetch_rows(
            statement, self._shop_id, contacts, timeout, as_of=self._as_of()
        )
        self._catch_up()
        ids = np.array([row[0] for row in rows], np.uint64)
        return ids, np.array([row[1] for row in rows], np.bool_)

    def load(
        self,
        queries: Sequence[VectorQuery],
        contact_index: ContactIndex,
        writes: int,
        contacts: Ids | None = None,
    ) -> Iterator[tuple[Hashable, Vector]]:
        """Yield the vectors of some queries with their keys, as they are loaded.

        ``writes`` is the number of the shop's writes that the contact index includes. If the index
        has only a few contacts, ``contacts`` are their ids.

        Raises:
            NotIndexableError: The values of a query cannot be kept; ``key`` names the query.
            CriterionFailedError: The SQL of a query is refused.
        """
        if contacts is None:
            scans = self._scans_of_all(queries)
        else:  # joins, which take the fewest statements, take little time for these contacts
            scans = joined_scans(queries, most=MAX_JOINED)
        for scan, found in self._execute(scans, contacts):
            positions = contact_index.find(_column(found, 0).to_numpy())
            known = positions != NOT_FOUND
            positions = positions[known]
            has_value = np.zeros(len(contact_index), np.bool_)
            has_value[positions] = True
            if contacts is None:  # for some contacts, `_execute` has checked this
                with naming_query(scan.queries[0]):
                    _check_one_value_each(int(np.count_nonzero(has_value)), len(positions))
            for number, query in enumerate(scan.queries):
                values = _column(found, number + 1)
                with naming_query(query):
                    unit = None if query.kind is Kind.CONDITION else Unit.of(values.type)
                    vector = _empty_vector(query, unit, contact_index, writes)
                    vector.values[positions] = vector.converted(values)[known]
                yield query.key, vector

    def reload(
        self, queries: Sequence[VectorQuery], vectors: Mapping[Hashable, Vector], contacts: Ids
    ) -> Iterator[tuple[Hashable, Ids, Integers | Flags]]:
        """Yield the current values of some contacts: query key, contact ids, values."""
        for scan, found in self._execute(self._scans_of_changed(queries), contacts):
            ids = _column(found, 0).to_numpy()
            for number, query in enumerate(scan.queries):
                values, vector = _column(found, number + 1), vectors[query.key]
                with naming_query(query):
                    if vector.unit is not None and vector.unit.type != values.type:
                        raise NotIndexableError("values are of another type than before")
                    yield query.key, ids, vector.converted(values)

    def _scans_of_all(self, queries: Iterable[VectorQuery]) -> Iterator[Scan]:
        own = []
        for scan in shared_scans(queries, self._audience.render):
            [query, *others] = scan.queries
            if others:
                yield scan
            elif query.kind is Kind.MEASURE or query.reads - {Contact.__tablename__}:
                yield matching_scan(query)
            else:
                own.append(query)
        yield from joined_scans(own, most=MAX_TOGETHER)

    def _scans_of_changed(self, queries: Collection[VectorQuery]) -> Iterator[Scan]:
        """Yield scans for changed contacts, which can be thousands: joins only where necessary."""
        others: list[VectorQuery] = []
        for scan in shared_scans(queries, self._audience.render, most=MAX_JOINED):
            if len(scan.queries) > 1:
                yield scan
            else:
                others += scan.queries
        yield from joined_scans(others, most=MAX_JOINED)

    def _execute(
        self, scans: Iterable[Scan], contacts: Ids | None
    ) -> Iterator[tuple[Scan, pa.Table]]:
        """Execute statements; when a shared one fails, execute its queries one by one."""
        waiting = deque(scans)
        while waiting:
            scan = waiting.popleft()
            for query in scan.queries:
                query.check()
            read = {Contact.__tablename__}.union(*(query.reads for query in scan.queries))
            several = len(scan.queries) > 1
            # A shared statement gets half of the time left, so its queries can still run alone.
            timeout = self._seconds_left() / 2 if several else self._seconds_left()
            try:
                found = self._table(scan.statement, contacts, timeout, tables=read)
                if contacts is not None:  # for all contacts, `load` has a faster way
                    ids = _column(found, 0).to_numpy()
                    with naming_query(scan.queries[0]):
                        _check_one_value_each(len(np.unique(ids)), len(ids))
            except (AppError, NotIndexableError):
                # The cause may be one query, or that there are too many.
                if not several:
                    raise
                waiting.extendleft(map(single_scan, scan.queries))
                continue
            yield scan, found

    def wait(self, done: threading.Event) -> None:
        """Wait for an event; raise if the work is cancelled or the deadline passes."""
        while not done.wait(min(CANCELLATION_INTERVAL, self._seconds_left())):
            _raise_if_cancelled()

    @contextmanager
    def holding(self, lock: threading.Lock) -> Iterator[None]:
        """Hold a lock; wait for it as ``wait`` does."""
        while not lock.acquire(timeout=min(CANCELLATION_INTERVAL, self._seconds_left())):
            _raise_if_cancelled()
        try:
            yield
        finally:
            lock.release()

    def load_crossings(
        self, query: VectorQuery, spans: Sequence[Span], contacts: Ids | None = None
    ) -> Crossings:
        """Return the rows whose times lie in the spans that a query's moving instants will cross.

        With ``contacts``, return only these contacts' rows. The result may include replaced and
        deleted rows, since filtering those takes longer.
        """
        rows = []
        for moving, (start, end) in zip(query.moving, spans, strict=True):
            column = moving.column
            contact = column.table.c[contact_column(column.table.name)]
            span = and_(column >= literal(start, INSTANT), column <= literal(end, INSTANT))
            statement = select(contact, column).where(span)
            found = self._table(statement, contacts, final=False)
            times = _column(found, 1).cast(pa.int64()).to_numpy()
            order = np.argsort(times, kind="stable")
            rows.append((times[order], _column(found, 0).to_numpy()[order]))
        return Crossings(tuple(spans), tuple(rows))


def _raise_if_cancelled() -> None:
    cancellation = current_cancellation.get()
    if cancellation is not None and cancellation.cancelled:
        raise WorkCancelledError


def _check_one_value_each(contacts: int, values: int) -> None:
    if contacts < values:
        raise NotIndexableError("a contact has several values")


def _empty_vector(
    query: VectorQuery, unit: Unit | None, contact_index: ContactIndex, writes: int
) -> Vector:
    values: Integers | Flags
    if unit is None:
        fill = 0
        values = np.zeros(len(contact_index), np.bool_)
    else:
        fill = MISSING if query.absent is None else query.absent * unit.parts
        values = np.full(len(contact_index), fill, np.int64)
    moving = tuple(each.at for each in query.moving)
    return Vector(values, unit, fill, contact_index.layout, writes, moving)


@contextmanager
def naming_query(query: VectorQuery) -> Iterator[None]:
    """Name the query in a ``NotIndexableError``."""
    try:
        yield
    except NotIndexableError as error:
        error.key = query.key
        raise


def _column(table: pa.Table, number: int) -> pa.Array:
    return table.column(number).combine_chunks()

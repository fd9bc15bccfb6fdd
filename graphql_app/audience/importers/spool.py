"""The spool between the two passes of an import, and recording it in chunks."""

import tempfile
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.derived_columns import find_unusable_phones
from graphql_app.audience.facts import (
    CONTACTS,
    LINES,
    ORDER_LINES,
    ORDERS,
    BadFactsError,
    FactType,
)
from graphql_app.audience.importers.checked_rows import LINE_NUMBER
from graphql_app.audience.importers.nested_lines import detach_lines
from graphql_app.audience.importers.report import BadRow, BadRowCollector
from graphql_app.audience.recorder import Recorder
from graphql_app.errors import AppError, ErrorCode

CHUNK_ROWS = 500_000
CHUNK_ORDERS = 100_000


class Spool:
    """Checked rows, compressed in an anonymous temporary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self.rows = 0

    def write(self, rows: pa.Table) -> None:
        """Add rows; all must have the same schema."""
        with _translate_disk_errors():
            if self._writer is None:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                self._writer = pa.ipc.new_stream(self._file, rows.schema, options=options)
            self._writer.write_table(rows)
        self.rows += rows.num_rows

    def _batches(self) -> Iterator[pa.RecordBatch]:
        if self._writer is None:
            return
        with _translate_disk_errors():
            self._writer.close()
            self._file.seek(0)
            reader = pa.ipc.open_stream(self._file)
        yield from reader

    def chunks(self, size: int) -> Iterator[pa.Table]:
        """Return the rows in order, ``size`` at a time."""
        waiting: list[pa.RecordBatch] = []
        count = 0
        for batch in self._batches():
            waiting.append(batch)
            count += batch.num_rows
            while count >= size:
                table = pa.Table.from_batches(waiting)
                yield table.slice(0, size)
                waiting = table.slice(size).to_batches()
                count -= size
        if count:
            yield pa.Table.from_batches(waiting)

    def table(self) -> pa.Table | None:
        batches = list(self._batches())
        return pa.Table.from_batches(batches).combine_chunks() if batches else None


@contextmanager
def open_spool() -> Iterator[Spool]:
    """Open a spool; its file is deleted at the end of the block."""
    with _translate_disk_errors():
        file = tempfile.TemporaryFile(prefix="segments-import-")  # noqa: SIM115 - closed below, where errors do not matter
    try:
        yield Spool(file)
    finally:
        with suppress(OSError):  # of buffered rows, which are not needed anymore
            file.close()


@contextmanager
def _translate_disk_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"Cannot write temporary files to {tempfile.gettempdir()} ({error}): make room there, "
            "or set TMPDIR to another directory.",
        ) from error


@dataclass
class SpoolRecording:
    """Recording a spool.

    Attributes:
        has_lines: Whether orders come with their lines.
        bad_orders: Ids of orders that are skipped, because some of their rows are bad.
        warnings: Values that are recorded although they are probably wrong.
        skipped: The number of rows of bad orders.
        waiting: The number of rows whose contact is not recorded yet.
    """

    fact: FactType
    has_lines: bool
    shop_id: int
    recorder: Recorder
    bad_orders: Set[str]
    warnings: BadRowCollector
    skipped: int = 0
    waiting: int = 0

    def record(self, spool: Spool, progress: Callable[[int], None]) -> dict[str, int]:
        """Record the rows of a spool, and return the number of rows by type.

        If the store fails, the message says how many rows were recorded before.
        """
        fact = self.fact
        recorded = {fact.name: 0, **({ORDER_LINES.name: 0} if self.has_lines else {})}
        progress(0)
        try:
            for chunk in self._split(spool):
                lines = self._record_chunk(chunk)
                recorded[fact.name] += chunk.num_rows
                if self.has_lines:
                    recorded[ORDER_LINES.name] += lines
                progress(recorded[fact.name])
        except BadFactsError as error:
            first = error.problems[0]
            raise AppError(
                ErrorCode.INVALID,
                f"A row cannot be recorded since contacts were recorded meanwhile: {first.field} "
                f"{first.message}. {recorded[fact.name]} of {spool.rows} rows were recorded.",
            ) from error
        except AppError as error:
            done = recorded[fact.name]
            raise AppError(
                error.code,
                f"{error} {done} of {spool.rows} rows were recorded; import the file again to "
                "record all of them. It is safe to record rows twice.",
            ) from error
        return recorded

    def _split(self, spool: Spool) -> Iterator[pa.Table]:
        if self.fact is ORDER_LINES:
            lines = spool.table()
            return _split_by_order(None if lines is None else self._without_bad_orders(lines))
        chunks = spool.chunks(CHUNK_ORDERS if self.fact is ORDERS else CHUNK_ROWS)
        return map(self._without_bad_orders, chunks)

    def _without_bad_orders(self, rows: pa.Table) -> pa.Table:
        column = {ORDERS.name: "id", ORDER_LINES.name: "order_id"}.get(self.fact.name)
        if column is None or not self.bad_orders:
            return rows
        bad = pc.is_in(rows[column], pa.array(sorted(self.bad_orders), pa.string()))
        kept = rows.filter(pc.invert(bad))
        self.skipped += rows.num_rows - kept.num_rows
        return kept

    def _record_chunk(self, chunk: pa.Table) -> int:
        """Record rows, and return the number of nested lines."""
        fact, shop_id, recorder = self.fact, self.shop_id, self.recorder
        if fact is CONTACTS:
            line_numbers = chunk[LINE_NUMBER]
            contacts = recorder.record(shop_id, fact, chunk.drop_columns([LINE_NUMBER]))
            self.warnings.add(
                BadRow(line_numbers[row].as_py(), "phone", message)
                for row, message in find_unusable_phones(contacts, recorder.country_of(shop_id))
            )
            return 0
        if fact is ORDERS:
            lines = detach_lines(chunk) if self.has_lines else None
            orders = recorder.record_orders(shop_id, chunk.drop_columns([LINES.name]), lines)
            self.waiting += recorder.count_waiting(shop_id, orders)
            return 0 if lines is None else lines.num_rows
        if fact is ORDER_LINES:
            if recorder.record_order_lines(shop_id, chunk):
                raise AppError(
                    ErrorCode.INVALID,
                    "Orders were removed while their lines were imported. Import the orders again, "
                    "then the whole file of lines.",
                )
            return 0
        rows = recorder.record(shop_id, fact, chunk)
        self.waiting += recorder.count_waiting(shop_id, rows)
        return 0


def _split_by_order(lines: pa.Table | None) -> Iterator[pa.Table]:
    """Sort lines by order, then by their position in the file, and split them between orders."""
    if lines is None or not lines.num_rows:
        return
    positions = pc.sort_indices(lines["order_id"])  # stable
    orders = lines["order_id"].take(positions).to_numpy()
    start = 0
    while start < len(orders):
        last = orders[min(start + CHUNK_ROWS, len(orders)) - 1]
        end = int(np.searchsorted(orders, last, side="right"))
        yield lines.take(positions.slice(start, end - start))
        start = end

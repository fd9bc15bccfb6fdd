"""All or nothing for batches of several tables.

One insert into one table is atomic in ClickHouse; several are not, nor is one into a table that
is spread over the shards of a cluster. A batch of such steps is first written to the journal, in
one insert, then carried out, then marked as done. Steps may be repeated without harm, so whatever
an earlier process left undone is done again at the next start, or, where only a step failed, before
the shop's next write. So a shop never has two such batches. Where processes share a store, any of
them may have left one: each looks before it writes.

So that looking takes no longer with each batch that ever was, those that are done are deleted now
and then. A batch's entries are marked as done by rows that replace them; these may not go before
the rows that they replace, or the batch would be carried out again.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
import pyarrow as pa

from graphql_app.audience.store import Audience, contact_column
from graphql_app.audience.tables import JournalEntry, Product
from graphql_app.audience.write_log import OpenWrite
from graphql_app.errors import AppError

ERASE = "erase"
RESTORE = "restore"  # a restore that was begun; no shop's

# Batches after which those that are done are deleted, and how many of them at once: the statement
# names each, and a cluster's keeper takes statements of less than a megabyte.
TIDY_EVERY = 5_000
TIDY_AT_ONCE = 20_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Insert:
    """Insert rows into a table."""

    table: str
    rows: pa.Table


@dataclass(frozen=True, slots=True)
class Erase:
    """Delete contacts and everything about them from disk."""

    contacts: tuple[int, ...]


class Journal:
    """Carries out batches; see the module. The caller holds the lock of the batch's shop."""

    def __init__(self, audience: Audience, shared: bool = False) -> None:
        self._audience = audience
        self._shared = shared
        self._unfinished: set[int] = set()
        self._batches = count(1)

    def write(self, shop_id: int, steps: Sequence[Insert | Erase], writing: OpenWrite) -> None:
        """Carry out the steps of a shop, all or none of them."""
        if self._shared or shop_id in self._unfinished:
            self.finish(shop_id, writing)
        steps = [step for step in steps if not (isinstance(step, Insert) and not step.rows)]
        if len(steps) == 1 and self._is_atomic(steps[0]):
            self._carry_out(shop_id, steps[0], writing)
            return
        entries = _entries(shop_id, steps)
        try:
            self._audience.insert("journal", entries)
            for step in steps:
                self._carry_out(shop_id, step, writing)
            self._mark_done(entries)
        except BaseException:
            self._unfinished.add(shop_id)
            raise
        if next(self._batches) % TIDY_EVERY == 0:
            self.tidy()

    def tidy(self) -> None:
        """Delete batches that are done; where that fails, they are still there, and done."""
        try:
            # Those of which no pending row is on disk any more: it was merged with its done one.
            found = self._audience.query_unfiltered(
                "SELECT batch FROM journal GROUP BY batch HAVING min(done) = 1 "
                f"LIMIT {TIDY_AT_ONCE}"
            )["batch"].to_pylist()
            if found:
                self._audience.command(
                    f"ALTER TABLE journal DELETE WHERE batch IN ({', '.join(map(str, found))})"
                )
        except AppError:
            logger.exception("the journal could not be tidied")

    def _is_atomic(self, step: Insert | Erase) -> bool:
        """Whether a step is carried out as a whole or not at all."""
        return isinstance(step, Insert) and not self._audience.layout.is_sharded(step.table)

    def unfinished_shops(self) -> Sequence[int]:
        """The shops of which a process began a batch and has not finished it."""
        found = self._audience.query_unfiltered(
            "SELECT DISTINCT shop_id FROM journal FINAL WHERE done = 0"
        )
        shops: Sequence[int] = found["shop_id"].to_pylist()
        return shops

    def try_to_finish(self, shop_id: int, writing: OpenWrite) -> None:
        """Carry out what was begun in a shop; where that fails, it takes no writes until it does.

        Other shops do.
        """
        try:
            self.finish(shop_id, writing)
        except AppError:
            logger.exception("a batch of shop %s could not be finished", shop_id)

    def is_finished(self, shop_id: int) -> bool:
        """Whether nothing was begun in a shop and not carried out."""
        return shop_id not in self.unfinished_shops()

    def finish(self, shop_id: int, writing: OpenWrite) -> None:
        """Carry out what was begun in a shop, by whatever process.

        Raises:
            AppError: That fails.
        """
        pending = self._audience.query_unfiltered(
            "SELECT batch, step, action, shop_id, payload, done FROM journal FINAL "
            f"WHERE done = 0 AND shop_id = {int(shop_id)} ORDER BY batch, step",
            text=False,
        )
        self._unfinished.add(shop_id)
        for entry in pending.to_pylist():
            self._carry_out(shop_id, _step(entry["action"].decode(), entry["payload"]), writing)
        self._mark_done(pending)
        self._unfinished.discard(shop_id)

    def _carry_out(self, shop_id: int, step: Insert | Erase, writing: OpenWrite) -> None:
        note(step, writing)  # first: where a step fails, it may have been carried out all the same
        if isinstance(step, Insert):
            self._audience.insert(step.table, step.rows)
            return
        for table in self._audience.list_contact_tables():
            self._audience.erase(table, shop_id, step.contacts)

    def restoring(self) -> str | None:
        """The backup of which a restore into this store was begun and not finished, if any was."""
        if not self._audience.has_table(JournalEntry.__tablename__):
            return None
        begun = self._restores()
        return begun["payload"][0].as_py().decode() if begun.num_rows else None

    def begin_restore(self, backup: str) -> None:
        """Note that the store is half restored from now on, until ``end_restore``."""
        entries = _entries(0, [Insert(RESTORE, pa.table({}))])
        place = entries.schema.get_field_index("payload")
        payload = pa.array([backup.encode()], pa.binary())
        self._audience.insert("journal", entries.set_column(place, "payload", payload))

    def end_restore(self) -> None:
        """Note that it is whole."""
        self._mark_done(self._restores())

    def _restores(self) -> pa.Table:
        return self._audience.query_unfiltered(
            "SELECT batch, step, action, shop_id, payload, done FROM journal FINAL "
            f"WHERE done = 0 AND action = '{RESTORE}'",
            text=False,
        )

    def _mark_done(self, entries: pa.Table) -> None:
        """Mark entries as done, without their payload."""
        count = entries.num_rows
        done = entries.set_column(
            entries.schema.get_field_index("payload"), "payload", pa.array([b""] * count)
        ).set_column(
            entries.schema.get_field_index("done"), "done", pa.array([1] * count, pa.uint32())
        )
        self._audience.insert("journal", done)


def note(step: Insert | Erase, writing: OpenWrite) -> None:
    """Take note of what a step touches."""
    match step:
        case Erase(contacts):
            writing.add_erased(contacts)
        case Insert(_, rows) if not rows.num_rows:
            pass
        case Insert(Product.__tablename__, _):
            writing.add_rows(step.table, np.array([], np.uint64))
        case Insert(table, rows):
            writing.add_rows(table, rows[contact_column(table)].to_numpy())


def _entries(shop_id: int, steps: Sequence[Insert | Erase]) -> pa.Table:
    actions, payloads = [], []
    for step in steps:
        rows = (
            step.rows
            if isinstance(step, Insert)
            else pa.table({"contact_id": pa.array(step.contacts, pa.uint64())})
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        actions.append(step.table if isinstance(step, Insert) else ERASE)
        payloads.append(sink.getvalue().to_pybytes())
    count = len(steps)
    return pa.table(
        {
            "batch": pa.array([secrets.randbits(64)] * count, pa.uint64()),
            "step": pa.array(range(count), pa.uint32()),
            "action": pa.array(actions),
            "shop_id": pa.array([shop_id] * count, pa.uint64()),
            "payload": pa.array(payloads, pa.binary()),
            "done": pa.array([0] * count, pa.uint32()),
        }
    )


def _step(action: str, payload: bytes) -> Insert | Erase:
    rows = pa.ipc.open_stream(payload).read_all()
    if action == ERASE:
        return Erase(tuple(rows["contact_id"].to_pylist()))
    return Insert(action, rows)

"""The journal: makes batches of several inserts atomic.

ClickHouse makes one insert into one table atomic. Inserts into several tables are not, and neither
is an insert into a table that is sharded over a cluster. The journal therefore stores the steps of
a batch in one insert, executes them, and marks them done. Steps can be repeated without harm: steps
that an earlier process left are executed at the next start, and steps that failed are executed
before the shop's next write. A shop never has two unfinished batches. If processes share a store,
any of them may have left a batch, so each looks for one before it writes.

Entries are marked done by rows that replace them. From time to time, batches that are done are
deleted, so that reading the journal stays fast. Only batches whose rows have been merged may be
deleted: without its done row, a batch would be executed again.
"""

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.identities import Identities
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import has_table, list_contact_tables
from graphql_app.audience.tables import SHARED_TABLES, JournalEntry, contact_column
from graphql_app.audience.write_log import NO_IDS, OpenWrite
from graphql_app.errors import AppError, ErrorCode
from graphql_app.timezones import EPOCH

# Actions of entries; any other action names the table to insert into.
ERASE = "erase"
RESTORE = "restore"  # an unfinished restore of a backup, with shop 0

# Finished batches are deleted once per TIDY_EVERY batches. One statement lists a limited number of
# them, since the keeper of a cluster refuses statements of a megabyte.
TIDY_EVERY = 5_000
TIDY_AT_ONCE = 20_000

PARTLY_RESTORED = (
    "The audience is partly restored: a restore did not finish. Run `segments restore` again with "
    "the same backup, or start with empty stores."
)

COLUMNS = "batch, step, action, shop_id, payload, done"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Insert:
    table: str
    rows: pa.Table

    def add_to(self, write: OpenWrite) -> None:
        if self.table in SHARED_TABLES and self.rows.num_rows:
            write.add_rows(self.table, NO_IDS, EPOCH)
        elif self.rows.num_rows:
            contacts = self.rows[contact_column(self.table)].to_numpy()
            write.add_rows(self.table, contacts, self._latest())

    def _latest(self) -> datetime:
        """Return the latest time of any kind in the rows."""
        times: list[datetime | None] = [
            pc.max(column).as_py()
            for column in self.rows.columns
            if pa.types.is_timestamp(column.type)
        ]
        return max([EPOCH, *filter(None, times)])


@dataclass(frozen=True, slots=True)
class Erase:
    """A step that erases contacts from every table."""

    contacts: tuple[int, ...]

    def add_to(self, write: OpenWrite) -> None:
        write.add_erased(self.contacts)


class Journal:
    """The journal of a store, which executes each batch of steps completely or not at all.

    The caller holds the shop's write lock.
    """

    def __init__(self, audience: Audience, shared: bool = False) -> None:
        self._audience = audience
        self._shared = shared  # whether other processes write to the store, too
        self._unfinished: set[int] = set()
        self._batches = count(1)

    def execute(self, shop_id: int, steps: Sequence[Insert | Erase], write: OpenWrite) -> None:
        """Execute a batch of a shop without unfinished batches."""
        steps = [step for step in steps if not (isinstance(step, Insert) and not step.rows)]
        if len(steps) == 1 and self._is_atomic(steps[0]):
            self._execute_step(shop_id, steps[0], write)
            return
        entries = _make_entries(shop_id, [_pack_step(step) for step in steps])
        try:
            self._audience.insert("journal", entries)
            for step in steps:
                self._execute_step(shop_id, step, write)
            self._mark_done(entries)
        except BaseException:
            self._unfinished.add(shop_id)
            raise
        if next(self._batches) % TIDY_EVERY == 0:
            self.tidy()

    def _is_atomic(self, step: Insert | Erase) -> bool:
        return isinstance(step, Insert) and not self._audience.layout.is_sharded(step.table)

    def _execute_step(self, shop_id: int, step: Insert | Erase, write: OpenWrite) -> None:
        step.add_to(write)  # first, because a step may take effect even if it fails
        if isinstance(step, Insert):
            self._audience.insert(step.table, step.rows)
            return
        Identities(self._audience).erase(shop_id, step.contacts)
        for table in list_contact_tables(self._audience):
            self._audience.erase(table, shop_id, step.contacts)

    def has_unfinished(self, shop_id: int) -> bool:
        """Return whether a shop has a batch to finish before the next one is prepared."""
        if not self._shared:
            return shop_id in self._unfinished
        return bool(
            self._audience.query_unfiltered(
                f"SELECT 1 FROM journal FINAL WHERE done = 0 AND shop_id = {int(shop_id)} LIMIT 1"
            ).num_rows
        )

    def finish(self, shop_id: int, write: OpenWrite) -> None:
        """Execute a shop's unfinished batches, of any process."""
        pending = self._audience.query_unfiltered(
            f"SELECT {COLUMNS} FROM journal FINAL "
            f"WHERE done = 0 AND shop_id = {int(shop_id)} ORDER BY batch, step",
            text=False,
        )
        self._unfinished.add(shop_id)
        for entry in pending.to_pylist():
            step = _read_step(entry["action"].decode(), entry["payload"])
            self._execute_step(shop_id, step, write)
        self._mark_done(pending)
        self._unfinished.discard(shop_id)

    def try_to_finish(self, shop_id: int, write: OpenWrite) -> None:
        """Execute a shop's unfinished batches; if that fails, the shop's next write tries again."""
        try:
            self.finish(shop_id, write)
        except AppError:
            logger.exception("a batch of shop %s could not be finished", shop_id)

    def unfinished_shops(self) -> Sequence[int]:
        found = self._audience.query_unfiltered(
            "SELECT DISTINCT shop_id FROM journal FINAL WHERE done = 0"
        )
        shops: Sequence[int] = found["shop_id"].to_pylist()
        return shops

    def tidy(self) -> None:
        """Delete batches that are done; log a failure, since it does no harm."""
        try:
            # Batches without a pending row on disk: it has been merged with its done row.
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

    def refuse_partial_restore(self) -> None:
        """Raise UNAVAILABLE if a restore of a backup did not finish."""
        if self.unfinished_restore() is not None:
            raise AppError(ErrorCode.UNAVAILABLE, PARTLY_RESTORED)

    def unfinished_restore(self) -> str | None:
        """Return the backup of a restore that did not finish, if there is one."""
        if not has_table(self._audience, JournalEntry.__tablename__):
            return None
        begun = self._fetch_restores()
        return begun["payload"][0].as_py().decode() if begun.num_rows else None

    def begin_restore(self, backup: str) -> None:
        """Mark the store as partly restored, until ``end_restore``."""
        self._audience.insert("journal", _make_entries(0, [(RESTORE, backup.encode())]))

    def end_restore(self) -> None:
        self._mark_done(self._fetch_restores())

    def _fetch_restores(self) -> pa.Table:
        return self._audience.query_unfiltered(
            f"SELECT {COLUMNS} FROM journal FINAL WHERE done = 0 AND action = '{RESTORE}'",
            text=False,
        )

    def _mark_done(self, entries: pa.Table) -> None:
        """Insert done rows for entries, without their payload."""
        blanks = {
            "payload": pa.array([b""] * entries.num_rows),
            "done": pa.array([1] * entries.num_rows, pa.uint32()),
        }
        for name, values in blanks.items():
            entries = entries.set_column(entries.schema.get_field_index(name), name, values)
        self._audience.insert("journal", entries)


def _pack_step(step: Insert | Erase) -> tuple[str, bytes]:
    if isinstance(step, Insert):
        action, rows = step.table, step.rows
    else:
        action, rows = ERASE, pa.table({"contact_id": pa.array(step.contacts, pa.uint64())})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return action, sink.getvalue().to_pybytes()


def _make_entries(shop_id: int, steps: Sequence[tuple[str, bytes]]) -> pa.Table:
    """Make the entries of a batch from the actions and payloads of its steps."""
    size = len(steps)
    return pa.table(
        {
            "batch": pa.array([secrets.randbits(64)] * size, pa.uint64()),
            "step": pa.array(range(size), pa.uint32()),
            "action": pa.array([action for action, _ in steps]),
            "shop_id": pa.array([shop_id] * size, pa.uint64()),
            "payload": pa.array([payload for _, payload in steps], pa.binary()),
            "done": pa.array([0] * size, pa.uint32()),
        }
    )


def _read_step(action: str, payload: bytes) -> Insert | Erase:
    rows = pa.ipc.open_stream(payload).read_all()
    if action == ERASE:
        return Erase(tuple(rows["contact_id"].to_pylist()))
    return Insert(action, rows)

"""The recorder: writes facts, replacing rows by their natural key.

ClickHouse replaces a row only by one with the same sort key, which includes the contact. If a fact
moves to another contact, or an order loses lines, the recorder looks up the old rows first and
writes deletions of them along with the new rows.

This module is long because every write of facts is here: each holds the shop's write lock, replaces
ids by numbers, and prepares one batch.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.change_feed import ChangeFeed
from graphql_app.audience.contact_moves import build_merged_contact, build_moves
from graphql_app.audience.contact_patches import apply_patches
from graphql_app.audience.contact_references import ContactReferences
from graphql_app.audience.derived_columns import add_derived_columns
from graphql_app.audience.facts import CONTACTS, ORDERS, FactType
from graphql_app.audience.identities import Given, Identities, source_ids
from graphql_app.audience.journal import Erase, Insert, Journal
from graphql_app.audience.orders import OrderRows, build_order_rows, build_products
from graphql_app.audience.store import Audience
from graphql_app.audience.stored_rows import (
    fetch_contacts,
    fetch_order_lines,
    fetch_orders,
    find_contacts,
    find_moved_rows,
)
from graphql_app.audience.table_rows import keep_last_rows, stamp_rows
from graphql_app.audience.tables import Identity
from graphql_app.audience.write_lock import LocalWriteLocks, WriteLocks
from graphql_app.audience.write_log import OpenWrite, WriteLog
from graphql_app.observability.request_context import metrics


class Recorder:
    """The writer of all shops' facts, one write per shop at a time.

    It takes tables checked by ``facts.check_batch``. Each method returns once the whole batch is on
    disk. If a method raises, either nothing of the batch is written, or the rest is written before
    the shop's next write.

    Args:
        audience: The store.
        shared_locks: Write locks shared with the other processes that write to the store, with
            which this one exchanges changes. ``None`` if no other process writes to it.
        country_of: Returns the country of a shop, for phone numbers without a country code.

    Attributes:
        write_log: The writes so far, of this process and others.
        identities: The numbers of ids.
        references: The contacts of facts that name them by an address.
    """

    def __init__(
        self,
        audience: Audience,
        shared_locks: WriteLocks | None = None,
        country_of: Callable[[int], str | None] = lambda shop_id: None,
    ) -> None:
        self._audience = audience
        self.country_of = country_of
        self.identities = Identities(audience, only_writer=shared_locks is None)
        self.references = ContactReferences(audience, self.identities)
        self._journal = Journal(audience, shared=shared_locks is not None)
        self._locks = LocalWriteLocks() if shared_locks is None else shared_locks
        self._held = threading.local()
        self._newest_version = 0
        self._quiesced = Counter[int]()
        self._counting = threading.Lock()
        self.write_log = WriteLog()
        self.change_feed = None if shared_locks is None else ChangeFeed(audience, self.write_log)

    @contextmanager
    def hold_write_lock(self, shop_id: int) -> Iterator[None]:
        """Hold a shop's write lock; the thread that holds it may write and acquire it again."""
        before = getattr(self._held, "shop_id", None)
        if before == shop_id:
            yield
            return
        with self._locks.hold(shop_id):
            self._held.shop_id = shop_id
            try:
                yield
            finally:
                self._held.shop_id = before

    @contextmanager
    def quiesce(self, shop_id: int, brief: bool = False) -> Iterator[None]:
        """Hold a shop's write lock, with every unfinished batch finished.

        Unless ``brief``, ``is_quiesced`` is true from now on, so that writers wait elsewhere.

        Raises:
            AppError: A batch cannot be finished, or the lock was lost by the end of the block.
        """
        counted = 0 if brief else 1
        with self._counting:
            self._quiesced[shop_id] += counted
        try:
            with self.hold_write_lock(shop_id):
                self.catch_up()
                if shop_id in self._journal.unfinished_shops():
                    with self._open_write(shop_id) as write:
                        self._journal.finish(shop_id, write)
                if self.change_feed is not None:
                    self.change_feed.finish_abandoned_writes(shop_id)
                yield
                self._locks.check_held(shop_id)
        finally:
            with self._counting:
                self._quiesced[shop_id] -= counted

    def is_quiesced(self, shop_id: int) -> bool:
        """Return whether this process quiesces a shop, so that a write may wait for minutes."""
        return self._quiesced[shop_id] > 0

    def catch_up(self) -> None:
        """Log what other processes have written.

        Call this after reading facts and before attributing them to a number of writes.
        """
        if self.change_feed is not None:
            self.change_feed.poll()

    def catch_up_if_stale(self) -> None:
        """Log what other processes have written, unless that was done within the last second.

        Call this before answering from memory. If it raises, the age of the memory is unknown.
        """
        if self.change_feed is not None:
            self.change_feed.poll_if_stale()

    def recover(self) -> None:
        """Finish the batches that earlier processes left; call this before anything else.

        Raises:
            AppError: The store is partly restored, or failed.
        """
        self._journal.refuse_partial_restore()
        latest = " UNION ALL ".join(
            f"SELECT max(version) AS version FROM {table.__tablename__}"
            for table in self._audience.tables
        )
        newest = self._audience.query_unfiltered(f"SELECT max(version) FROM ({latest})")
        self._newest_version = newest[0][0].as_py() or 0
        if self.change_feed is not None:
            self.change_feed.create_table()
        for shop_id in self._journal.unfinished_shops():
            with self.hold_write_lock(shop_id), self._open_write(shop_id) as write:
                self._journal.try_to_finish(shop_id, write)
        self._journal.tidy()

    @contextmanager
    def _writing(self, shop_id: int) -> Iterator[None]:
        """Hold a shop's write lock, and finish earlier batches, so that their rows can be read."""
        with self.hold_write_lock(shop_id):
            if self._journal.has_unfinished(shop_id):
                with self._open_write(shop_id) as write:
                    self._journal.finish(shop_id, write)
            yield

    def record(self, shop_id: int, fact: FactType, rows: pa.Table) -> pa.Table:
        """Record rows of any type but orders and order lines, by the type's key.

        Returns:
            The rows, with the columns that are derived from the others.

        Raises:
            BadFactsError: Rows name no contact, or several; nothing is written.
            AppError: The store failed.
        """
        with self._writing(shop_id):
            country = self.country_of(shop_id) if fact is CONTACTS else None
            rows, given = self._resolve(shop_id, fact, rows)
            rows = add_derived_columns(fact.name, rows, country)
            _, latest = keep_last_rows(rows, fact.key)
            moved = None
            contact_of: Mapping[int, int] = {}
            if fact.can_change_contact:
                moved = find_moved_rows(self._audience, shop_id, fact.name, latest)
            if fact is CONTACTS:
                contact_of, given = self.references.settle(shop_id, latest)
            version = self._next_version(shop_id)
            new = Insert(fact.name, stamp_rows(shop_id, version, latest, moved))
            steps = [*self._insert_given(shop_id, version, given), new]
            if contact_of:
                steps += build_moves(self._audience, shop_id, version, contact_of)
            self._write(shop_id, steps)
        return rows

    def _resolve(
        self, shop_id: int, fact: FactType, rows: pa.Table
    ) -> tuple[pa.Table, Sequence[Given]]:
        """Replace ids and references to contacts by numbers, and record numbers of new ids.

        A number without rows does no harm, so it is recorded before the batch. If it were a step of
        the batch, the journal would have to keep all rows.

        Returns:
            The rows, and what is given to addresses for which facts wait.
        """
        rows, given = self.identities.resolve(shop_id, fact, rows)
        waiting: Sequence[Given] = ()
        if fact.names_contact:
            rows, waiting = self.references.resolve(shop_id, fact, rows, self.country_of)
        if given:
            [step] = self._insert_given(shop_id, self._next_version(shop_id), given)
            self._locks.check_held(shop_id)
            self._audience.insert(step.table, step.rows)
        return rows, waiting

    def patch_contacts(
        self, shop_id: int, patches: pa.Table, given: Sequence[Set[str]]
    ) -> pa.Table:
        """Change the given fields of recorded contacts; see ``contact_patches.apply_patches``.

        Returns:
            The contacts, as ``record`` does.
        """
        with self._writing(shop_id):
            numbers = self.identities.find(shop_id, CONTACTS.name, patches["id"])
            rows = fetch_contacts(self._audience, shop_id, pc.unique(numbers.drop_null()))
            ids = source_ids(rows["id"], rows["source_id"]).to_pylist()
            contacts = {
                row["id"]: {**row, "id": id} for row, id in zip(rows.to_pylist(), ids, strict=True)
            }
            changed = apply_patches(contacts, numbers.to_pylist(), patches, given)
            return self.record(shop_id, CONTACTS, changed)

    def record_orders(self, shop_id: int, orders: pa.Table, lines: pa.Table | None) -> pa.Table:
        """Record orders by id, with their lines; ``None`` keeps the stored lines.

        Lines have the ``row`` of their order in ``orders``. Raises as ``record``.

        Returns:
            The last order of each id, with the numbers of ids.
        """
        with self._writing(shop_id):
            orders, given = self._resolve(shop_id, ORDERS, orders)
            kept, orders = keep_last_rows(orders, ["id"])
            stored = fetch_orders(self._audience, shop_id, orders["id"])
            if lines is None:
                contacts = stored["contact_id"]
                lines = fetch_order_lines(self._audience, shop_id, orders["id"], contacts)
            else:
                row = pc.index_in(lines["row"].cast(pa.int64()), kept)
                lines = lines.set_column(lines.schema.get_field_index("row"), "row", row)
                lines = lines.filter(pc.is_valid(row))
            self._write_orders(shop_id, build_order_rows(orders, lines, stored), given)
        return orders

    def count_waiting(self, shop_id: int, rows: pa.Table) -> int:
        """Count the recorded rows whose contact is not recorded yet."""
        if "contact_id" not in rows.column_names or not rows.num_rows:
            return 0
        known = find_contacts(self._audience, shop_id, pc.unique(rows["contact_id"]))
        waiting: int = pc.sum(pc.invert(pc.is_in(rows["contact_id"], known))).as_py()
        return waiting

    def record_order_lines(self, shop_id: int, lines: pa.Table) -> list[int]:
        """Replace the lines of recorded orders, by ``order_id``.

        Returns:
            The rows whose order is not recorded; if there are any, nothing is written.
        """
        with self._writing(shop_id):
            numbers = self.identities.find(shop_id, ORDERS.name, lines["order_id"])
            stored = fetch_orders(self._audience, shop_id, pc.unique(numbers.drop_null()))
            row = pc.index_in(numbers, stored["id"], skip_nulls=True)
            unknown: list[int] = pc.indices_nonzero(pc.is_null(row)).to_pylist()
            if not unknown:
                lines = lines.drop_columns(["order_id"]).append_column("row", row)
                orders = stored.drop_columns(["line_count"])
                self._write_orders(shop_id, build_order_rows(orders, lines, stored))
        return unknown

    def _insert_given(self, shop_id: int, version: int, given: Sequence[Given]) -> list[Insert]:
        """Return the step that records numbers as given, if there are any."""
        if not given:
            return []
        rows = self.identities.make_rows(shop_id, given)
        return [Insert(Identity.__tablename__, stamp_rows(shop_id, version, rows))]

    def _write_orders(self, shop_id: int, rows: OrderRows, given: Sequence[Given] = ()) -> None:
        version = self._next_version(shop_id)
        added = add_derived_columns("order_lines", rows.lines)
        lines = stamp_rows(shop_id, version, added, rows.deleted_lines)
        orders = stamp_rows(shop_id, version, rows.orders, rows.deleted_orders)
        steps = self._insert_given(shop_id, version, given)
        steps += [Insert("order_lines", lines), Insert("orders", orders)]
        products = add_derived_columns("products", build_products(rows.lines))
        steps.append(Insert("products", stamp_rows(shop_id, None, products)))
        self._write(shop_id, steps)

    def merge(self, shop_id: int, source_id: str, target_id: str) -> None:
        """Make all facts of one contact another's, now and when more arrive; both by their ids.

        If both ids mean the same contact already, nothing changes.
        """
        ids = pa.chunked_array([[source_id, target_id]], pa.string())
        with self._writing(shop_id):
            rows, given = self.identities.resolve(shop_id, CONTACTS, pa.table({"id": ids}))
            source, target = rows["id"].to_pylist()
            target_source_id = rows["source_id"][1].as_py()
            if source == target:
                return
            own_id = rows["source_id"][0].as_py() or str(source)
            given = [*given, *self.identities.point(shop_id, source, own_id, target)]
            version = self._next_version(shop_id)
            steps = self._insert_given(shop_id, version, given)
            contact = build_merged_contact(
                self._audience, shop_id, source, target, target_source_id
            )
            if contact is not None:
                contact = add_derived_columns(CONTACTS.name, contact, self.country_of(shop_id))
                deleted = pa.table({"id": pa.array([source], pa.uint64())})
                rows = stamp_rows(shop_id, version, contact, deleted)
                steps.append(Insert(CONTACTS.name, rows))
            steps += build_moves(self._audience, shop_id, version, {source: target})
            self._write(shop_id, steps)

    def forget(self, shop_id: int, ids: Sequence[str]) -> None:
        """Erase contacts, given by their ids, and all rows about them for good."""
        with self._writing(shop_id):
            given = pa.chunked_array([pa.array(ids, pa.string())])
            contacts = pc.unique(self.identities.find(shop_id, CONTACTS.name, given).drop_null())
            if len(contacts):
                numbers = self.identities.numbers_of(shop_id, contacts.to_pylist())
                self._write(shop_id, [Erase(tuple(numbers))])

    def merge_parts(self, shop_id: int) -> None:
        """Merge the parts of a shop's tables, so that reading them after many writes is fast."""
        for table in self._audience.tables:
            self._audience.merge_parts(table.__tablename__, shop_id)

    def _next_version(self, shop_id: int) -> int:
        return self._locks.next_version(shop_id, self._newest_version)

    def _write(self, shop_id: int, steps: Sequence[Insert | Erase]) -> None:
        self._locks.check_held(shop_id)
        with self._open_write(shop_id, steps) as write:
            self._journal.execute(shop_id, steps, write)
        for step in steps:
            if isinstance(step, Insert):
                metrics().rows.labels(step.table).inc(step.rows.num_rows)

    @contextmanager
    def _open_write(
        self, shop_id: int, steps: Sequence[Insert | Erase] = ()
    ) -> Iterator[OpenWrite]:
        """Log a write, and announce its start and its end to other processes."""
        with self.write_log.open_write(shop_id) as write:
            if self.change_feed is None:
                yield write
                return
            planned = OpenWrite()
            for step in steps:
                step.add_to(planned)
            number = self.change_feed.announce_start(shop_id, planned.affected_contacts())
            try:
                yield write
            finally:
                self.change_feed.announce_end(number, shop_id, write.affected_contacts())

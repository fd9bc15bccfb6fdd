"""Recording facts: upserts by natural key that leave nothing of an older version behind.

ClickHouse replaces a row only by one with the same whole sort key, which includes the contact. So
a fact that moves to another contact, or an order with fewer lines, needs its old rows marked as
deleted; they are looked up before the new rows are written.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.change_feed import ChangeFeed
from graphql_app.audience.facts import CONTACTS, FactType
from graphql_app.audience.journal import Erase, Insert, Journal, note
from graphql_app.audience.orders import OrderRows, order_rows, product_names
from graphql_app.audience.store import Audience
from graphql_app.audience.write_lock import LocalWriteLocks, WriteLocks
from graphql_app.audience.write_log import OpenWrite, WriteLog
from graphql_app.errors import AppError, ErrorCode
from graphql_app.observability.request_context import metrics

HALF_RESTORED = (
    "A restore into this audience was begun and not finished, so it is not served. Run "
    "`segments restore` again, with the same backup; or begin with empty stores."
)


def refuse_half_restored(journal: Journal) -> None:
    """Refuse a store into which a restore was begun and not finished.

    Raises:
        AppError: It is one, or it fails.
    """
    if journal.restoring() is not None:
        raise AppError(ErrorCode.UNAVAILABLE, HALF_RESTORED)


class Recorder:
    """Writes facts of shops; one shop's writes come one after another.

    The tables that it takes are checked ones (``facts.check``). Each method returns when all of
    the batch is on disk; where it raises, either nothing of the batch is recorded or all of it
    will be, before anything else is.

    Args:
        audience: The store.
        shared_locks: Write locks shared with the other processes that write to the store; with
            them, the processes exchange changes. ``None`` if no other process writes to it.

    Attributes:
        write_log: What was written so far.
    """

    def __init__(self, audience: Audience, shared_locks: WriteLocks | None = None) -> None:
        self._audience = audience
        self._journal = Journal(audience, shared=shared_locks is not None)
        self._locks = LocalWriteLocks() if shared_locks is None else shared_locks
        self._held = threading.local()
        self._newest = 0
        self._still = Counter[int]()
        self._counting = threading.Lock()
        self.write_log = WriteLog()
        self.change_feed = None if shared_locks is None else ChangeFeed(audience, self.write_log)

    @contextmanager
    def hold_write_lock(self, shop_id: int) -> Iterator[None]:
        """Keep a shop's writes waiting, and first wait for the one that is going on.

        The writes of whoever has them wait do not.
        """
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
    def quiesce(self, shop_id: int) -> Iterator[None]:
        """As ``pause``, with every batch that was begun carried out.

        Raises:
            AppError: One cannot be; or, at the end, others may have written meanwhile.
        """
        with self._counting:
            self._still[shop_id] += 1
        try:
            with self.hold_write_lock(shop_id):
                self.catch_up()
                if not self._journal.is_finished(shop_id):
                    with (
                        self.write_log.open_write(shop_id) as writing,
                        self._told(shop_id, (), writing),
                    ):
                        self._journal.finish(shop_id, writing)
                if self.change_feed is not None:
                    self.change_feed.finish_abandoned_writes(shop_id)
                yield
                self._locks.check_held(shop_id)
        finally:
            with self._counting:
                self._still[shop_id] -= 1

    def is_quiesced(self, shop_id: int) -> bool:
        """Whether this process keeps a shop's writes waiting for long; best not in a thread."""
        return self._still[shop_id] > 0

    def catch_up(self) -> None:
        """Learn what other processes have written until now, or are writing.

        Whoever has read facts does so before it says which writes these are of.

        Raises:
            AppError: The store fails.
        """
        if self.change_feed is not None:
            self.change_feed.poll()

    def catch_up_if_stale(self) -> None:
        """Learn what others have written until a moment ago, unless that is known.

        Whoever answers from memory does so first: while the store does not say what was written,
        what is in memory may be of long ago.

        Raises:
            AppError: The store fails.
        """
        if self.change_feed is not None:
            self.change_feed.poll_if_stale()

    def recover(self) -> None:
        """Finish the batches that an earlier process did not; call it before anything else.

        Raises:
            AppError: The store is half restored, or fails.
        """
        refuse_half_restored(self._journal)
        latest = " UNION ALL ".join(
            f"SELECT max(version) AS version FROM {table.__tablename__}"
            for table in self._audience.tables
        )
        newest = self._audience.query_unfiltered(f"SELECT max(version) FROM ({latest})")
        self._newest = newest[0][0].as_py() or 0
        if self.change_feed is not None:
            self.change_feed.create_table()
        for shop_id in self._journal.unfinished_shops():
            with (
                self.hold_write_lock(shop_id),
                self.write_log.open_write(shop_id) as writing,
                self._told(shop_id, (), writing),
            ):
                self._journal.try_to_finish(shop_id, writing)
        self._journal.tidy()

    def record(self, shop_id: int, fact: FactType, rows: pa.Table) -> None:
        """Record rows of any fact but orders and their lines, each by the key of the fact."""
        if fact is CONTACTS:
            rows = _with_consent(rows)
        with self.hold_write_lock(shop_id):
            _, rows = _last_of_each(rows, fact.key)
            gone = self._elsewhere(shop_id, fact.name, rows) if fact.can_change_contact else None
            version = self._version(shop_id)
            self._write(shop_id, [Insert(fact.name, _stamp(shop_id, version, rows, gone))])

    def record_orders(self, shop_id: int, orders: pa.Table, lines: pa.Table | None) -> None:
        """Record orders by id, each with its lines.

        Args:
            shop_id: Whose orders.
            orders: The orders.
            lines: Their lines, with the ``row`` of their order in ``orders``; ``None`` keeps the
                lines that the orders have.
        """
        with self.hold_write_lock(shop_id):
            self._orders(shop_id, orders, lines)

    def _orders(self, shop_id: int, orders: pa.Table, lines: pa.Table | None) -> None:
        kept, orders = _last_of_each(orders, ["id"])
        stored = self._stored_orders(shop_id, orders["id"])
        if lines is None:
            lines = self._stored_lines(shop_id, orders["id"], stored["contact_id"])
            names = None
        else:
            place = pc.index_in(lines["row"].cast(pa.int64()), kept)
            lines = lines.set_column(lines.schema.get_field_index("row"), "row", place)
            lines = lines.filter(pc.is_valid(place))
            names = product_names(orders, lines)
        self._write_orders(shop_id, order_rows(orders, lines, stored), names)

    def _write_orders(self, shop_id: int, rows: OrderRows, names: pa.Table | None) -> None:
        version = self._version(shop_id)
        steps = [
            Insert("order_lines", _stamp(shop_id, version, rows.lines, rows.gone_lines)),
            Insert("orders", _stamp(shop_id, version, rows.orders, rows.gone_orders)),
        ]
        if names is not None:
            steps.append(Insert("products", _stamp(shop_id, None, names)))
        self._write(shop_id, steps)

    def record_order_lines(self, shop_id: int, lines: pa.Table) -> list[int]:
        """Replace the lines of orders that are recorded already, by ``order_id``.

        Returns:
            The rows whose order is not recorded; if there are any, nothing was written.
        """
        with self.hold_write_lock(shop_id):
            stored = self._stored_orders(shop_id, pc.unique(lines["order_id"]))
            place = pc.index_in(lines["order_id"], stored["id"])
            unknown: list[int] = pc.indices_nonzero(pc.is_null(place)).to_pylist()
            if not unknown:
                lines = lines.drop_columns(["order_id"]).append_column("row", place)
                orders = stored.drop_columns(["line_count"])
                rows = order_rows(orders, lines, stored)
                self._write_orders(shop_id, rows, product_names(orders, lines))
        return unknown

    def forget(self, shop_id: int, contacts: Sequence[int]) -> None:
        """Erase contacts and every row about them, for good."""
        if contacts:
            with self.hold_write_lock(shop_id):
                self._write(shop_id, [Erase(tuple(contacts))])

    def _write(self, shop_id: int, steps: Sequence[Insert | Erase]) -> None:
        self._locks.check_held(shop_id)
        with self.write_log.open_write(shop_id) as writing, self._told(shop_id, steps, writing):
            self._journal.write(shop_id, steps, writing)
        for step in steps:
            if isinstance(step, Insert):
                metrics().rows.labels(step.table).inc(step.rows.num_rows)

    @contextmanager
    def _told(
        self, shop_id: int, steps: Sequence[Insert | Erase], writing: OpenWrite
    ) -> Iterator[None]:
        """Tell other processes what is about to be touched, and what was."""
        if self.change_feed is None:
            yield
            return
        planned = OpenWrite()
        for step in steps:
            note(step, planned)
        number = self.change_feed.announce_start(shop_id, planned.affected_contacts())
        try:
            yield
        finally:
            self.change_feed.announce_end(number, shop_id, writing.affected_contacts())

    def merge_parts(self, shop_id: int) -> None:
        """Bring the shop's rows into the shape that is fastest to read, after many writes.

        Tables that are in that shape already are left alone.
        """
        for table in self._audience.tables:
            self._audience.merge_parts(table.__tablename__, shop_id)

    def _version(self, shop_id: int) -> int:
        return self._locks.next_version(shop_id, self._newest)

    def _elsewhere(self, shop_id: int, table: str, rows: pa.Table) -> pa.Table:
        """The keys under which other contacts have rows of the same ids."""
        stored = self._audience.query_unfiltered(
            f"SELECT DISTINCT id, contact_id FROM {table} "
            f"WHERE shop_id = {shop_id} AND {_among(rows['id'])}"
        )
        owner = rows["contact_id"].take(pc.index_in(stored["id"], rows["id"]))
        return stored.filter(pc.not_equal(owner, stored["contact_id"]))

    def _stored_orders(self, shop_id: int, ids: pa.Array) -> pa.Table:
        """What is on disk of orders, one row for each contact that has them."""
        latest = ", ".join(
            f"argMax({name}, version) AS {name}"
            for name in ("ordered_at", "total", "refunded", "line_count")
        )
        # In a tuple, because argMax passes over NULLs.
        cancelled = "argMax(tuple(cancelled_at), version).1 AS cancelled_at"
        return self._audience.query_unfiltered(
            f"SELECT id, contact_id, {latest}, {cancelled} "
            f"FROM orders WHERE shop_id = {shop_id} AND {_among(ids)} "
            "GROUP BY id, contact_id HAVING NOT argMax(deleted, version)"
        )

    def _stored_lines(self, shop_id: int, ids: pa.Array, owners: pa.Array) -> pa.Table:
        """The lines that orders of some contacts have, with the row of their order."""
        latest = ", ".join(
            f"argMax(l.{name}, l.version) AS {name}" for name in ("product_id", "quantity", "price")
        )
        found = self._audience.query_unfiltered(
            f"SELECT order_id, {latest} FROM order_lines AS l "
            f"WHERE shop_id = {shop_id} AND {_among(owners, 'contact_id')} "
            f"AND {_among(ids, 'order_id')} GROUP BY contact_id, order_id, line_number "
            "HAVING NOT argMax(deleted, version) ORDER BY order_id, line_number"
        )
        return found.append_column("row", pc.index_in(found["order_id"], ids))


def _with_consent(contacts: pa.Table) -> pa.Table:
    """Contacts with what follows from the dates of their consent."""
    subscribed = pc.and_(
        pc.is_valid(contacts["subscribed_at"]),
        pc.coalesce(
            pc.less(contacts["unsubscribed_at"], contacts["subscribed_at"]), pa.scalar(True)
        ),
    )
    textable = pc.and_(subscribed, pc.is_valid(contacts["phone"]))
    return contacts.append_column("subscribed", subscribed).append_column("textable", textable)


def _last_of_each(rows: pa.Table, key: Sequence[str]) -> tuple[pa.Array, pa.Table]:
    """The last row of each key: its places in the table, and the rows."""
    # No column of a table has a name with a space in it.
    numbers = pa.array(range(rows.num_rows), pa.int64())
    numbered = rows.select(key).append_column("row number", numbers)
    last = numbered.group_by(key).aggregate([("row number", "max")])["row number_max"]
    places = last.combine_chunks().sort()
    return (places, rows) if len(places) == rows.num_rows else (places, rows.take(places))


def _among(ids: pa.Array | pa.ChunkedArray, column: str = "id") -> str:
    """SQL: the column is one of the identifiers, with bounds that skip what cannot hold them."""
    if not len(ids):
        return "0"
    bounds = pc.min_max(ids).as_py()
    listed = ",".join(map(str, ids.to_pylist()))
    return (
        f"{column} BETWEEN {bounds['min']} AND {bounds['max']} "
        f"AND {column} IN (SELECT arrayJoin(CAST('[{listed}]' AS Array(UInt64))))"
    )


def _stamp(
    shop_id: int, version: int | None, rows: pa.Table, gone: pa.Table | None = None
) -> pa.Table:
    """Rows as the tables have them; ``gone`` ones are marked as deleted, and otherwise empty."""
    parts = [rows.append_column("deleted", pa.array([False] * rows.num_rows, pa.bool_()))]
    if gone is not None and gone.num_rows:
        columns = {
            field.name: gone[field.name]
            if field.name in gone.column_names
            else _blank(field.type, gone.num_rows)
            for field in rows.schema
        }
        parts.append(pa.table({**columns, "deleted": pa.array([True] * gone.num_rows, pa.bool_())}))
    table = pa.concat_tables(parts)
    table = table.append_column("shop_id", pa.array([shop_id] * len(table), pa.uint64()))
    if version is not None:
        table = table.append_column("version", pa.array([version] * len(table), pa.uint64()))
    return table


def _blank(kind: pa.DataType, size: int) -> pa.Array:
    """A column of the values that ClickHouse has by default."""
    if pa.types.is_list(kind):
        return pa.array([[]] * size, kind)
    zero = "" if pa.types.is_string(kind) else False if pa.types.is_boolean(kind) else 0
    return pa.array([pa.scalar(zero, kind).as_py()] * size, kind)

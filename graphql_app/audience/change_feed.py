"""The change feed: how processes that share a store learn of each other's writes within a second.

Each process announces a write in the table ``feed`` before it begins, with the contacts that it
will affect, and again once it is done. The other processes poll the table and add the writes to
their write logs. If a process dies during a write, the next holder of the shop's write lock
finishes the write in its own log.
"""

import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa

from graphql_app.audience.ddl import QUORUM_TIMEOUT
from graphql_app.audience.store import Audience
from graphql_app.audience.write_log import AffectedContacts, WriteLog
from graphql_app.errors import AppError

logger = logging.getLogger(__name__)

# Seconds.
POLL_INTERVAL = 0.5
POLL_TIMEOUT = 10
STALE_AFTER = 1
OVERLAP = 5  # poll again for rows of the last seconds, which may become visible out of order
LOST_AFTER = 3_000  # older rows may be deleted: the table keeps them for an hour


class ChangeFeed:
    """One process's end of the change feed, which adds other processes' writes to its log."""

    def __init__(self, audience: Audience, write_log: WriteLog) -> None:
        self._audience = audience
        self._write_log = write_log
        # The node of a cluster that is polled may be the last one to receive a row.
        self._overlap = OVERLAP + (QUORUM_TIMEOUT if audience.layout.cluster else 0)
        self._name = secrets.token_hex(8)
        self._number = 0
        self._lock = threading.Lock()
        self._polling = threading.Lock()
        self._seen: dict[tuple[str, int, bool], float] = {}
        self._unfinished: dict[tuple[str, int], tuple[int, AffectedContacts]] = {}
        self._since = 0.0
        self._polled = time.monotonic()

    def create_table(self) -> None:
        """Create the table if it is missing, and follow the feed from now on."""
        for statement in self._audience.layout.create_change_feed_sql():
            self._audience.command(statement)
        found = self._audience.query_unfiltered("SELECT toFloat64(now64(3)) AS now")
        self._since = found["now"][0].as_py()

    @contextmanager
    def poll_in_background(self) -> Iterator[None]:
        ended = threading.Event()
        thread = threading.Thread(target=self._poll_until, args=(ended,), name="change feed")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _poll_until(self, ended: threading.Event) -> None:
        while not ended.wait(POLL_INTERVAL):
            try:
                self.poll()
            except AppError:
                continue  # the outage is logged, and the next poll reads what this one missed
            except Exception:
                logger.exception("the change feed could not be read")

    def announce_start(self, shop_id: int, affected: AffectedContacts) -> int:
        """Announce a write that is about to begin, and return its number."""
        with self._lock:
            self._number += 1
            number = self._number
        self._insert(number, shop_id, affected, done=False)
        return number

    def announce_end(self, number: int, shop_id: int, affected: AffectedContacts) -> None:
        """Announce the end of a write, whether or not it succeeded."""
        try:
            self._insert(number, shop_id, affected, done=True)
        except AppError:
            return  # the outage is logged, and the shop's next writer finishes this write
        except Exception:
            logger.exception("the change feed could not be written to")

    def _insert(self, number: int, shop_id: int, affected: AffectedContacts, done: bool) -> None:
        row = {
            "writer": pa.array([self._name]),
            "number": pa.array([number], pa.uint64()),
            "done": pa.array([done]),
            "shop_id": pa.array([shop_id], pa.uint64()),
            "touched": pa.array([_pack(affected)], pa.binary()),
        }
        self._audience.insert("feed", pa.table(row))

    def poll(self) -> None:
        """Add the writes that other processes have announced to the write log."""
        begun = time.monotonic()
        with self._polling:
            if self._polled > begun:  # another thread has just done it
                return
            began = time.monotonic()
            self._poll()
            if began - self._polled > LOST_AFTER:
                self._write_log.invalidate_all()
            self._polled = began

    def poll_if_stale(self) -> None:
        """Poll, unless the last poll was less than ``STALE_AFTER`` seconds ago."""
        if time.monotonic() - self._polled > STALE_AFTER:
            self.poll()

    def finish_abandoned_writes(self, shop_id: int) -> None:
        """Finish the writes of other processes in the log; hold the shop's write lock."""
        with self._polling:
            for write, (shop, affected) in [*self._unfinished.items()]:
                if shop == shop_id:
                    self._write_log.finish_write(shop_id, affected)
                    del self._unfinished[write]

    def _poll(self) -> None:
        # If the server's clock is set back, new rows are dated before those already seen.
        since = f"least(toDateTime64({self._since:.3f}, 3), now64(3)) - {self._overlap}"
        rows = self._fetch_rows("toFloat64(now64(3)) AS now", since)
        for row in rows:
            self._since = min(max(self._since, row["at"]), row["now"])
        new = [row["at"] for row in rows if _key(row) not in self._seen]
        if new:
            # The list of contacts may be long, so it is fetched for new rows only.
            for row in self._fetch_rows("touched", f"toDateTime64({min(new) - 0.001:.3f}, 3)"):
                if _key(row) not in self._seen:
                    self._log_row(row)
        overlap_start = self._since - self._overlap
        self._seen = {key: at for key, at in self._seen.items() if at >= overlap_start}

    def _fetch_rows(self, column: str, since: str) -> Sequence[dict[str, Any]]:
        """Fetch the rows of other processes since a time, with one additional column."""
        found = self._audience.query_unfiltered(
            f"SELECT writer, number, done, shop_id, toFloat64(at) AS at, {column} FROM feed "
            f"WHERE at >= {since} AND writer != '{self._name}' ORDER BY at",
            text=False,
            timeout=POLL_TIMEOUT,
        )
        rows: Sequence[dict[str, Any]] = found.to_pylist()
        return rows

    def _log_row(self, row: dict[str, Any]) -> None:
        """Log the start or the end of a write; the end may become visible first."""
        write = (row["writer"].decode(), row["number"])
        shop_id, affected = row["shop_id"], _unpack(row["touched"])
        self._seen[_key(row)] = row["at"]
        if row["done"]:
            if self._unfinished.pop(write, None) is None:
                self._write_log.begin_write(shop_id)
            self._write_log.finish_write(shop_id, affected)
        elif (*write, True) not in self._seen:
            self._write_log.begin_write(shop_id)
            self._unfinished[write] = (shop_id, affected)


def _key(row: dict[str, Any]) -> tuple[str, int, bool]:
    return row["writer"].decode(), row["number"], row["done"]


def _pack(affected: AffectedContacts) -> bytes:
    every = {**affected.tables, "": affected.erased}
    contacts = pa.array([ids.tolist() for ids in every.values()], pa.list_(pa.uint64()))
    latest = pa.array([affected.latest] * len(every), pa.timestamp("ms", "UTC"))
    table = pa.table({"table": pa.array([*every]), "contacts": contacts, "latest": latest})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _unpack(packed: bytes) -> AffectedContacts:
    rows = pa.ipc.open_stream(packed).read_all().to_pylist()
    found = {row["table"]: np.array(row["contacts"], np.uint64) for row in rows}
    tables = {name: ids for name, ids in found.items() if name}
    return AffectedContacts(tables, found[""], rows[0].get("latest"))  # older versions send none

"""The change feed: what other processes write to the same store, learned within a second.

Each process that shares a store announces what a write touches before it begins, in a table of the
store, and once more when it is done; the others look at that table twice a second, and whenever
they have read what such a write may have changed. A write whose end is not told, because its
process died, is over for whoever has the shop's turn next.
"""

from __future__ import annotations

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

logger = logging.getLogger(__name__)

LOOK_EVERY = 0.5  # seconds
PATIENCE = 10  # seconds that a look may take
LATELY = 1  # seconds for which what was seen is new enough
# Seconds for which rows are looked for again: those of one instant may appear one after another.
OVERLAP = 5
# Seconds after which what was told meanwhile may be gone from the table, which keeps an hour.
MISSED_AFTER = 3_000


class ChangeFeed:
    """This process's end of the change feed.

    Args:
        audience: The store that is shared.
        write_log: What this process knows of writes, its own and others'.
    """

    def __init__(self, audience: Audience, write_log: WriteLog) -> None:
        self._audience = audience
        self._write_log = write_log
        # Of a cluster, the node that is asked may be the last to have a row.
        self._overlap = OVERLAP + (QUORUM_TIMEOUT if audience.layout.cluster else 0)
        self._name = secrets.token_hex(8)
        self._number = 0
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._seen: dict[tuple[str, int, bool], float] = {}
        self._unfinished: dict[tuple[str, int], tuple[int, AffectedContacts]] = {}
        self._since = 0.0
        self._looked = time.monotonic()

    def create_table(self) -> None:
        """Make the table if need be; what is told from now on counts."""
        for statement in self._audience.layout.create_change_feed_sql():
            self._audience.command(statement)
        found = self._audience.query_unfiltered("SELECT toFloat64(now64(3)) AS now")
        self._since = found["now"][0].as_py()

    @contextmanager
    def poll_in_background(self) -> Iterator[None]:
        """Look at it often, in a thread."""
        ended = threading.Event()
        looking = threading.Thread(target=self._follow, args=(ended,), name="change feed")
        looking.start()
        try:
            yield
        finally:
            ended.set()
            looking.join()

    def announce_start(self, shop_id: int, touched: AffectedContacts) -> int:
        """Tell the others what a write is about to touch; the number by which to tell its end."""
        with self._lock:
            self._number += 1
            number = self._number
        self._insert(number, shop_id, touched, done=False)
        return number

    def announce_end(self, number: int, shop_id: int, touched: AffectedContacts) -> None:
        """Tell the others that a write is done, whether or not it went well."""
        try:
            self._insert(number, shop_id, touched, done=True)
        except Exception:  # the facts are recorded, and the others take it for over after a while
            logger.exception("the change feed could not be written to")

    def _insert(self, number: int, shop_id: int, touched: AffectedContacts, done: bool) -> None:
        row = {
            "writer": pa.array([self._name]),
            "number": pa.array([number], pa.uint64()),
            "done": pa.array([done]),
            "shop_id": pa.array([shop_id], pa.uint64()),
            "touched": pa.array([_packed(touched)], pa.binary()),
        }
        self._audience.insert("feed", pa.table(row))

    def _follow(self, ended: threading.Event) -> None:
        while not ended.wait(LOOK_EVERY):
            try:
                self.poll()
            except Exception:  # whatever it is, what was missed comes with the next look
                logger.exception("the change feed could not be read")

    def poll(self) -> None:
        """Take note of what the others have told since."""
        with self._looking:
            began = time.monotonic()
            self._look()
            if began - self._looked > MISSED_AFTER:
                self._write_log.invalidate_all()
            self._looked = began

    def finish_abandoned_writes(self, shop_id: int) -> None:
        """Take others' writes of a shop for done, by whoever has the shop's turn."""
        with self._looking:
            for write, (of, touched) in [*self._unfinished.items()]:
                if of == shop_id:
                    self._write_log.finish_write(shop_id, touched)
                    del self._unfinished[write]

    def poll_if_stale(self) -> None:
        """As ``look``, where that was not done for some time: nobody looks, or it fails."""
        if time.monotonic() - self._looked > LATELY:
            self.poll()

    def _look(self) -> None:
        # The server's clock may be set back: what is told then is earlier than what was seen.
        since = f"least(toDateTime64({self._since:.3f}, 3), now64(3)) - {self._overlap}"
        rows = self._rows("toFloat64(now64(3)) AS now", since)
        for row in rows:
            self._since = min(max(self._since, row["at"]), row["now"])
        new = [row["at"] for row in rows if _key(row) not in self._seen]
        if new:
            # What was touched may be long, and is read of what is new only.
            for row in self._rows("touched", f"toDateTime64({min(new) - 0.001:.3f}, 3)"):
                if _key(row) not in self._seen:
                    self._learn(row)
        read_again = self._since - self._overlap
        self._seen = {key: at for key, at in self._seen.items() if at >= read_again}

    def _rows(self, column: str, since: str) -> Sequence[dict[str, Any]]:
        """What the others told since some time, with one more column."""
        found = self._audience.query_unfiltered(
            f"SELECT writer, number, done, shop_id, toFloat64(at) AS at, {column} FROM feed "
            f"WHERE at >= {since} AND writer != '{self._name}' ORDER BY at",
            text=False,
            timeout=PATIENCE,
        )
        rows: Sequence[dict[str, Any]] = found.to_pylist()
        return rows

    def _learn(self, row: dict[str, Any]) -> None:
        """Take note of the beginning of a write or of its end, whichever comes first."""
        write = (row["writer"].decode(), row["number"])
        self._seen[_key(row)] = row["at"]
        told = (row["shop_id"], _unpacked(row["touched"]))
        if row["done"]:
            if self._unfinished.pop(write, None) is None:
                self._write_log.begin_write(row["shop_id"])
            self._write_log.finish_write(*told)
        elif (*write, True) not in self._seen:
            self._write_log.begin_write(row["shop_id"])
            self._unfinished[write] = told


def _key(row: dict[str, Any]) -> tuple[str, int, bool]:
    return row["writer"].decode(), row["number"], row["done"]


def _packed(touched: AffectedContacts) -> bytes:
    every = {**touched.tables, "": touched.erased}
    contacts = pa.array([ids.tolist() for ids in every.values()], pa.list_(pa.uint64()))
    table = pa.table({"table": pa.array([*every]), "contacts": contacts})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _unpacked(packed: bytes) -> AffectedContacts:
    rows = pa.ipc.open_stream(packed).read_all().to_pylist()
    found = {row["table"]: np.array(row["contacts"], np.uint64) for row in rows}
    return AffectedContacts({name: ids for name, ids in found.items() if name}, found[""])

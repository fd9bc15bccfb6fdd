"""The write log: which contacts each recent write affected, so that caches know what is stale."""

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from graphql_app.timezones import EPOCH

Ids = NDArray[np.uint64]

NO_IDS: Final[Ids] = np.array([], np.uint64)

# Contacts to keep in the logs of all shops together; a cache that is further behind starts over.
MAX_CONTACTS = 4_000_000


@dataclass(frozen=True, slots=True)
class AffectedContacts:
    """The contacts that one write affected; some of them may have kept their rows as they were.

    Attributes:
        tables: Contacts with new rows, by table; none for a table without contacts.
        erased: Contacts erased from every table.
        latest: The latest time in the new rows; ``None`` if it is not known.
    """

    tables: Mapping[str, Ids] = field(default_factory=dict)
    erased: Ids = field(default_factory=lambda: NO_IDS)
    latest: datetime | None = None

    @property
    def size(self) -> int:
        """How many contacts there are, counted once per table."""
        return sum(map(len, self.tables.values())) + len(self.erased)

    @property
    def contacts(self) -> Ids:
        """The contacts with new rows; some of them several times."""
        return np.concatenate([NO_IDS, *self.tables.values()])

    def may_come_after(self, instant: datetime) -> bool:
        """Return whether some of the new rows may have a time after an instant."""
        return bool(self.tables) and (self.latest is None or self.latest > instant)


class OpenWrite:
    """A running write, with the contacts that it affects so far."""

    def __init__(self) -> None:
        self._tables: dict[str, list[Ids]] = defaultdict(list)
        self._erased: list[Ids] = []
        self._latest: datetime | None = EPOCH

    def add_rows(self, table: str, contacts: Ids, latest: datetime | None) -> None:
        """Add contacts with new rows in a table; none if the table has no contacts.

        ``latest`` is the latest time in the rows; ``None`` if it is not known.
        """
        self._tables[table].append(contacts)
        if latest is None or self._latest is None:
            self._latest = None
        else:
            self._latest = max(self._latest, latest)

    def add_erased(self, contacts: Sequence[int]) -> None:
        self._erased.append(np.array(contacts, np.uint64))

    def affected_contacts(self) -> AffectedContacts:
        tables = {name: np.unique(np.concatenate(ids)) for name, ids in self._tables.items()}
        erased = np.concatenate([NO_IDS, *self._erased])
        return AffectedContacts(tables, erased, self._latest)


@dataclass(slots=True)
class _ShopLog:
    """``first`` is the number of the earliest write in ``writes``."""

    begun: int = 0
    done: int = 0
    first: int = 0
    writes: deque[AffectedContacts] = field(default_factory=deque)


class WriteLog:
    """The writes of each shop, numbered from 1 in the order in which they became readable."""

    def __init__(self, max_contacts: int = MAX_CONTACTS) -> None:
        self._lock = threading.Lock()
        self._shops: dict[int, _ShopLog] = defaultdict(_ShopLog)
        self._room = max_contacts
        self._oldest: deque[int] = deque()
        self._subscribers: list[Callable[[int], None]] = []

    def subscribe(self, notify: Callable[[int], None]) -> None:
        """Call ``notify`` with the shop after each write, in the writer's thread."""
        self._subscribers.append(notify)

    def count_writes(self, shop_id: int) -> int:
        """Return the number of a shop's writes that can be read by now."""
        with self._lock:
            return self._shops[shop_id].done

    def is_unchanged_since(self, shop_id: int, count: int) -> bool:
        """Return whether no write of a shop has begun after the first ``count`` ones."""
        with self._lock:
            return self._shops[shop_id].begun == count

    def writes_since(self, shop_id: int, count: int) -> Sequence[AffectedContacts] | None:
        """Return a shop's writes after the first ``count``; ``None`` if the log has dropped any."""
        with self._lock:
            shop = self._shops[shop_id]
            if count == shop.done:
                return ()
            if count < shop.first:
                return None
            return [*shop.writes][count - shop.first :]

    @contextmanager
    def open_write(self, shop_id: int) -> Iterator[OpenWrite]:
        """Log a write, even if it fails: some of it may have been written.

        The caller holds the shop's write lock.
        """
        write = OpenWrite()
        self.begin_write(shop_id)
        try:
            yield write
        finally:
            self.finish_write(shop_id, write.affected_contacts())

    def begin_write(self, shop_id: int) -> None:
        with self._lock:
            self._shops[shop_id].begun += 1

    def finish_write(self, shop_id: int, affected: AffectedContacts) -> None:
        """Log the end of a write that has begun, and notify the subscribers."""
        with self._lock:
            shop = self._shops[shop_id]
            shop.done += 1
            shop.writes.append(affected)
            self._oldest.append(shop_id)
            self._room -= affected.size + 1
            while self._room < 0:
                oldest = self._shops[self._oldest.popleft()]
                self._room += oldest.writes.popleft().size + 1
                oldest.first += 1
        self._notify([shop_id])

    def invalidate_all(self) -> None:
        """Log an unknown write for every shop, so that every cache starts over."""
        with self._lock:
            for shop in self._shops.values():
                self._room += sum(affected.size + 1 for affected in shop.writes)
                shop.writes.clear()
                shop.begun += 1
                shop.done += 1
                shop.first = shop.done
            self._oldest.clear()
            shop_ids = [*self._shops]
        self._notify(shop_ids)

    def _notify(self, shop_ids: Sequence[int]) -> None:
        for notify in self._subscribers:
            for shop_id in shop_ids:
                notify(shop_id)

"""Which contacts each write touched, so that whoever keeps answers knows which to ask again."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint64]

# Contacts that are remembered, of all shops: who asks later than that asks for everything again.
MAX_REMEMBERED = 4_000_000


@dataclass(frozen=True, slots=True)
class AffectedContacts:
    """What one write changed: contacts by table, contacts erased from all, products or none.

    A contact may be named whose rows are as they were.
    """

    tables: Mapping[str, Ids] = field(default_factory=dict)
    erased: Ids = field(default_factory=lambda: np.array([], np.uint64))

    @property
    def size(self) -> int:
        """How much there is to remember of it."""
        return sum(map(len, self.tables.values())) + len(self.erased)


@dataclass(slots=True)
class _Shop:
    """``first`` is the number of the earliest write that is remembered."""

    begun: int = 0
    done: int = 0
    first: int = 0
    writes: deque[AffectedContacts] = field(default_factory=deque)


class OpenWrite:
    """Takes note of what a write that is going on touches."""

    def __init__(self) -> None:
        self._tables: dict[str, list[Ids]] = defaultdict(list)
        self._erased: list[Ids] = []

    def add_rows(self, table: str, contacts: Ids) -> None:
        """Rows of contacts were written; of none, if the table has no contacts."""
        self._tables[table].append(contacts)

    def add_erased(self, contacts: Sequence[int]) -> None:
        """Contacts were erased from every table."""
        self._erased.append(np.array(contacts, np.uint64))

    def affected_contacts(self) -> AffectedContacts:
        """All of it."""
        tables = {name: np.unique(np.concatenate(ids)) for name, ids in self._tables.items()}
        return AffectedContacts(tables, np.concatenate([np.array([], np.uint64), *self._erased]))


class WriteLog:
    """The writes of each shop, numbered from 1 in the order in which they can be read."""

    def __init__(self, remembered: int = MAX_REMEMBERED) -> None:
        self._lock = threading.Lock()
        self._shops: dict[int, _Shop] = defaultdict(_Shop)
        self._room = remembered
        self._oldest: deque[int] = deque()
        self._listeners: list[Callable[[int], None]] = []

    def subscribe(self, told: Callable[[int], None]) -> None:
        """Have a function told, in the writer's thread, the shop of each write that can be read."""
        self._listeners.append(told)

    def count_writes(self, shop_id: int) -> int:
        """How many writes of a shop there were so far; it moves once a write can be read."""
        with self._lock:
            return self._shops[shop_id].done

    def is_unchanged_since(self, shop_id: int, count: int) -> bool:
        """Whether no write began after that many of a shop."""
        with self._lock:
            return self._shops[shop_id].begun == count

    def writes_since(self, shop_id: int, count: int) -> Sequence[AffectedContacts] | None:
        """What the writes after some touched; ``None`` if that is not remembered any more."""
        with self._lock:
            shop = self._shops[shop_id]
            if count == shop.done:
                return ()
            if count < shop.first:
                return None
            return [*shop.writes][count - shop.first :]

    @contextmanager
    def open_write(self, shop_id: int) -> Iterator[OpenWrite]:
        """A write of a shop, which may have touched what it names also where it fails.

        The caller sees to it that a shop's writes come one after another.
        """
        writing = OpenWrite()
        with self._lock:
            self._shops[shop_id].begun += 1
        try:
            yield writing
        finally:
            self._add(shop_id, writing.affected_contacts())

    def begin_write(self, shop_id: int) -> None:
        """Take note that somebody else begins a write, whose end is told later."""
        with self._lock:
            self._shops[shop_id].begun += 1

    def finish_write(self, shop_id: int, touched: AffectedContacts) -> None:
        """Take note of what a write touched that somebody else began."""
        self._add(shop_id, touched)

    def invalidate_all(self) -> None:
        """Take note that anything may have been written of which nothing is known."""
        with self._lock:
            for shop in self._shops.values():
                self._room += sum(touched.size + 1 for touched in shop.writes)
                shop.writes.clear()
                shop.begun += 1
                shop.done += 1
                shop.first = shop.done
            self._oldest.clear()
            lost = [*self._shops]
        for told in self._listeners:
            for shop_id in lost:
                told(shop_id)

    def _add(self, shop_id: int, touched: AffectedContacts) -> None:
        with self._lock:
            shop = self._shops[shop_id]
            shop.done += 1
            shop.writes.append(touched)
            self._oldest.append(shop_id)
            self._room -= touched.size + 1
            while self._room < 0:
                forgetful = self._shops[self._oldest.popleft()]
                self._room += forgetful.writes.popleft().size + 1
                forgetful.first += 1
        for told in self._listeners:
            told(shop_id)

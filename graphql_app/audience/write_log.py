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
class Touched:
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
    writes: deque[Touched] = field(default_factory=deque)


class Writing:
    """Takes note of what a write that is going on touches."""

    def __init__(self) -> None:
        self._tables: dict[str, list[Ids]] = defaultdict(list)
        self._erased: list[Ids] = []

    def wrote(self, table: str, contacts: Ids) -> None:
        """Rows of contacts were written; of none, if the table has no contacts."""
        self._tables[table].append(contacts)

    def erased(self, contacts: Sequence[int]) -> None:
        """Contacts were erased from every table."""
        self._erased.append(np.array(contacts, np.uint64))

    def touched(self) -> Touched:
        """All of it."""
        tables = {name: np.unique(np.concatenate(ids)) for name, ids in self._tables.items()}
        return Touched(tables, np.concatenate([np.array([], np.uint64), *self._erased]))


class Changes:
    """The writes of each shop, numbered from 1 in the order in which they can be read."""

    def __init__(self, remembered: int = MAX_REMEMBERED) -> None:
        self._lock = threading.Lock()
        self._shops: dict[int, _Shop] = defaultdict(_Shop)
        self._room = remembered
        self._oldest: deque[int] = deque()
        self._listeners: list[Callable[[int], None]] = []

    def listen(self, told: Callable[[int], None]) -> None:
        """Have a function told, in the writer's thread, the shop of each write that can be read."""
        self._listeners.append(told)

    def count(self, shop_id: int) -> int:
        """How many writes of a shop there were so far; it moves once a write can be read."""
        with self._lock:
            return self._shops[shop_id].done

    def settled(self, shop_id: int, count: int) -> bool:
        """Whether no write began after that many of a shop."""
        with self._lock:
            return self._shops[shop_id].begun == count

    def since(self, shop_id: int, count: int) -> Sequence[Touched] | None:
        """What the writes after some touched; ``None`` if that is not remembered any more."""
        with self._lock:
            shop = self._shops[shop_id]
            if count == shop.done:
                return ()
            if count < shop.first:
                return None
            return [*shop.writes][count - shop.first :]

    @contextmanager
    def writing(self, shop_id: int) -> Iterator[Writing]:
        """A write of a shop, which may have touched what it names also where it fails.

        The caller sees to it that a shop's writes come one after another.
        """
        writing = Writing()
        with self._lock:
            self._shops[shop_id].begun += 1
        try:
            yield writing
        finally:
            self._add(shop_id, writing.touched())

    def begin(self, shop_id: int) -> None:
        """Take note that somebody else begins a write, whose end is told later."""
        with self._lock:
            self._shops[shop_id].begun += 1

    def tell(self, shop_id: int, touched: Touched) -> None:
        """Take note of what a write touched that somebody else began."""
        self._add(shop_id, touched)

    def lose_track(self) -> None:
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

    def _add(self, shop_id: int, touched: Touched) -> None:
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

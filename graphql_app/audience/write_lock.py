"""Turns: a shop's writes come one after another, each with a later version than any before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Turns(Protocol):
    """How those who write facts of the same shops take turns."""

    def take(self, shop_id: int) -> AbstractContextManager[None]:
        """Wait for one's turn in a shop, and have it.

        Raises:
            AppError: UNAVAILABLE when it does not come.
        """

    def require(self, shop_id: int) -> None:
        """See that the turn one has is not lost: before what is written in it, after what is read.

        Raises:
            AppError: UNAVAILABLE when it is: another may have the turn by now.
        """

    def version(self, shop_id: int, after: int) -> int:
        """A version for a write whose turn it is, later than those before and than ``after``.

        Raises:
            AppError: UNAVAILABLE when it cannot be told.
        """


class LocalTurns:
    """The turns of one process, which alone writes to its store."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[int, threading.Lock] = {}
        self._latest = 0

    @contextmanager
    def take(self, shop_id: int) -> Iterator[None]:
        """Wait for one's turn in a shop, and have it."""
        with self._guard:
            lock = self._locks.setdefault(shop_id, threading.Lock())
        with lock:
            yield

    def require(self, shop_id: int) -> None:
        """A lock of this process is never lost."""

    def version(self, shop_id: int, after: int) -> int:
        """Whatever the clock says, later than every version before: the last write wins."""
        with self._guard:
            self._latest = max(self._latest + 1, after + 1, time.time_ns())
            return self._latest

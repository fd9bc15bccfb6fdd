"""Write locks: one write per shop at a time, each with a higher version than any before it."""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class WriteLocks(Protocol):
    """The write locks of all shops, one lock per shop."""

    def hold(self, shop_id: int) -> AbstractContextManager[None]:
        """Wait for a shop's write lock and hold it, or raise UNAVAILABLE."""

    def check_held(self, shop_id: int) -> None:
        """Raise UNAVAILABLE if this thread has lost a shop's lock; another process may hold it.

        Call this before writing and after reading under the lock.
        """

    def next_version(self, shop_id: int, after: int) -> int:
        """Return a version above ``after`` and the shop's earlier ones, or raise UNAVAILABLE."""


class LocalWriteLocks:
    """Write locks within one process, the only one that writes to its store."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[int, threading.Lock] = {}
        self._latest = 0

    @contextmanager
    def hold(self, shop_id: int) -> Iterator[None]:
        with self._guard:
            lock = self._locks.setdefault(shop_id, threading.Lock())
        with lock:
            yield

    def check_held(self, shop_id: int) -> None:
        """Do nothing: a lock within the process is never lost."""

    def next_version(self, shop_id: int, after: int) -> int:
        """Return a version above ``after`` and all earlier ones, even if the clock was set back."""
        with self._guard:
            self._latest = max(self._latest + 1, after + 1, time.time_ns())
            return self._latest

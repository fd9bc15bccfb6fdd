"""Sharing: identical requests in flight share one answer, and a write wakes its subscribers."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from anyio import move_on_after

from graphql_app.audience.write_log import WriteLog
from graphql_app.observability.outages import count_failed_request
from graphql_app.observability.request_context import metrics

T = TypeVar("T")


class WriteWatcher:
    """An event for each shop that wakes tasks of any event loop when its facts are written."""

    def __init__(self, write_log: WriteLog) -> None:
        self._write_log = write_log
        self._lock = threading.Lock()
        self._waiting: dict[int, set[asyncio.Future[None]]] = defaultdict(set)
        write_log.subscribe(self._wake)

    async def wait(self, shop_id: int, count: int, seconds: float) -> None:
        """Wait until the shop has more than ``count`` writes, or ``seconds`` have passed."""
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting[shop_id].add(future)
        try:
            if self._write_log.count_writes(shop_id) == count:
                with move_on_after(seconds):
                    await future
        finally:
            with self._lock:
                self._waiting[shop_id].discard(future)
                if not self._waiting[shop_id]:
                    del self._waiting[shop_id]

    def _wake(self, shop_id: int) -> None:
        with self._lock:
            waiting = [*self._waiting.get(shop_id, ())]
        for future in waiting:
            future.get_loop().call_soon_threadsafe(_resolve, future)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@dataclass
class _Running(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class InFlight(Generic[T]):
    """Answers in progress on one event loop, each shared by all requests with the same key.

    A finished answer is shared for another ``keep`` seconds, so that subscribers woken by the same
    write share it. Failures are never kept.
    """

    def __init__(self, keep: float) -> None:
        self._keep = keep
        self._running: dict[Hashable, _Running[T]] = {}

    async def share(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return the answer for a key, starting the work unless it is running.

        The work is cancelled when all requests that wait for it have been cancelled.
        """
        running, began = self._running.get(key), perf_counter()
        shared = running is not None
        if running is None:
            running = self._running[key] = _Running(asyncio.ensure_future(_coroutine(work)))
            running.task.add_done_callback(lambda task: self._finish(key, task))
        running.waiting += 1
        try:
            answer = await asyncio.shield(running.task)
        except Exception as error:
            if shared:
                count_failed_request(error)
            raise
        finally:
            running.waiting -= 1
            if not running.waiting and not running.task.done():
                self._running.pop(key, None)
                running.task.cancel()
        if shared:
            metrics().answers.labels("size", "shared").observe(perf_counter() - began)
        return answer

    def _finish(self, key: Hashable, task: asyncio.Task[T]) -> None:
        running = self._running.get(key)
        if running is None or running.task is not task:
            return
        if task.cancelled() or task.exception() is not None or not self._keep:
            del self._running[key]
        else:
            task.get_loop().call_later(self._keep, self._running.pop, key, None)


async def _coroutine(work: Callable[[], Awaitable[T]]) -> T:
    return await work()

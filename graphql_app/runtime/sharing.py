"""Waiting for facts, and sharing answers: what many clients ask at once is worked out once."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, TypeVar

from anyio import move_on_after

from graphql_app.audience.write_log import WriteLog
from graphql_app.observability.request_context import metrics

T = TypeVar("T")


class NewFacts:
    """Wakes who waits for a shop's next write, on whatever loop."""

    def __init__(self, write_log: WriteLog) -> None:
        self._write_log = write_log
        self._lock = threading.Lock()
        self._waiting: dict[int, set[asyncio.Future[None]]] = defaultdict(set)
        write_log.subscribe(self._ring)

    async def wait(self, shop_id: int, count: int, seconds: float) -> None:
        """Wait until a shop has had more writes than so many, but not for longer than so long."""
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

    def _ring(self, shop_id: int) -> None:
        with self._lock:
            waiting = [*self._waiting.get(shop_id, ())]
        for future in waiting:
            future.get_loop().call_soon_threadsafe(_wake, future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


@dataclass
class _Flight(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


class Flights(Generic[T]):
    """Answers under way, each waited for by all who ask the same; for one loop.

    An answer is kept for a moment after it came, so that those who were woken together share it. A
    failure is not.
    """

    def __init__(self, kept: float) -> None:
        self._kept = kept
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def share(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The answer to what ``key`` names. The work is cancelled once nobody waits for it."""
        flight, begun = self._flights.get(key), perf_counter()
        shared = flight is not None
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(_coroutine(work)))
            flight.task.add_done_callback(lambda task: self._landed(key, task))
        flight.waiting += 1
        try:
            answer = await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._flights.pop(key, None)
                flight.task.cancel()
        if shared:
            metrics().answers.labels("size", "shared").observe(perf_counter() - begun)
        return answer

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        flight = self._flights.get(key)
        if flight is None or flight.task is not task:
            return
        if task.cancelled() or task.exception() is not None or not self._kept:
            del self._flights[key]
        else:
            task.get_loop().call_later(self._kept, self._flights.pop, key, None)


async def _coroutine(work: Callable[[], Awaitable[T]]) -> T:
    return await work()

"""What a process has one of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, Lock, Semaphore

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tokens import Tokens
from graphql_app.plugins import Registry
from graphql_app.runtime.sharing import Flights, NewFacts
from graphql_app.segments.index import SizeIndex
from graphql_app.segments.size import SegmentSize

# Seconds between the sizes that a subscription sends, at least.
LIVE = 0.25


@dataclass(frozen=True)
class Services:
    """What the process has one of.

    ``workers`` are the threads in which requests do their work; authentication and health have
    others, so that they answer while all of these are busy. The size index has ``index_bytes`` of
    memory, and keeps nothing without.
    """

    catalog: Catalog
    audience: Audience
    recorder: Recorder
    registry: Registry
    workers: CapacityLimiter
    index_bytes: int = 0
    _lines: WeakValueDictionary[int, Lock] = field(
        default_factory=WeakValueDictionary, init=False, repr=False
    )
    _writers: WeakValueDictionary[int, Semaphore] = field(
        default_factory=WeakValueDictionary, init=False, repr=False
    )

    def writers(self, shop_id: int) -> Semaphore:
        """How many workers may be busy with a shop's facts at once: half of them.

        They wait for each other, and for those of other processes, a minute if need be.
        """
        half = max(1, int(self.workers.total_tokens // 2))
        return self._writers.setdefault(shop_id, Semaphore(half))

    @asynccontextmanager
    async def turn(self, shop_id: int) -> AsyncIterator[None]:
        """One of the workers, for a shop.

        Only the first of each shop's line waits for a worker, so that shops take turns: one that
        asks for much keeps itself waiting, and others for one of its tasks.
        """
        line = self._lines.setdefault(shop_id, Lock())
        async with line:
            await self.workers.acquire()
        try:
            yield
        finally:
            self.workers.release()

    @property
    def waiting(self) -> int:
        """How much work waits for a worker."""
        in_lines = sum(line.statistics().tasks_waiting for line in [*self._lines.values()])
        return in_lines + self.workers.statistics().tasks_waiting

    @cached_property
    def sizes(self) -> Flights[SegmentSize]:
        """Sizes that are being counted."""
        return Flights(kept=0)

    @cached_property
    def live_sizes(self) -> Flights[SegmentSize]:
        """Sizes that are being counted for subscriptions, or were a moment ago."""
        return Flights(kept=LIVE)

    @cached_property
    def new_facts(self) -> NewFacts:
        """Wakes those who wait for facts."""
        return NewFacts(self.recorder.write_log)

    @cached_property
    def tokens(self) -> Tokens:
        """Whom tokens give access."""
        return Tokens(self.catalog)

    @cached_property
    def index(self) -> SizeIndex:
        """What sizes are counted from, where they can be."""
        return SizeIndex(self.audience, self.recorder, self.index_bytes)

    @cached_property
    def third_party(self) -> CapacityLimiter:
        """How many workers may be busy with criteria of third parties at once: half of them."""
        return CapacityLimiter(max(1, self.workers.total_tokens // 2))

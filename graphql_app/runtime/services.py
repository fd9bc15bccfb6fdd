"""The services of a process: its stores, its plugins and its worker threads."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias, TypeVar
from weakref import WeakValueDictionary

from anyio import CapacityLimiter, Lock, Semaphore

from graphql_app.audience.read_log import ReadLog
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tokens import TokenCache
from graphql_app.plugins import Registry
from graphql_app.runtime.sharing import InFlight, WriteWatcher
from graphql_app.runtime.threads import in_thread
from graphql_app.runtime.write_pauses import WritePauses, reads_in_pause
from graphql_app.segments.failures import CriteriaError
from graphql_app.segments.index import SizeIndex
from graphql_app.segments.labels import LabelCache
from graphql_app.segments.size import SegmentSize
from graphql_app.segments.summaries import SummaryCache

# The minimum number of seconds between two sizes that a subscription sends.
LIVE_INTERVAL = 0.25

R = TypeVar("R")

CountedSize: TypeAlias = tuple[SegmentSize, ReadLog]


@dataclass(frozen=True)
class Services:
    """Everything that exists once in a process.

    Attributes:
        workers: The threads that requests run in. Authentication and health checks have threads of
            their own, so they answer while all workers are busy.
        index_bytes: The memory of the size index; it keeps nothing when this is 0.
    """

    catalog: Catalog
    audience: Audience
    recorder: Recorder
    registry: Registry
    workers: CapacityLimiter
    index_bytes: int = 0
    _queues: WeakValueDictionary[int, Lock] = field(
        default_factory=WeakValueDictionary, init=False, repr=False
    )
    _writers: WeakValueDictionary[int, Semaphore] = field(
        default_factory=WeakValueDictionary, init=False, repr=False
    )

    async def run(self, shop_id: int, work: Callable[[], R], criteria: Iterable[str]) -> R:
        """Run blocking work for a shop in a worker thread.

        Work with third-party criteria may occupy half of the workers, so that slow plugins delay
        each other and nothing else. ``criteria`` are the keys of all criteria whose code or SQL the
        work runs.

        Raises:
            CriteriaError: A criterion failed or took too long; the message names its plugin.
        """
        limited = any(map(self.registry.is_third_party, criteria)) and not reads_in_pause.get()
        try:
            async with self.third_party if limited else nullcontext():
                return await in_thread(work, self.worker(shop_id))
        except CriteriaError as error:
            raise error.named(self.registry) from error

    @asynccontextmanager
    async def worker(self, shop_id: int) -> AsyncIterator[None]:
        """Hold one of the workers for a shop.

        Each shop has a queue, and only the first request of each queue waits for a worker. So shops
        take turns, and a shop with many requests delays only its own requests.

        Reads in a pause of writes have workers of their own: the others may all be waiting for the
        end of the pause.
        """
        if reads_in_pause.get():
            async with self.pause_workers:
                yield
            return
        async with self._queues.setdefault(shop_id, Lock()):
            await self.workers.acquire()
        try:
            yield
        finally:
            self.workers.release()

    def writers(self, shop_id: int) -> Semaphore:
        """Return the limit on workers that write a shop's facts at once: half of all workers.

        Writers wait for each other, in this process and in others, for up to a minute.
        """
        half = max(1, int(self.workers.total_tokens // 2))
        return self._writers.setdefault(shop_id, Semaphore(half))

    @property
    def waiting(self) -> int:
        """The number of pieces of work that wait for a worker."""
        in_queues = sum(queue.statistics().tasks_waiting for queue in [*self._queues.values()])
        return in_queues + self.workers.statistics().tasks_waiting

    @cached_property
    def sizes(self) -> InFlight[CountedSize]:
        """Sizes that queries are waiting for."""
        return InFlight(keep=0)

    @cached_property
    def live_sizes(self) -> InFlight[CountedSize]:
        """Sizes that subscriptions are waiting for, or have just received."""
        return InFlight(keep=LIVE_INTERVAL)

    @cached_property
    def write_watcher(self) -> WriteWatcher:
        return WriteWatcher(self.recorder.write_log)

    @cached_property
    def write_pauses(self) -> WritePauses:
        return WritePauses(self.recorder)

    @cached_property
    def pause_workers(self) -> CapacityLimiter:
        """The limit on threads that read in pauses of writes: half of all workers."""
        return CapacityLimiter(max(1, self.workers.total_tokens // 2))

    @cached_property
    def tokens(self) -> TokenCache:
        return TokenCache(self.catalog)

    @cached_property
    def index(self) -> SizeIndex:
        return SizeIndex(self.audience, self.recorder, self.index_bytes)

    @cached_property
    def labels(self) -> LabelCache:
        return LabelCache(self.recorder.write_log)

    @cached_property
    def summaries(self) -> SummaryCache:
        return SummaryCache()

    @cached_property
    def converters(self) -> CapacityLimiter:
        """The limit on threads that convert long requests and answers, and delay the event loop."""
        return CapacityLimiter(2)

    @cached_property
    def third_party(self) -> CapacityLimiter:
        """The limit on workers that run third-party criteria at once: half of all workers."""
        return CapacityLimiter(max(1, self.workers.total_tokens // 2))

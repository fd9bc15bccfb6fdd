"""Shops share the worker threads fairly."""

import asyncio
import threading

from graphql_app.catalog.tokens import Access
from graphql_app.runtime.context import Context
from graphql_app.runtime.services import Services
from tests.support import Server


def test_shops_alternate_even_if_one_has_many_requests(server: Server, services: Services) -> None:
    greedy, other = (Context(services, Access(server.shop().shop, frozenset())) for _ in range(2))
    threads = int(services.workers.total_tokens)
    begun: list[str] = []
    may_end = threading.Semaphore(0)

    def work(name: str) -> None:
        begun.append(name)
        assert may_end.acquire(timeout=30)

    async def ask() -> None:
        asked = [asyncio.ensure_future(greedy.run(work, "greedy")) for _ in range(50)]
        while len(begun) < threads or not services.workers.statistics().tasks_waiting:
            await asyncio.sleep(0.01)
        asked.append(asyncio.ensure_future(other.run(work, "other")))
        while services.waiting < 51 - threads:
            await asyncio.sleep(0.01)
        # End one at a time, so that requests begin in the order of the shops' turns.
        for so_far in range(threads, 51):
            may_end.release()
            while len(begun) == so_far:
                await asyncio.sleep(0.001)
        may_end.release(threads)
        await asyncio.gather(*asked)

    asyncio.run(ask())
    # The requests that already had a thread, and the first in line.
    assert begun.index("other") == threads + 1
    assert len(begun) == 51
    assert services.waiting == 0

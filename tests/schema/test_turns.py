"""Shops take turns with the threads that do their work."""

from __future__ import annotations

import asyncio
import threading

from graphql_app.catalog.access import Access
from graphql_app.schema.context import Context, Services
from tests.support import Server


def test_shops_take_turns_however_much_one_of_them_asks(server: Server, services: Services) -> None:
    greedy, other = (Context(services, Access(server.shop().shop, frozenset())) for _ in range(2))
    done: list[str] = []
    begin = threading.Event()

    def work(name: str) -> None:
        assert begin.wait(30)
        done.append(name)

    async def ask() -> None:
        asked = [asyncio.ensure_future(greedy.run(work, "greedy")) for _ in range(50)]
        while services.waiting < 50 - services.workers.total_tokens:
            await asyncio.sleep(0.01)
        asked.append(asyncio.ensure_future(other.run(work, "other")))
        while services.waiting < 51 - services.workers.total_tokens:
            await asyncio.sleep(0.01)
        begin.set()
        await asyncio.gather(*asked)

    asyncio.run(ask())
    # Those that had a thread already, and the one that was first in its line.
    assert done.index("other") <= 2 * services.workers.total_tokens + 1
    assert len(done) == 51
    assert services.waiting == 0

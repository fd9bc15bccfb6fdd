"""Threads: blocking work whose caller was cancelled."""

import asyncio
import threading

from anyio import CapacityLimiter

from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime import threads
from tests.processes import WAIT


def test_cancelled_work_occupies_its_thread_until_it_ends() -> None:
    started, end = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        assert end.wait(WAIT)
        raise AppError(ErrorCode.TIMEOUT, "Not sent to anybody.")

    async def run() -> None:
        limiter = CapacityLimiter(1)
        running = asyncio.ensure_future(threads.in_thread(work, limiter))
        queued = asyncio.ensure_future(threads.in_thread(work, limiter))
        await asyncio.to_thread(started.wait, WAIT)
        running.cancel()
        queued.cancel()
        await asyncio.wait([queued])
        assert queued.cancelled()
        assert (running.done(), limiter.borrowed_tokens) == (False, 1)
        end.set()
        await asyncio.wait([running])
        assert running.cancelled()
        assert limiter.borrowed_tokens == 0

    asyncio.run(run())

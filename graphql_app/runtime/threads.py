"""Blocking work in threads, which stops when its request is cancelled."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from graphql_app.audience.cancellation import Cancellation, current_cancellation
from graphql_app.errors import AppError

# Seconds between attempts to stop a thread, which may have begun another statement.
STOP_INTERVAL = 0.05

R = TypeVar("R")


async def in_thread(work: Callable[[], R], slot: AbstractAsyncContextManager[None]) -> R:
    """Run blocking work in a thread, while holding a slot.

    When the caller is cancelled, the work's statements are killed. The slot is held until the
    thread has ended, since a thread cannot be stopped from outside.
    """
    async with slot:
        cancellation = Cancellation()

        def run() -> R:
            current_cancellation.set(cancellation)
            return work()

        thread = asyncio.ensure_future(to_thread.run_sync(run, limiter=CapacityLimiter(1)))
        try:
            await asyncio.wait([thread])
        except asyncio.CancelledError:
            stopping = asyncio.ensure_future(_stop(cancellation, thread))
            while not stopping.done():
                with suppress(asyncio.CancelledError):  # further cancellations change nothing
                    await asyncio.wait([stopping])
            raise
        return thread.result()


async def _stop(cancellation: Cancellation, thread: asyncio.Future[R]) -> None:
    while not thread.done():
        with suppress(AppError):
            await to_thread.run_sync(cancellation.cancel, limiter=CapacityLimiter(1))
        await asyncio.wait([thread], timeout=STOP_INTERVAL)
    thread.exception()  # otherwise asyncio logs an exception that was never retrieved

"""Cancellation in threads, which stops when nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread

from graphql_app.audience.cancellation import Cancellation, current_cancellation
from graphql_app.errors import AppError

# Seconds after which work that is to stop is told again: it may just have begun a statement.
STOP_AGAIN = 0.05

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(work: Callable[[], R], turn: AbstractAsyncContextManager[None]) -> R:
    """Do blocking work in one of a number of threads.

    Who is cancelled has it stop, and waits for that: the thread counts while it runs.
    """
    async with turn:
        cancellation = Cancellation()
        thread = asyncio.ensure_future(
            to_thread.run_sync(_as(cancellation, work), limiter=CapacityLimiter(1))
        )
        try:
            await asyncio.wait([thread])
        except asyncio.CancelledError:
            stopping = asyncio.ensure_future(_stop(cancellation, thread))
            while not stopping.done():
                with suppress(asyncio.CancelledError):  # however often it is told
                    await asyncio.wait([stopping])
            raise
        return thread.result()


async def _stop(cancellation: Cancellation, thread: asyncio.Future[R]) -> None:
    """Have work stop, and wait until its thread has."""
    while not thread.done():
        with suppress(AppError):
            await to_thread.run_sync(cancellation.cancel, limiter=CapacityLimiter(1))
        await asyncio.wait([thread], timeout=STOP_AGAIN)
    thread.exception()  # else asyncio would log that nobody asked for it


def _as(cancellation: Cancellation, work: Callable[[], R]) -> Callable[[], R]:
    """The work, in a thread where its statements know whose they are."""

    def do() -> R:
        current_cancellation.set(cancellation)
        return work()

    return do

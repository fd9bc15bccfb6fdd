"""Pausing a shop's writes while operations read that writes have interrupted before."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread

from graphql_app.audience.recorder import Recorder
from graphql_app.errors import AppError, ErrorCode

MAX_PAUSE = 10.0  # seconds

TOO_SLOW = (
    f"The shop's facts change faster than this can be read, and reading it takes longer than the "
    f"{MAX_PAUSE:g} seconds for which writes can wait; use a simpler rule, or request less at once."
)

# Whether the current task reads while its shop's writes are paused.
reads_in_pause: ContextVar[bool] = ContextVar("reads_in_pause", default=False)


@dataclass(eq=False)
class _Pause:
    begun: asyncio.Future[None]
    ended: threading.Event = field(default_factory=threading.Event)
    readers: int = 0
    deadline: float = 0.0  # on the event loop's clock


class WritePauses:
    """Pauses of writes on one event loop. Readers that wait for the same lock share a pause.

    A pause lasts until its readers have finished, at most ``MAX_PAUSE`` seconds. Later readers wait
    for the next pause, so that writers can write in between.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._awaited: dict[int, _Pause] = {}

    @asynccontextmanager
    async def hold(self, shop_id: int) -> AsyncIterator[None]:
        """Read while no write of a shop, in any process, is running.

        Raises:
            AppError: The write lock cannot be acquired, or the block takes too long.
        """
        pause = self._awaited.get(shop_id) or self._begin(shop_id)
        pause.readers += 1
        inside = reads_in_pause.set(True)
        try:
            await asyncio.shield(pause.begun)
            try:
                async with asyncio.timeout_at(pause.deadline) as limit:
                    yield
            except TimeoutError as error:
                if limit.expired():
                    raise AppError(ErrorCode.TIMEOUT, TOO_SLOW) from error
                raise
        finally:
            reads_in_pause.reset(inside)
            pause.readers -= 1
            if not pause.readers and pause.begun.done():
                pause.ended.set()

    def _begin(self, shop_id: int) -> _Pause:
        loop = asyncio.get_running_loop()
        pause = self._awaited[shop_id] = _Pause(loop.create_future())

        def begun() -> None:
            del self._awaited[shop_id]
            pause.deadline = loop.time() + MAX_PAUSE
            pause.begun.set_result(None)
            if not pause.readers:
                pause.ended.set()

        def hold_lock() -> None:
            # Writers wait for the same lock, so they get it before the next pause.
            with self._recorder.quiesce(shop_id, brief=True):
                loop.call_soon_threadsafe(begun)
                pause.ended.wait(MAX_PAUSE)

        def finished(holder: asyncio.Future[None]) -> None:
            error = None if holder.cancelled() else holder.exception()
            if not pause.begun.done():
                del self._awaited[shop_id]
                pause.begun.set_exception(error or asyncio.CancelledError())
                pause.begun.exception()  # otherwise asyncio logs it if every reader has left

        # Not a worker: all of them may wait for this shop's write lock.
        thread = to_thread.run_sync(hold_lock, limiter=CapacityLimiter(1))
        asyncio.ensure_future(thread).add_done_callback(finished)
        return pause

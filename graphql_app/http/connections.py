"""The WebSockets that are open: how many there may be, and whether their tokens still hold."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from anyio import to_thread

from graphql_app.catalog.tokens import TokenCache
from graphql_app.errors import AppError, ErrorCode
from graphql_app.settings import Settings

LOOK_AGAIN = 1.0  # seconds until tokens of open connections are asked for again

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Place:
    """A connection's place among those that are open."""

    cut_off: Callable[[], Coroutine[None, None, None]]
    token_id: str = ""


class Sockets:
    """The connections of this process. One whose token is revoked is cut off, idle or not."""

    def __init__(self, tokens: TokenCache, settings: Settings) -> None:
        self._tokens = tokens
        self._most = settings.max_sockets
        self._most_of_token = settings.max_sockets_per_token
        self._open: set[Place] = set()
        self._of_tokens: dict[str, set[Place]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watcher: asyncio.Task[None] | None = None

    def enter(self, place: Place) -> None:
        """Count a connection, which has shown no token yet.

        Raises:
            AppError: There are as many as there may be.
        """
        if len(self._open) >= self._most:
            raise AppError(
                ErrorCode.LIMIT_EXCEEDED,
                f"The server has {self._most} WebSockets already; try again later.",
            )
        self._open.add(place)

    def show(self, place: Place, token_id: str) -> None:
        """Count it among those of its token, which is watched from now on.

        Raises:
            AppError: The token has as many as it may have.
        """
        same = self._of_tokens.setdefault(token_id, set())
        if len(same) >= self._most_of_token:
            raise AppError(
                ErrorCode.LIMIT_EXCEEDED,
                f"The token has {self._most_of_token} WebSockets already; end one.",
            )
        place.token_id = token_id
        same.add(place)
        # One that saw the last client leave may only be asleep, and goes on for this one.
        if self._watcher is None or self._watcher.done():
            self._watcher = self._begin(self._watch())

    def leave(self, place: Place) -> None:
        """A connection has ended, if it ever was counted."""
        self._open.discard(place)
        same = self._of_tokens.get(place.token_id, set())
        same.discard(place)
        if not same:
            self._of_tokens.pop(place.token_id, None)

    async def _watch(self) -> None:
        """Cut off who has a token that is valid no more, for as long as anybody is there."""
        while self._of_tokens:
            await asyncio.sleep(LOOK_AGAIN)
            try:
                ended = await to_thread.run_sync(self._tokens.find_revoked, [*self._of_tokens])
            except AppError:
                continue  # the catalog does not answer; whoever asks something is told so
            except Exception:
                logger.exception("tokens of open connections could not be asked for")
                continue
            for token_id in ended:
                for place in self._of_tokens.get(token_id, ()):
                    self._begin(place.cut_off())  # apart, for a client may be slow to take it

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

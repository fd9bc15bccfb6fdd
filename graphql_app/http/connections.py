"""The open WebSockets: their limits, and the check that their tokens are still valid."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from anyio import to_thread

from graphql_app.catalog.tokens import TokenCache
from graphql_app.errors import AppError, ErrorCode
from graphql_app.settings import Settings

CHECK_INTERVAL = 1.0  # seconds between checks for revoked tokens

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class OpenSocket:
    """An open WebSocket. It has no ``token_id`` until its client has authenticated."""

    disconnect: Callable[[], Coroutine[None, None, None]]
    token_id: str = ""


class OpenSockets:
    """The open WebSockets of this process. A revoked token disconnects its WebSockets."""

    def __init__(self, tokens: TokenCache, settings: Settings) -> None:
        self._tokens = tokens
        self._limit = settings.max_sockets
        self._limit_per_token = settings.max_sockets_per_token
        self._open: set[OpenSocket] = set()
        self._by_token: dict[str, set[OpenSocket]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._watcher: asyncio.Task[None] | None = None

    def add(self, socket: OpenSocket) -> None:
        """Count a WebSocket that is not authenticated yet.

        Raises:
            AppError: LIMIT_EXCEEDED, MAX_SOCKETS are open.
        """
        if len(self._open) >= self._limit:
            raise AppError(
                ErrorCode.LIMIT_EXCEEDED,
                f"The server has reached its limit of {self._limit} WebSockets; try again later.",
            )
        self._open.add(socket)

    def authenticate(self, socket: OpenSocket, token_id: str) -> None:
        """Count a WebSocket for its token, and disconnect it when the token is revoked.

        Raises:
            AppError: LIMIT_EXCEEDED, the token has MAX_SOCKETS_PER_TOKEN open.
        """
        of_token = self._by_token.setdefault(token_id, set())
        if len(of_token) >= self._limit_per_token:
            raise AppError(
                ErrorCode.LIMIT_EXCEEDED,
                f"The token has reached its limit of {self._limit_per_token} WebSockets; "
                "close one first.",
            )
        socket.token_id = token_id
        of_token.add(socket)
        if self._watcher is None or self._watcher.done():
            self._watcher = self._start(self._watch())

    def remove(self, socket: OpenSocket) -> None:
        """Stop counting a WebSocket, if it was ever counted."""
        self._open.discard(socket)
        of_token = self._by_token.get(socket.token_id, set())
        of_token.discard(socket)
        if not of_token:
            self._by_token.pop(socket.token_id, None)

    async def _watch(self) -> None:
        """Disconnect the WebSockets of revoked tokens until no WebSocket is open."""
        while self._by_token:
            await asyncio.sleep(CHECK_INTERVAL)
            try:
                revoked = await to_thread.run_sync(self._tokens.find_revoked, [*self._by_token])
            except AppError:
                continue  # The catalog is unavailable; clients get that error with their requests.
            except Exception:
                logger.exception("cannot check the tokens of open WebSockets")
                continue
            for token_id in revoked:
                for socket in self._by_token.get(token_id, ()):
                    self._start(socket.disconnect())  # in its own task: a client may be slow

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

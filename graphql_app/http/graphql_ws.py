"""The WebSocket edge of GraphQL: what ``graphql-transport-ws`` leaves to the server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from cross_web import HTTPException
from graphql import GraphQLError
from starlette.websockets import WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.types.execution import PreExecutionError

from graphql_app.errors import AppError, ErrorCode, UnauthenticatedError
from graphql_app.http.admission import Admission
from graphql_app.http.connections import Place, Sockets
from graphql_app.http.request_body import check_types
from graphql_app.http.trusted_documents import Documents
from graphql_app.observability.request_context import part
from graphql_app.runtime.context import Context
from graphql_app.schema.errors import coded

MAX_REASON = 123  # bytes, of RFC 6455
WORDS = {
    "Forbidden": "Forbidden: connect with a valid token",
    "Unauthorized": "Unauthorized: send connection_init first",
}
"""What strawberry says in one word."""


@dataclass
class Connection:
    """A client that stays; each of its operations has a context of its own."""

    admission: Admission
    documents: Documents
    sockets: Sockets
    max_operations: int
    authorization: str
    address: str
    connection_params: dict[str, object] = field(default_factory=dict)
    place: Place = field(init=False)

    async def begin(self) -> Context:
        """The context of an operation that begins now.

        Raises:
            UnauthenticatedError: The client sent no token, or none that is valid now.
            RateLimitedError: It asks too often.
        """
        sent = self.connection_params.get("authorization", self.authorization)
        if not isinstance(sent, str):
            raise UnauthenticatedError
        return await self.admission.admit(sent, self.address)


class Socket(ASGIWebSocketAdapter):
    """A WebSocket to which nothing is sent once it is closed."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message."""
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnected
        await super().send_json(message)

    async def close(self, code: int, reason: str) -> None:
        """Close, if it is open, with as much of the reason as there is room for."""
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            return
        words = WORDS.get(reason, reason).encode(errors="replace")
        await super().close(code, words[:MAX_REASON].decode(errors="ignore"))


class Operations(BaseGraphQLTransportWSHandler[Connection, None]):
    """The operations of a client; all their errors have codes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._contexts: dict[Operation[Connection, None], Context] = {}
        # What goes on although the client has left: a mutation does to its end.
        self._left: set[asyncio.Task[None]] = set()

    async def handle(self) -> None:
        """Take messages until the client leaves."""
        connection = self.context
        connection.place = Place(self.cut_off)
        connection.sockets.enter(connection.place)
        try:
            await super().handle()
        except HTTPException as error:
            await self.handle_invalid_message(error.reason)
        finally:
            connection.sockets.leave(connection.place)

    async def shutdown(self) -> None:
        """End what goes on, or wait for its end."""
        await super().shutdown()
        if self._left:
            await asyncio.wait(self._left)

    async def cut_off(self) -> None:
        """Part from a client whose token gives access no more."""
        for operation_id in list(self.operations):
            await self.cleanup_operation(operation_id)
        with suppress(WebSocketDisconnect):
            await self.websocket.close(4403, "Forbidden: the token is no longer valid")

    async def handle_message(self, message: Any) -> None:
        """Take a message, if it has the form of one."""
        if _is_well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Failed to parse message")

    async def handle_subscribe(self, message: Any) -> None:
        """Begin an operation, unless there are as many as there may be."""
        try:
            if self.connection_acknowledged:
                self._admit(message["payload"])
        except AppError as error:
            errors = [found.formatted for found in _coded(error)]
            await self.send_message({"id": message["id"], "type": "error", "payload": errors})
        else:
            await super().handle_subscribe(message)

    def _admit(self, asked: dict[str, Any]) -> None:
        most = self.context.max_operations
        if len(self.operations) + len(self._left) >= most:
            raise AppError(
                ErrorCode.TOO_MANY_OPERATIONS,
                f"The connection has {most} operations already; end one, or open another.",
            )
        asked["query"] = self.context.documents.of(asked) or ""

    async def cleanup_operation(self, operation_id: str) -> None:
        """Have an operation end, or go on to its end if it writes, and say nothing more.

        Its id may be another's next. What goes on counts from now, not from when its task comes
        to its turn: a message that asks for another may be right behind.
        """
        operation = self.operations.get(operation_id)
        if operation is None:
            return
        operation.completed = True
        context = self._contexts.get(operation)
        if context and context.writes and operation.task:
            self.forget_id(operation_id)
            self._left.add(operation.task)
            operation.task.add_done_callback(self._left.discard)
        else:
            await super().cleanup_operation(operation_id)

    async def run_operation(self, operation: Operation[Connection, None]) -> None:
        """Send what an operation answers, until it ends."""
        with part(operation.id):
            try:
                self._contexts[operation] = await self.context.begin()
                await self._answer(operation, self._contexts[operation])
            except WebSocketDisconnected:
                return
            except Exception as error:
                with suppress(WebSocketDisconnected):
                    await operation.send_initial_errors(_coded(error))
            finally:
                self._contexts.pop(operation, None)

    async def _answer(self, operation: Operation[Connection, None], context: Context) -> None:
        results: Any = await self.schema.stream(
            operation.query,
            variable_values=operation.variables,
            context_value=context,
            operation_name=operation.operation_name,
        )
        async with aclosing(results):
            async for result in results:
                if result.errors:
                    result.errors = coded(result.errors)
                if isinstance(result, PreExecutionError):
                    await operation.send_initial_errors(result.errors or [])
                    return
                await operation.send_next(result)
        await operation.send_operation_message({"id": operation.id, "type": "complete"})


def _coded(error: Exception) -> list[GraphQLError]:
    if not isinstance(error, GraphQLError):
        error = GraphQLError(str(error), original_error=error)
    return coded([error])


def _is_well_formed(message: Mapping[str, Any]) -> bool:
    if message.get("type") not in ("subscribe", "complete"):
        return True
    if message["type"] == "complete":
        return isinstance(message.get("id"), str)
    payload = message.get("payload")
    if not isinstance(message.get("id"), str) or not isinstance(payload, dict):
        return False
    try:
        check_types(payload)
    except HTTPException:
        return False
    return any(payload.get(name) is not None for name in ("query", "documentId", "extensions"))

"""GraphQL over WebSocket: what Strawberry's ``graphql-transport-ws`` leaves to the server."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from json import JSONDecodeError
from typing import Any

from cross_web import HTTPException
from graphql import GraphQLError
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import (
    NonJsonMessageReceived,
    NonTextMessageReceived,
    WebSocketDisconnected,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.types.execution import PreExecutionError

from graphql_app.errors import AppError, ErrorCode, UnauthenticatedError
from graphql_app.http.admission import Admission
from graphql_app.http.connections import OpenSocket, OpenSockets
from graphql_app.http.request_body import check_field_types
from graphql_app.http.trusted_documents import TrustedDocuments
from graphql_app.observability.request_context import operation_context
from graphql_app.runtime.context import Context
from graphql_app.schema.errors import coded

MAX_REASON_BYTES = 123  # RFC 6455, section 5.5
ABNORMAL_CLOSURE = 1006  # RFC 6455, section 7.4.1
FORBIDDEN = 4403
CLOSE_REASONS = {  # instead of Strawberry's
    "Forbidden": "Forbidden: connect with a valid token",
    "Unauthorized": "Unauthorized: send connection_init first",
}


@dataclass
class ConnectionContext:
    """What the operations of one WebSocket share; each has a ``Context`` of its own."""

    admission: Admission
    documents: TrustedDocuments
    open_sockets: OpenSockets
    max_operations: int
    authorization: str
    address: str
    connection_params: dict[str, object] = field(default_factory=dict)
    socket: OpenSocket = field(init=False)

    async def admit(self) -> Context:
        """Authenticate the connection or an operation; see ``Admission.admit``."""
        sent = self.connection_params.get("authorization", self.authorization)
        if not isinstance(sent, str):
            raise UnauthenticatedError
        return await self.admission.admit(sent, self.address)


class Socket(WebSocket):
    """A WebSocket that raises ``WebSocketDisconnect`` even if its client leaves early.

    During the handshake, Starlette lets an ``OSError`` through.
    """

    async def send(self, message: Message) -> None:
        try:
            await super().send(message)
        except OSError as error:
            raise WebSocketDisconnect(ABNORMAL_CLOSURE) from error


class WebSocketAdapter(ASGIWebSocketAdapter):
    """A WebSocket that sends nothing after it was closed.

    It decodes and encodes long messages in a thread.
    """

    async def iter_json(
        self, *, ignore_parsing_errors: bool = False
    ) -> AsyncGenerator[object, None]:
        view: Any = self.view
        try:
            while self.ws.application_state is not WebSocketState.DISCONNECTED:
                yield await view.decode(await self.ws.receive_text(), view.decode_json)
        except JSONDecodeError as error:
            raise NonJsonMessageReceived from error
        except KeyError as error:
            raise NonTextMessageReceived from error
        except WebSocketDisconnect:
            return

    async def send_json(self, message: Mapping[str, object]) -> None:
        view: Any = self.view
        encoded: bytes = await view.encode(message)
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnected
        try:
            await self.ws.send_text(encoded.decode())
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close the WebSocket if it is open, with the reason truncated to the bytes that fit."""
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            return
        text = CLOSE_REASONS.get(reason, reason).encode(errors="replace")
        with suppress(WebSocketDisconnect):
            await super().close(code, text[:MAX_REASON_BYTES].decode(errors="ignore"))


class OperationHandler(BaseGraphQLTransportWSHandler[ConnectionContext, None]):
    """The handler of one WebSocket: runs its operations and gives every error a code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._contexts: dict[Operation[ConnectionContext, None], Context] = {}
        # Mutations whose client cancelled them or disconnected: they run to their end.
        self._finishing: set[asyncio.Task[None]] = set()

    async def handle(self) -> None:
        connection = self.context
        connection.socket = OpenSocket(self.disconnect)
        connection.open_sockets.add(connection.socket)
        try:
            await super().handle()
        except HTTPException as error:
            await self.handle_invalid_message(error.reason)
        finally:
            connection.open_sockets.remove(connection.socket)

    async def shutdown(self) -> None:
        """Cancel queries and subscriptions, and wait for mutations to finish."""
        await super().shutdown()
        if self._finishing:
            await asyncio.wait(self._finishing)

    async def disconnect(self) -> None:
        """Close the WebSocket because its token was revoked."""
        for operation_id in list(self.operations):
            await self.cleanup_operation(operation_id)
        await self.websocket.close(FORBIDDEN, "Forbidden: the token is no longer valid")

    async def handle_message(self, message: Any) -> None:
        if _is_well_formed(message):
            await super().handle_message(message)
        else:
            await self.handle_invalid_message("Failed to parse message")

    async def handle_subscribe(self, message: Any) -> None:
        try:
            if self.connection_acknowledged:
                self._prepare(message["payload"])
        except AppError as error:
            errors = [found.formatted for found in _coded(error)]
            await self.send_message({"id": message["id"], "type": "error", "payload": errors})
        else:
            await super().handle_subscribe(message)

    def _prepare(self, payload: dict[str, Any]) -> None:
        """Check the limit on operations, and resolve the payload's query (``TrustedDocuments``)."""
        limit = self.context.max_operations
        if len(self.operations) + len(self._finishing) >= limit:
            raise AppError(
                ErrorCode.TOO_MANY_OPERATIONS,
                f"The connection has reached its limit of {limit} operations; complete one, or "
                "open another connection.",
            )
        # Strawberry requires a string.
        payload["query"] = self.context.documents.resolve(payload) or ""

    async def cleanup_operation(self, operation_id: str) -> None:
        """Cancel an operation; a mutation runs to its end, but sends nothing more.

        The client may use the id again at once, but a mutation counts toward the limit until it
        ends.
        """
        operation = self.operations.get(operation_id)
        if operation is None:
            return
        operation.completed = True
        context = self._contexts.get(operation)
        if context and context.writes and operation.task:
            self.forget_id(operation_id)
            self._finishing.add(operation.task)
            operation.task.add_done_callback(self._finishing.discard)
        else:
            await super().cleanup_operation(operation_id)

    async def run_operation(self, operation: Operation[ConnectionContext, None]) -> None:
        with operation_context(operation.id):
            try:
                self._contexts[operation] = await self.context.admit()
                await self._send_results(operation, self._contexts[operation])
            except WebSocketDisconnected:
                return
            except Exception as error:
                with suppress(WebSocketDisconnected):
                    await operation.send_initial_errors(_coded(error))
            finally:
                self._contexts.pop(operation, None)

    async def _send_results(
        self, operation: Operation[ConnectionContext, None], context: Context
    ) -> None:
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
        check_field_types(payload)
    except HTTPException:
        return False
    # Extensions can name a document, too.
    return any(payload.get(name) is not None for name in ("query", "documentId", "extensions"))

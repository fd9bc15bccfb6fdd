"""GraphQL over HTTP, and the start of GraphQL over WebSocket, at /graphql."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from json import JSONDecodeError, JSONEncoder
from typing import Any, NamedTuple, TypeVar

from anyio import to_thread
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError, MissingQueryError
from strawberry.http import GraphQLRequestData
from strawberry.http.types import QueryParams
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UnsetType

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, UnauthenticatedError
from graphql_app.http.admission import Admission, client_address
from graphql_app.http.connections import OpenSockets
from graphql_app.http.content_negotiation import preferred_media_type
from graphql_app.http.errors import NOT_ACCEPTABLE, REQUEST_TIMEOUT, error_response
from graphql_app.http.graphql_ws import (
    ConnectionContext,
    OperationHandler,
    Socket,
    WebSocketAdapter,
)
from graphql_app.http.request_body import (
    FIELDS,
    JSON_TYPE,
    SHORT_TEXT,
    check_field_types,
    check_query_length,
    decode_json,
    decode_parameter,
    read_body,
)
from graphql_app.http.trusted_documents import TrustedDocuments
from graphql_app.json_text import PIECE, encode_in_pieces, is_longer
from graphql_app.observability.logs import log_unexpected
from graphql_app.runtime.context import Context
from graphql_app.runtime.services import Services
from graphql_app.schema.build import Schema
from graphql_app.settings import Settings

GRAPHQL_TYPE = "application/graphql-response+json"
CLIENT_CLOSED_REQUEST = 499  # nginx's status for it; no client sees it
TRY_AGAIN_LATER, INTERNAL_ERROR = 1013, 1011  # close codes of WebSockets

R = TypeVar("R")


class GraphQLEndpoint(GraphQL[Any, None]):
    """The ASGI application at /graphql."""

    websocket_adapter_class = WebSocketAdapter
    graphql_transport_ws_handler_class = OperationHandler

    def __init__(self, schema: Schema, services: Services, settings: Settings) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=settings.init_timeout),
            max_subscriptions_per_connection=None,  # ``OperationHandler`` limits operations
            # Browsers never add the token themselves, so other sites gain nothing by connecting.
            allowed_origins=("*",),
        )
        self._settings = settings
        self._services = services
        self.admission = Admission(services, settings)
        self._sockets = OpenSockets(services.tokens, settings)
        self._documents = TrustedDocuments.load(settings.trusted_documents)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, or serve one WebSocket."""
        if scope["type"] == "websocket":
            await self._serve_websocket(Socket(scope, receive, send))
            return
        try:
            response = await self._handle(scope, receive)
        except AppError as error:
            response = error_response(error)
        except Exception as error:
            response = error_response(log_unexpected(error))
        await response(scope, receive, send)

    async def _serve_websocket(self, socket: WebSocket) -> None:
        try:
            await self.run(socket)
        except WebSocketDisconnect:
            return
        except Exception as error:
            if isinstance(error, AppError):
                code, reason = TRY_AGAIN_LATER, str(error)
            else:
                code, reason = INTERNAL_ERROR, str(log_unexpected(error))
            if socket.application_state is not WebSocketState.DISCONNECTED:
                await WebSocketAdapter(self, socket, socket).close(code, reason)

    async def _handle(self, scope: Scope, receive: Receive) -> Response:
        request = Request(scope, receive)
        context = await self.admission.admit(authorization_header(request), client_address(request))
        if _preferred_media_type(request) is None:  # before a mutation is executed
            message = f"Accept refuses the media types of responses: {JSON_TYPE}, {GRAPHQL_TYPE}."
            return error_response(AppError(ErrorCode.BAD_REQUEST, message), NOT_ACCEPTABLE)
        if not self._may_be_large(request, context):
            return await self._respond(request, context, receive, self._settings.max_query_bytes)
        async with self.admission.limit_large_bodies(context):
            return await self._respond(request, context, receive, self._settings.max_facts_bytes)

    def _may_be_large(self, request: Request, context: Context) -> bool:
        """Return whether the body may be, and is allowed to be, larger than MAX_QUERY_BYTES."""
        declared = request.headers.get("content-length", "")
        is_small = declared.isdigit() and int(declared) <= self._settings.max_query_bytes
        may_write = TokenScope.FACTS_WRITE in context.access.scopes
        return may_write and request.method == "POST" and not is_small

    async def _respond(
        self, request: Request, context: Context, receive: Receive, body_limit: int
    ) -> Response:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.read_timeout):
                body = await read_body(request, settings.max_query_bytes, body_limit)
        except TimeoutError:
            message = f"The body did not arrive within {settings.read_timeout:g} seconds."
            return error_response(AppError(ErrorCode.TIMEOUT, message), REQUEST_TIMEOUT)
        except ClientDisconnect:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        try:
            running = self._answer(Request(request.scope, _replay(body)), context)
            response = await run_while_connected(running, receive, lambda: context.writes)
            return Response(status_code=CLIENT_CLOSED_REQUEST) if response is None else response
        except HTTPException as error:
            refusal = AppError(ErrorCode.BAD_REQUEST, f"{_reason(error)}.")
            return error_response(refusal, error.status_code)

    async def _answer(self, request: Request, context: Context) -> Response:
        answer: Any = await self.run(request, context)
        body = await self.encode(answer.data)
        media_type = f"{answer.media_type}; charset=utf-8"
        return Response(body, answer.status, media_type=media_type)

    async def decode(self, text: str | bytes, decoder: Callable[[str | bytes], object]) -> Any:
        """Apply a decoder to the text of a body or message; to a long text in a thread."""
        if len(text) <= SHORT_TEXT:
            return decoder(text)
        return await to_thread.run_sync(decoder, text, limiter=self._services.converters)

    async def encode(self, data: object) -> bytes:
        """Encode an answer or a message; encode a long one in a thread."""
        if is_longer(data, PIECE):
            return await to_thread.run_sync(_encode, data, limiter=self._services.converters)
        return _encode(data)

    async def get_context(self, request: Any, response: Any) -> ConnectionContext:
        """Return the context of a WebSocket. HTTP requests pass theirs to ``run``."""
        return ConnectionContext(
            self.admission,
            self._documents,
            self._sockets,
            self._settings.max_operations,
            authorization_header(request),
            client_address(request),
        )

    async def on_ws_connect(self, context: ConnectionContext) -> UnsetType:
        """Authenticate a WebSocket, or raise ConnectionRejectionError."""
        try:
            admitted = await context.admit()
        except UnauthenticatedError as error:
            raise ConnectionRejectionError from error
        context.open_sockets.authenticate(context.socket, admitted.access.token_id)
        return UnsetType()

    async def get_sub_response(self, request: Any) -> Response:
        response = await super().get_sub_response(request)
        response.media_type = _preferred_media_type(request)
        return response

    def should_render_graphql_ide(self, request: object) -> bool:
        return False  # GraphiQL has a path of its own

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        if request.method == "GET":
            data = self.parse_query_params(request.query_params)
        else:
            data = await self.decode(await request.get_body(), self.parse_json)
        check_field_types(data)
        check_query_length(data.get("query"), self._settings.max_query_bytes)
        return GraphQLRequestData(
            query=self._documents.resolve(data),
            variables=data.get("variables"),
            operation_name=data.get("operationName"),
            extensions=data.get("extensions"),
            protocol="http",
        )

    def parse_query_params(self, params: QueryParams) -> dict[str, Any]:
        data: dict[str, Any] = dict(params)
        for name in ("variables", "extensions"):
            if data.get(name):
                data[name] = decode_parameter(name, data[name])
        return data

    def decode_json(self, data: str | bytes) -> object:
        return decode_json(data)

    def create_response(self, response_data: Any, sub_response: Response) -> Any:
        """Return an answer: ``GRAPHQL_TYPE`` has status 400 when nothing was executed."""
        media_type = sub_response.media_type or JSON_TYPE
        refused = (
            media_type == GRAPHQL_TYPE
            and response_data.get("data") is None
            and (not any(error.get("path") for error in response_data.get("errors", ())))
        )
        if refused:
            response_data = {key: value for key, value in response_data.items() if key != "data"}
        return _Answer(response_data, 400 if refused else 200, media_type)


class _Answer(NamedTuple):
    """A response before its data is encoded."""

    data: object
    status: int
    media_type: str


_ENCODER = JSONEncoder(separators=(",", ":"))


def _encode(data: object) -> bytes:
    encoded = bytearray()
    for piece in encode_in_pieces(data, _ENCODER):
        encoded += piece.encode()
    return bytes(encoded)


def authorization_header(request: Request | WebSocket) -> str:
    return request.headers.get("authorization", "")


async def run_while_connected(
    work: Coroutine[Any, Any, R], receive: Receive, is_writing: Callable[[], bool] = lambda: False
) -> R | None:
    """Do some work. If the client disconnects before it writes, cancel it and return None."""
    working = asyncio.ensure_future(work)
    disconnected = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        await asyncio.wait([working, disconnected], return_when=asyncio.FIRST_COMPLETED)
        if not is_writing():
            working.cancel()
        await asyncio.wait([working])
    finally:
        disconnected.cancel()
        working.cancel()
    return None if working.cancelled() else working.result()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _reason(error: HTTPException) -> str:
    cause = error.__cause__
    if (
        isinstance(cause, InvalidOperationTypeError)
        and cause.operation_type is OperationType.SUBSCRIPTION
    ):
        return f"Send subscriptions over WebSocket: {GRAPHQL_TRANSPORT_WS_PROTOCOL} at /graphql"
    if isinstance(cause, MissingQueryError):
        known = ", ".join(name for name, *_ in FIELDS)
        return f"The request has no query; its fields can be {known}"
    if isinstance(cause, JSONDecodeError) and cause.doc:  # its own message may quote the body
        return f"{error.reason}: line {cause.lineno}, column {cause.colno}"
    return error.reason.rstrip(".")


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _preferred_media_type(request: Any) -> str | None:
    return preferred_media_type(request.headers.get("accept", ""), (JSON_TYPE, GRAPHQL_TYPE))

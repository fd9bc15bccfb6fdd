"""The edge of GraphQL: authentication, limits, and what GraphQL over HTTP asks for."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from json import JSONDecodeError
from typing import Any

from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketState
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError, MissingQueryError
from strawberry.http import GraphQLRequestData
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UnsetType

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, RateLimitedError, UnauthenticatedError
from graphql_app.http.admission import Admission, address_of
from graphql_app.http.connections import Sockets
from graphql_app.http.graphql_ws import Connection, Operations, Socket
from graphql_app.http.request_body import FIELDS, JSON_TYPE, check_length, check_types, decode, read
from graphql_app.http.trusted_documents import Documents
from graphql_app.observability.logs import logged
from graphql_app.observability.request_context import count_errors
from graphql_app.runtime.context import Context
from graphql_app.runtime.services import Services
from graphql_app.schema.build import Schema
from graphql_app.settings import Settings

GRAPHQL_TYPE = "application/graphql-response+json"
NOT_ALLOWED = 405
CLIENT_LEFT = 499  # as nginx has it; nobody is there to see it

# What a request is refused with before it is executed, where it is not 503.
STATUS = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.BODY_TOO_LARGE: 413,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: 415,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.UNTRUSTED_DOCUMENT: 400,
}
UNREAD = frozenset({408, 413, 415})  # there may be more of the request than anybody has read


class GraphQLEndpoint(GraphQL[Any, None]):
    """The ASGI application at /graphql."""

    websocket_adapter_class = Socket
    graphql_transport_ws_handler_class = Operations

    def __init__(self, schema: Schema, services: Services, settings: Settings) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=settings.init_timeout),
            max_subscriptions_per_connection=None,  # ``Operations`` counts them
            # No browser adds a token by itself, so a page elsewhere gains nothing by connecting.
            allowed_origins=("*",),
        )
        self._settings = settings
        self.admission = Admission(services, settings)
        self._sockets = Sockets(services.tokens, settings)
        self._documents = Documents.read(settings.trusted_documents)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or serve a client that stays."""
        if scope["type"] == "websocket":
            await self._serve(WebSocket(scope, receive, send))
            return
        try:
            response = await self._respond(scope, receive)
        except AppError as error:
            response = failure(STATUS.get(error.code, 503), error)
        except Exception as error:  # the edge: whatever it is, the client gets a code and a number
            response = failure(500, AppError(ErrorCode.INTERNAL, logged(error)))
        await response(scope, receive, send)

    async def _serve(self, socket: WebSocket) -> None:
        try:
            await self.run(socket)
        except Exception as error:
            foreseen = isinstance(error, AppError)
            code, reason = (1013, str(error)) if foreseen else (1011, logged(error))
            if socket.application_state is not WebSocketState.DISCONNECTED:
                await Socket(self, socket, socket).close(code, reason)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        request = Request(scope, receive)
        context = await self.admission.admit(authorization(request), address_of(request))
        if not self._may_be_large(request, context):
            return await self._answer(request, context, receive, self._settings.max_query_bytes)
        async with self.admission.large(context):
            return await self._answer(request, context, receive, self._settings.max_facts_bytes)

    def _may_be_large(self, request: Request, context: Context) -> bool:
        """Whether there may come more than of a query."""
        declared = request.headers.get("content-length", "")
        is_small = declared.isdigit() and int(declared) <= self._settings.max_query_bytes
        may_write = TokenScope.FACTS_WRITE in context.access.scopes
        return may_write and request.method == "POST" and not is_small

    async def _answer(
        self, request: Request, context: Context, receive: Receive, most: int
    ) -> Response:
        """The answer to a request whose body has so many bytes at most."""
        limits = self._settings
        try:
            async with asyncio.timeout(limits.read_timeout):
                body = await read(request, limits.max_query_bytes, most)
        except TimeoutError:
            words = f"The body did not come within {limits.read_timeout:g} seconds."
            return failure(408, AppError(ErrorCode.TIMEOUT, words))
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        try:
            return await self._run_for(Request(request.scope, _replay(body)), context, receive)
        except HTTPException as error:
            refused = AppError(ErrorCode.BAD_REQUEST, f"{_reason(error)}.")
            return failure(error.status_code, refused)

    async def _run_for(self, request: Request, context: Context, receive: Receive) -> Response:
        """Run an operation for as long as the client waits for it; one that writes, to its end."""
        running = asyncio.ensure_future(self.run(request, context))
        leaving = asyncio.ensure_future(left(receive))
        try:
            await asyncio.wait([running, leaving], return_when=asyncio.FIRST_COMPLETED)
            if not running.done() and not context.writes:
                running.cancel()
            await asyncio.wait([running])
        finally:
            leaving.cancel()
            running.cancel()
        return Response(status_code=CLIENT_LEFT) if running.cancelled() else running.result()

    async def get_context(self, request: Any, response: Any) -> Connection:
        """The connection of a WebSocket; the context of a request is there before it is run."""
        return Connection(
            self.admission,
            self._documents,
            self._sockets,
            self._settings.max_operations,
            authorization(request),
            address_of(request),
        )

    async def on_ws_connect(self, context: Connection) -> UnsetType:
        """Let clients stay that have a valid token."""
        try:
            begun = await context.begin()
        except UnauthenticatedError as error:
            raise ConnectionRejectionError from error
        context.sockets.show(context.place, begun.access.token_id)
        return UnsetType()

    async def get_sub_response(self, request: Any) -> Response:
        """A response of the media type that the client asks for."""
        response = await super().get_sub_response(request)
        response.media_type = _media_type(request.headers.get("accept", ""))
        return response

    def should_render_graphql_ide(self, request: object) -> bool:
        """Never: a page has an address of its own."""
        return False

    async def parse_http_body(self, request: AsyncHTTPRequestAdapter) -> GraphQLRequestData:
        """The operation that is asked for."""
        if request.method == "GET":
            data = self.parse_query_params(request.query_params)
        else:
            data = self.parse_json(await request.get_body())
        check_types(data)
        check_length(data.get("query"), self._settings.max_query_bytes)
        return GraphQLRequestData(
            query=self._documents.of(data),
            variables=data.get("variables"),
            operation_name=data.get("operationName"),
            extensions=data.get("extensions"),
            protocol="http",
        )

    def decode_json(self, data: str | bytes) -> object:
        """The body, or a message, as an object."""
        return decode(data)

    def create_response(self, response_data: Any, sub_response: Response) -> Response:
        """A response; of the newer media type with status 400 when nothing was executed."""
        media_type = sub_response.media_type or JSON_TYPE
        refused = (
            media_type == GRAPHQL_TYPE
            and response_data.get("data") is None
            and (not any(error.get("path") for error in response_data.get("errors", ())))
        )
        if refused:
            response_data = {key: value for key, value in response_data.items() if key != "data"}
        body = self.encode_json(response_data)
        return Response(body, 400 if refused else 200, media_type=f"{media_type}; charset=utf-8")


def authorization(request: Request | WebSocket) -> str:
    """The header in which a client shows its token."""
    return request.headers.get("authorization", "")


def _reason(error: HTTPException) -> str:
    cause = error.__cause__
    if (
        isinstance(cause, InvalidOperationTypeError)
        and cause.operation_type is OperationType.SUBSCRIPTION
    ):
        return f"Subscriptions go over WebSocket: {GRAPHQL_TRANSPORT_WS_PROTOCOL} at /graphql"
    if isinstance(cause, MissingQueryError):
        known = ", ".join(name for name, *_ in FIELDS)
        return f"No GraphQL query found in the request: send its text as query; known are {known}"
    if isinstance(cause, JSONDecodeError) and cause.doc:  # whose words may quote a value
        return f"{error.reason}: line {cause.lineno}, column {cause.colno}"
    return error.reason.rstrip(".")


async def left(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _media_type(accept: str) -> str:
    """The media type of the answer: the newer one where the client names it first."""
    for item in accept.split(","):
        name = item.split(";")[0].strip().lower()
        if name in {JSON_TYPE, GRAPHQL_TYPE}:
            return name
    return JSON_TYPE


def failure(status: int, error: AppError, allow: str = "GET, POST") -> Response:
    """A response of GraphQL's shape for a request that was not executed."""
    count_errors([error.code])
    extensions: dict[str, object] = {"code": error.code.value}
    headers = {}
    if isinstance(error, RateLimitedError):
        extensions["retryAfter"] = error.retry_after
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    elif status in UNREAD:
        headers["Connection"] = "close"
    elif status == NOT_ALLOWED:
        headers["Allow"] = allow
    errors = [{"message": str(error), "extensions": extensions}]
    return JSONResponse({"errors": errors}, status, headers)

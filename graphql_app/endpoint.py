"""The HTTP edge of GraphQL: authentication, limits, and what GraphQL over HTTP asks for."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from anyio import to_thread
from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL

from graphql_app.catalog.access import Access, authenticate
from graphql_app.catalog.tables import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.schema.build import Schema
from graphql_app.schema.context import Context, Services
from graphql_app.settings import Settings

logger = logging.getLogger(__name__)

JSON_TYPE = "application/json"
GRAPHQL_TYPE = "application/graphql-response+json"
MAX_JSON_DEPTH = 100


class BodyTooLargeError(Exception):
    """The body has more bytes than the token may send."""


class GraphQLEndpoint(GraphQL[Context, None]):
    """The ASGI application at /graphql."""

    def __init__(self, schema: Schema, services: Services, settings: Settings) -> None:
        super().__init__(schema, graphql_ide=None, subscription_protocols=())
        self._services = services
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await WebSocket(scope, receive, send).close(1008)
            return
        try:
            response = await self._respond(scope, receive)
        except AppError as error:
            response = failure(503, error.code, str(error))
        except Exception as error:  # the edge: whatever it is, the client gets a code and a number
            number = secrets.token_hex(8)
            logger.error("unexpected error %s", number, exc_info=error)
            response = failure(
                500,
                ErrorCode.INTERNAL,
                f"Something went wrong on our side; its number in the log is {number}.",
            )
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        access = await self._access(Request(scope))
        if access is None:
            return failure(
                401,
                ErrorCode.UNAUTHENTICATED,
                "Send a valid token: Authorization: Bearer <token>.",
                {"WWW-Authenticate": "Bearer"},
            )
        limit = (
            self._settings.max_facts_bytes
            if TokenScope.FACTS_WRITE in access.scopes
            else self._settings.max_query_bytes
        )
        try:
            body = await _read(Request(scope, receive), limit)
            scope["state"] = {**scope.get("state", {}), "access": access}
            return await self.run(Request(scope, _replay(body)))
        except BodyTooLargeError:
            return failure(
                413,
                ErrorCode.BODY_TOO_LARGE,
                f"The body has more than {limit} bytes; send less at once.",
                {"Connection": "close"},
            )
        except HTTPException as error:
            return failure(error.status_code, ErrorCode.BAD_REQUEST, f"{error.reason.rstrip('.')}.")

    async def _access(self, request: Request) -> Access | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        return await to_thread.run_sync(authenticate, self._services.catalog, token.strip())

    async def get_context(self, request: Any, response: Any) -> Context:
        """The context of a request whose token was found good."""
        return Context(self._services, request.state.access)

    async def get_sub_response(self, request: Any) -> Response:
        """A response of the media type that the client asks for."""
        response = await super().get_sub_response(request)
        response.media_type = _media_type(request.headers.get("accept", ""))
        return response

    def decode_json(self, data: str | bytes) -> object:
        """The body as an object; whatever cannot be one is refused as malformed."""
        try:
            text = data.decode() if isinstance(data, bytes) else data
            value = json.loads(text, parse_constant=_no_constant)
        except (UnicodeDecodeError, RecursionError, ValueError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from error
        if not isinstance(value, dict):
            raise HTTPException(400, "The body must be a JSON object with a query")
        if not _is_shallow(value):
            raise HTTPException(400, f"The body is nested deeper than {MAX_JSON_DEPTH} levels")
        return value

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


async def _read(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLargeError
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError
    return bytes(body)


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


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _is_shallow(value: object) -> bool:
    level = [value]
    for _ in range(MAX_JSON_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return True
    return False


def failure(
    status: int, code: ErrorCode, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A response of GraphQL's shape for a request that was not executed."""
    error = {"message": message, "extensions": {"code": code.value}}
    return JSONResponse({"errors": [error]}, status, headers)

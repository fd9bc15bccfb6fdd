"""The members of a saved segment as a file: GET /segments/{id}/members.csv, or .ndjson.

The server reads a page once the client has taken the page before it, so a slow client costs one
page of memory and no worker. An export that fails midway ends without the final chunk of the
chunked encoding, so that no client takes the file for complete.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

import pyarrow as pa
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from graphql_app.audience.export_formats import ExportFormat, to_csv, to_ndjson
from graphql_app.catalog.tables import Segment
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, NotFoundError, RateLimitedError
from graphql_app.http.admission import Admission, client_address
from graphql_app.http.errors import METHOD_NOT_ALLOWED, error_response
from graphql_app.http.graphql import authorization_header, run_while_connected
from graphql_app.observability.logs import log_unexpected
from graphql_app.runtime.context import Context
from graphql_app.runtime.one_state import at_one_state
from graphql_app.segments.export import Export
from graphql_app.segments.repository import segment_number

logger = logging.getLogger(__name__)

REQUIRED_SCOPES = frozenset({TokenScope.SEGMENTS_READ, TokenScope.CONTACTS_READ})
MAX_EXPORTS = 4  # per shop, at once
CHUNK_BYTES = 64 * 1024
RETRY_AFTER = 30  # seconds
METHODS = ("GET", "HEAD")
PARAMETERS = ("after", "header")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    format: ExportFormat
    after: str | None
    header: bool

    @classmethod
    def parse(cls, request: Request) -> ExportRequest:
        """Parse the path and the query string, or raise NOT_FOUND or INVALID."""
        try:
            format = ExportFormat(request.path_params["format"])
        except ValueError:
            format = ExportFormat.PARQUET
        if format is ExportFormat.PARQUET:
            raise NotFoundError("file", "Request members.csv or members.ndjson.")
        _check_parameters(request)
        return cls(format, request.query_params.get("after"), _parse_header(request))

    def encode(self, rows: pa.Table, first: bool) -> bytes:
        if self.format is ExportFormat.CSV:
            return to_csv(rows, header=first and self.header)
        return to_ndjson(rows)

    @property
    def media_type(self) -> str:
        if self.format is ExportFormat.NDJSON:
            return "application/x-ndjson"
        return f"text/csv; charset=utf-8; header={'present' if self.header else 'absent'}"


def _check_parameters(request: Request) -> None:
    """Reject unknown and repeated parameters, which would be ignored otherwise."""
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in PARAMETERS:
            known = " and ".join(PARAMETERS)
            message = f"Unknown parameter {name[:100]!r}; the parameters are {known}."
        elif times > 1:
            message = f"{name} is given {times} times; give it once."
        else:
            continue
        raise AppError(ErrorCode.INVALID, message, (name,))


def _parse_header(request: Request) -> bool:
    text = request.query_params.get("header", "present")
    if text not in {"present", "absent"}:
        raise AppError(ErrorCode.INVALID, "header must be present or absent.", ("header",))
    return text == "present"


class Exports:
    """The ASGI application that sends exports."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._running: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one export. Stop when the client disconnects."""
        await run_while_connected(self._send(scope, receive, send), receive)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.method not in METHODS:
            allowed = ", ".join(METHODS)
            error = AppError(ErrorCode.BAD_REQUEST, f"Exports support the methods {allowed}.")
            await error_response(error, METHOD_NOT_ALLOWED, allowed)(scope, receive, send)
            return
        try:
            context, segment = await self._authorize(request)
            with self._limit_exports(context.shop_id):
                await self._stream(request, context, segment, send)
        except AppError as error:
            await error_response(error)(scope, receive, send)
        except Exception as error:
            await error_response(log_unexpected(error))(scope, receive, send)

    async def _authorize(self, request: Request) -> tuple[Context, Segment]:
        """Authenticate the request, and find the segment in the token's shop.

        Raise UNAUTHENTICATED or RATE_LIMITED, FORBIDDEN, INVALID or NOT_FOUND, in this order.
        """
        address = client_address(request)
        context = await self._admission.admit(authorization_header(request), address)
        if not context.access.scopes >= REQUIRED_SCOPES:
            scopes = " and ".join(sorted(REQUIRED_SCOPES))
            raise AppError(ErrorCode.FORBIDDEN, f"Exports need a token with {scopes}.")
        number = segment_number(request.path_params["id"])
        return context, await context.run_without_rules(context.saved.require, number)

    @contextmanager
    def _limit_exports(self, shop_id: int) -> Iterator[None]:
        """Count a running export, which keeps a page in memory, up to ``MAX_EXPORTS``."""
        if self._running[shop_id] >= MAX_EXPORTS:
            message = f"This shop has {MAX_EXPORTS} exports running, the maximum"
            raise RateLimitedError(message, RETRY_AFTER)
        self._running[shop_id] += 1
        try:
            yield
        finally:
            self._running[shop_id] -= 1

    async def _stream(
        self, request: Request, context: Context, segment: Segment, send: Send
    ) -> None:
        """Send all pages. Errors before the first page are raised; later ones end the response."""
        parsed = ExportRequest.parse(request)
        export = Export(await context.rule_of(segment), parsed.after)
        engine = context.engine  # its instant is that of all pages

        async def read(context: Context, first: bool) -> tuple[bytes, Export]:
            """Read the next page from one state of the facts; return the export after it."""
            encode = partial(parsed.encode, first=first)
            return await at_one_state(
                context, lambda attempt: engine.read_page(export, attempt.reads, encode)
            )

        data, export = await read(context, first=True)
        await send(_response_start(parsed, segment))
        if request.method == "HEAD":
            await send({"type": "http.response.body"})
            return
        try:
            while True:
                for start in range(0, len(data), CHUNK_BYTES):
                    chunk = data[start : start + CHUNK_BYTES]
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if export.done:
                    break
                context = await context.reauthenticated()  # raises once the token is revoked
                data, export = await read(context, first=False)
        except AppError as error:
            if error.code is not ErrorCode.UNAVAILABLE:  # the store's outage is logged
                logger.warning("an export stopped midway: %s", error.code)
            return  # without a final body message, so that uvicorn closes the connection
        except Exception as error:
            log_unexpected(error)
            return
        await send({"type": "http.response.body"})


def _response_start(parsed: ExportRequest, segment: Segment) -> dict[str, object]:
    headers = {
        "content-type": parsed.media_type,
        "content-disposition": _content_disposition(segment.name, parsed.format),
    }
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


def _content_disposition(segment_name: str, format: ExportFormat) -> str:
    """Name the file after the segment, without characters that file systems reject."""
    printable = "".join(
        character
        for character in segment_name
        if unicodedata.category(character)[0] not in "CZ" or character == " "
    )
    name = re.sub(r'[/\\:*?"<>|]', "_", printable)[:100].strip(". ") or "segment"
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    fallback = re.sub(r"[^A-Za-z0-9 ._-]", "_", ascii_only).strip(". ") or "segment"
    encoded = quote(name, safe="")
    return f"attachment; filename=\"{fallback}.{format}\"; filename*=UTF-8''{encoded}.{format}"

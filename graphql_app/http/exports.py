"""The members of a saved segment as a file: GET /segments/{id}/members.csv, or .ndjson.

A page is asked for once the client has taken the one before, so a slow client costs no more than a
page's memory, and no worker. What breaks off leaves the chunked encoding without its end: no client
takes it for the whole.
"""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from graphql_app.audience.export_formats import ExportFormat, to_csv, to_ndjson
from graphql_app.catalog.tables import Segment
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, NotFoundError, RateLimitedError
from graphql_app.http.admission import Admission, address_of
from graphql_app.http.graphql import NOT_ALLOWED, authorization, failure, left
from graphql_app.ids import SEGMENT, number_of
from graphql_app.observability.logs import logged
from graphql_app.runtime.context import Context
from graphql_app.segments.export import Export

logger = logging.getLogger(__name__)

NEEDED = frozenset({TokenScope.SEGMENTS_READ, TokenScope.CONTACTS_READ})
AT_ONCE = 4  # exports of a shop
PIECE = 64 * 1024  # bytes that are sent at once
RETRY_AFTER = 30  # seconds

STATUS = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.INVALID: 400,
    ErrorCode.TIMEOUT: 504,
    ErrorCode.UNAVAILABLE: 503,
}
METHODS = ("GET", "HEAD")
PARAMETERS = ("after", "header")
UNFIT = 422  # of whatever else is wrong: with the rule, or a criterion of it


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for."""

    format: ExportFormat
    after: int | None
    header: bool

    @classmethod
    def of(cls, request: Request) -> Asked:
        """What it says.

        Raises:
            AppError: NOT_FOUND or INVALID.
        """
        try:
            format = ExportFormat(request.path_params["format"])
        except ValueError:
            format = ExportFormat.PARQUET
        if format is ExportFormat.PARQUET:
            raise NotFoundError("file; there are members.csv and members.ndjson")
        _check_parameters(request)
        return cls(format, _after(request), _header(request))

    def written(self, export: Export, first: bool) -> bytes:
        """The next page of an export."""
        rows = export.next_page()
        if self.format is ExportFormat.CSV:
            return to_csv(rows, header=first and self.header)
        return to_ndjson(rows)

    @property
    def media_type(self) -> str:
        """What is sent."""
        if self.format is ExportFormat.NDJSON:
            return "application/x-ndjson"
        return f"text/csv; charset=utf-8; header={'present' if self.header else 'absent'}"


def _check_parameters(request: Request) -> None:
    """See that none is passed over, as one that is misspelt or comes twice would be."""
    known = " and ".join(PARAMETERS)
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in PARAMETERS:
            words = f"There is no parameter {name[:100]!r}; there are {known}."
        elif times > 1:
            words = f"{name} is given more than once."
        else:
            continue
        raise AppError(ErrorCode.INVALID, words, (name,))


def _after(request: Request) -> int | None:
    text = request.query_params.get("after")
    if text is None:
        return None
    if not re.fullmatch("[0-9]{1,20}", text) or int(text) >= 2**64:
        raise AppError(
            ErrorCode.INVALID,
            "after is the id of the last contact that came, as the first column has it.",
            ("after",),
        )
    return int(text)


def _header(request: Request) -> bool:
    text = request.query_params.get("header", "present")
    if text not in {"present", "absent"}:
        raise AppError(ErrorCode.INVALID, "header is present or absent.", ("header",))
    return text == "present"


class Exports:
    """The ASGI application of the route; see the module."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._open: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send one export, for as long as the client takes it."""
        sending = asyncio.ensure_future(self._send(scope, receive, send))
        leaving = asyncio.ensure_future(left(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await asyncio.wait([sending])
        finally:
            leaving.cancel()
            sending.cancel()
        if not sending.cancelled():
            sending.result()

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.method not in METHODS:
            refused = AppError(ErrorCode.BAD_REQUEST, "An export is asked for by GET.")
            await failure(NOT_ALLOWED, refused, ", ".join(METHODS))(scope, receive, send)
            return
        try:
            context, segment = await self._admitted(request)
            with self._one_of_few(context.shop_id):
                await self._stream(request, context, segment, send)
        except AppError as error:
            await failure(STATUS.get(error.code, UNFIT), error)(scope, receive, send)
        except Exception as error:  # as at /graphql
            internal = AppError(ErrorCode.INTERNAL, logged(error))
            await failure(500, internal)(scope, receive, send)

    async def _admitted(self, request: Request) -> tuple[Context, Segment]:
        """Who asks, and of which segment of theirs.

        Raises:
            AppError: UNAUTHENTICATED or RATE_LIMITED, FORBIDDEN, INVALID or NOT_FOUND, in this
                order.
        """
        context = await self._admission.admit(authorization(request), address_of(request))
        if not context.access.scopes >= NEEDED:
            raise AppError(
                ErrorCode.FORBIDDEN, f"An export needs a token with {' and '.join(sorted(NEEDED))}."
            )
        number = number_of(SEGMENT, request.path_params["id"])
        if number is not None:
            segment = await context.run(context.saved.get, number)
            if segment is not None:
                return context, segment
        raise NotFoundError("segment", ("id",))

    @contextmanager
    def _one_of_few(self, shop_id: int) -> Iterator[None]:
        """Each has a page in memory, for as long as its client likes; so a shop has a few.

        Raises:
            RateLimitedError: There are as many as there may be.
        """
        if self._open[shop_id] >= AT_ONCE:
            raise RateLimitedError(f"{AT_ONCE} exports of this shop are going on", RETRY_AFTER)
        self._open[shop_id] += 1
        try:
            yield
        finally:
            self._open[shop_id] -= 1

    async def _stream(
        self, request: Request, context: Context, segment: Segment, send: Send
    ) -> None:
        """Send the pages; what fails before the first has come is raised."""
        asked = Asked.of(request)
        rule = await context.rule_of(segment)
        export = Export(context.engine.shop, rule, asked.after)
        data = await context.engine.run([rule], lambda: asked.written(export, first=True))
        await send(_start(asked, segment))
        if request.method == "HEAD":
            await send({"type": "http.response.body"})
            return
        try:
            while True:
                for start in range(0, len(data), PIECE):
                    piece = data[start : start + PIECE]
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                if export.done:
                    break
                await context.renewed()  # as long as the token is valid
                data = await context.engine.run([rule], lambda: asked.written(export, first=False))
        except AppError as error:
            logger.warning("an export broke off: %s", error.code)
            return  # without the end; the server closes the connection then
        except Exception as error:
            logged(error)
            return
        await send({"type": "http.response.body"})


def _start(asked: Asked, segment: Segment) -> dict[str, object]:
    headers = {
        "content-type": asked.media_type,
        "content-disposition": _attachment(segment.name, asked.format),
    }
    return {
        "type": "http.response.start",
        "status": 200,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


def _attachment(name: str, format: ExportFormat) -> str:
    """A header that names the file after the segment, with nothing that a file system minds."""
    kept = "".join(
        each for each in name if unicodedata.category(each)[0] not in "CZ" or each == " "
    )
    exact = re.sub(r'[/\\:*?"<>|]', "_", kept)[:100].strip(". ") or "segment"
    ascii_only = unicodedata.normalize("NFKD", exact).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", ascii_only).strip(". ") or "segment"
    return (
        f'attachment; filename="{plain}.{format}"; '
        f"filename*=UTF-8''{quote(exact, safe='')}.{format}"
    )

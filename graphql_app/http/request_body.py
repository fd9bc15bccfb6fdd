"""What a request over HTTP brings: bytes up to a limit, of a media type that is served, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cross_web import HTTPException
from starlette.requests import Request
from strawberry.http.parse_content_type import parse_content_type

from graphql_app.errors import AppError, ErrorCode

JSON_TYPE = "application/json"
MAX_JSON_DEPTH = 100
MAX_VALUES = 1_000_000  # in a body, about; everybody waits while more are made of it and checked
UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii"})


FIELDS = (
    ("query", str, "text"),
    ("documentId", str, "text"),
    ("operationName", str, "text"),
    ("variables", dict, "an object"),
    ("extensions", dict, "an object"),
)


async def read(request: Request, query_limit: int, body_limit: int) -> bytes:
    """The body; what cannot be one is refused before it is read.

    Raises:
        AppError: UNSUPPORTED_MEDIA_TYPE, or BODY_TOO_LARGE, of the address as well.
    """
    if len(request.scope["query_string"]) > query_limit:
        raise _too_large("The address", query_limit)
    if request.method == "POST":
        _check_media_type(request)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > body_limit:
        raise _too_large("The body", body_limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > body_limit:
            raise _too_large("The body", body_limit)
    return bytes(body)


def _too_large(what: str, limit: int) -> AppError:
    return AppError(
        ErrorCode.BODY_TOO_LARGE, f"{what} has more than {limit} bytes; send less at once."
    )


def _check_media_type(request: Request) -> None:
    kind, options = parse_content_type(request.headers.get("content-type", ""))
    encoding = request.headers.get("content-encoding", "identity").lower()
    if (
        kind.lower() != JSON_TYPE
        or options.get("charset", "").lower() not in UTF_8
        or encoding != "identity"
    ):
        raise AppError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            f"Send the operation as JSON in UTF-8, not compressed: Content-Type: {JSON_TYPE}.",
        )


def decode(data: str | bytes) -> dict[str, Any]:
    """Bytes as a JSON object.

    Raises:
        AppError: BODY_TOO_LARGE when they are too many values.
        JSONDecodeError: They are no JSON, or none that Python would read.
        HTTPException: They are another value, or nested too deeply.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        if sum(map(text.count, ",[{")) > MAX_VALUES:
            raise AppError(
                ErrorCode.BODY_TOO_LARGE,
                f"The body has more than {MAX_VALUES} values; send less at once.",
            )
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError:
        raise  # it knows the place
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise json.JSONDecodeError(str(error), "", 0) from error
    if not isinstance(value, dict):
        raise HTTPException(400, "The body must be a JSON object with a query")
    if not _is_shallow(value):
        raise HTTPException(400, f"The body is nested deeper than {MAX_JSON_DEPTH} levels")
    return value


def check_length(query: str | None, limit: int) -> None:
    """See that a document is no longer than a body without facts may be.

    Raises:
        AppError: BODY_TOO_LARGE.
    """
    if query is not None and len(query) > limit:
        raise AppError(
            ErrorCode.BODY_TOO_LARGE,
            f"The query has more than {limit} characters; send values as variables.",
        )


def check_types(operation: Mapping[str, Any]) -> None:
    """See that what is sent of an operation is of the types that it must be of, or null.

    Raises:
        HTTPException: Something is not.
    """
    for name, kind, words in FIELDS:
        if not isinstance(operation.get(name), kind | None):
            raise HTTPException(400, f"{name} must be {words}")


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

"""The body of a GraphQL request over HTTP: its size, its media type, its JSON."""

import json
from collections.abc import Mapping
from typing import Any

from cross_web import HTTPException
from starlette.requests import Request
from strawberry.http.parse_content_type import parse_content_type

from graphql_app.errors import AppError, ErrorCode
from graphql_app.http import json_decoder

JSON_TYPE = "application/json"
MAX_JSON_DEPTH = 100
MAX_VALUES = 1_000_000  # roughly
# Bytes. A shorter body or message is decoded within 2 ms, a longer one in a thread.
SHORT_TEXT = 65_536
UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii"})

FIELDS = (
    ("query", str, "a string"),
    ("documentId", str, "a string"),
    ("operationName", str, "a string"),
    ("variables", dict, "an object"),
    ("extensions", dict, "an object"),
)


async def read_body(request: Request, query_limit: int, body_limit: int) -> bytes:
    """Read the body, after checking its headers. The limits are in bytes.

    Raises:
        AppError: UNSUPPORTED_MEDIA_TYPE or BODY_TOO_LARGE.
    """
    if len(request.scope["query_string"]) > query_limit:
        raise _too_large("The query string", query_limit)
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
        ErrorCode.BODY_TOO_LARGE, f"{what} exceeds {limit} bytes; send less in one request."
    )


def _check_media_type(request: Request) -> None:
    media_type, options = parse_content_type(request.headers.get("content-type", ""))
    encoding = request.headers.get("content-encoding", "identity").lower()
    if (
        media_type.lower() != JSON_TYPE
        or options.get("charset", "").lower() not in UTF_8
        or encoding != "identity"
    ):
        raise AppError(
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            f"Send the operation as uncompressed JSON in UTF-8, with Content-Type: {JSON_TYPE}.",
        )


def decode_parameter(name: str, text: str) -> dict[str, Any] | None:
    """Decode a parameter of a query string, which is a JSON object or null.

    Raises:
        AppError, HTTPException: As for ``decode_json``; the messages name the parameter.
    """
    if text.strip() == "null":
        return None
    try:
        return decode_json(text, name)
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"{name} in the query string is not JSON") from error


def decode_json(data: str | bytes, name: str = "") -> dict[str, Any]:
    """Decode a JSON object: the body, or the parameter ``name``.

    Raises:
        AppError: BODY_TOO_LARGE, it has more than ``MAX_VALUES`` values.
        JSONDecodeError: It is not JSON, or Python cannot read it.
        HTTPException: It is not an object, or is nested deeper than ``MAX_JSON_DEPTH``.
    """
    what = name or "The body"
    too_deep = HTTPException(400, f"{what} is nested deeper than {MAX_JSON_DEPTH} levels")
    try:
        text = data.decode() if isinstance(data, bytes) else data
        if sum(map(text.count, ",[{")) > MAX_VALUES:
            message = f"{what} has more than {MAX_VALUES} values; send less in one request."
            raise AppError(ErrorCode.BODY_TOO_LARGE, message)
        value = json_decoder.decode(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise too_deep from None
    except (UnicodeDecodeError, ValueError) as error:
        raise json.JSONDecodeError(str(error), "", 0) from error
    if not isinstance(value, dict):
        required = "an object" if name else "a JSON object with a query"
        raise HTTPException(400, f"{what} must be {required}")
    if not _is_shallow(value):
        raise too_deep
    return value


def check_query_length(query: str | None, limit: int) -> None:
    """Raise BODY_TOO_LARGE for a long document, even in a body that is allowed to be longer."""
    if query is not None and len(query) > limit:
        message = f"The query exceeds {limit} characters; send its values as variables."
        raise AppError(ErrorCode.BODY_TOO_LARGE, message)


def check_field_types(operation: Mapping[str, Any]) -> None:
    """Raise HTTPException if a field is neither null nor of its type in ``FIELDS``."""
    for name, expected, type_name in FIELDS:
        if not isinstance(operation.get(name), expected | None):
            raise HTTPException(400, f"{name} must be {type_name}")


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

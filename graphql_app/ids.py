"""Opaque ids and cursors: written and read in this one place."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from graphql_app.errors import AppError, ErrorCode

MAX_LENGTH = 8_192
SEGMENT = "Segment"
CONTACT = "Contact"
MAX_SEGMENT = 2**31 - 1  # the largest number that the catalog's column can hold


def encode(*parts: Any) -> str:
    """An opaque text for some JSON values."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(text: str, noun: str, path: tuple[str, ...]) -> list[Any]:
    """The JSON values of an opaque text.

    Raises:
        AppError: INVALID, it was not made by ``encode``.
    """
    try:
        if len(text) > MAX_LENGTH:
            raise ValueError(text)
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if isinstance(values, list) and encode(*values) == text:
            return values
    except (ValueError, binascii.Error, RecursionError):
        pass
    raise AppError(ErrorCode.INVALID, f"Invalid {noun}: pass one returned by this API.", path)


def parse_global_id(text: str, path: tuple[str, ...] = ("id",)) -> tuple[str, int]:
    """The kind and number of a node.

    Raises:
        AppError: INVALID, it is no id of this API.
    """
    match decode(text, "id", path):
        case [str(kind), int(number)] if 0 <= number < 2**64 and not isinstance(number, bool):
            return kind, number
    raise AppError(ErrorCode.INVALID, "Invalid id: pass one returned by this API.", path)


def number_of(kind: str, text: str, path: tuple[str, ...] = ("id",)) -> int | None:
    """Return the number of a node; ``None`` if the id has another kind or no node can have it.

    Raises:
        AppError: INVALID, the id was not made by this API.
    """
    found, number = parse_global_id(text, path)
    if found != kind or (kind == SEGMENT and number > MAX_SEGMENT):
        return None
    return number

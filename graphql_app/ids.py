"""Opaque ids and cursors: base64 of a JSON list."""

import base64
import json
from typing import Any

from graphql_app.errors import AppError, ErrorCode

MAX_LENGTH = 8_192
SEGMENT = "Segment"
CONTACT = "Contact"
MAX_SEGMENT = 2**31 - 1  # the largest number that the catalog's column can hold


class InvalidIdError(AppError):
    """An id that this API did not return."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(ErrorCode.INVALID, "Invalid id: pass one returned by this API.", path)


class InvalidCursorError(AppError):
    """A cursor that this API did not return."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(ErrorCode.INVALID, "Invalid cursor: pass one returned by this API.", path)


class CursorOrderError(AppError):
    """A cursor of a list with another sort order."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(
            ErrorCode.INVALID, "This cursor belongs to a list with a different sort order.", path
        )


def encode(*parts: Any) -> str:
    """Encode JSON values as opaque text."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(text: str) -> list[Any] | None:
    """Decode what ``encode`` returned; return ``None`` for any other text."""
    try:
        if len(text) > MAX_LENGTH:
            return None
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        return values if isinstance(values, list) and encode(*values) == text else None
    except (ValueError, RecursionError):
        return None


def parse_cursor(text: str, path: tuple[str, ...]) -> list[Any]:
    """Return a cursor's values; raise ``InvalidCursorError`` if ``encode`` did not return it."""
    values = _decode(text)
    if values is None:
        raise InvalidCursorError(path)
    return values


def parse_global_id(text: str, path: tuple[str, ...] = ("id",)) -> tuple[str, int]:
    """Return the kind and the number of a node's id; raise ``InvalidIdError`` for other texts."""
    match _decode(text):
        case [str(kind), int(number)] if 0 <= number < 2**64 and not isinstance(number, bool):
            return kind, number
    raise InvalidIdError(path)


def parse_id(kind: str, text: str, path: tuple[str, ...] = ("id",)) -> int | None:
    """Return the number in an id; ``None`` if the id has another kind, or no segment can have it.

    Raises:
        InvalidIdError: It is not an id of this API.
    """
    found, number = parse_global_id(text, path)
    if found != kind or (kind == SEGMENT and number > MAX_SEGMENT):
        return None
    return number

"""Parsing columns of facts, which come from files as Arrow arrays and from GraphQL as lists.

A column is parsed as a whole if possible. Otherwise each of its values is parsed, to find out which
ones are bad and why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


class BadValueError(ValueError):
    """A value that its column does not accept; the message says what it must be.

    ``path`` leads from the value to the part of it that is bad, such as a property.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value.

    Attributes:
        arrow_type: The type of parsed values.
        parse_value: Parses one value, or raises ``BadValueError``.
        parse_array: Parses an array, or returns ``None`` if some of it may be bad.
    """

    arrow_type: pa.DataType
    parse_value: Callable[[Any], Any]
    parse_array: Callable[[pa.Array], pa.Array | None] | None = None


def parse_column(
    kind: ValueKind, values: pa.Array | Sequence[Any], required: bool
) -> tuple[pa.Array, list[tuple[int, BadValueError]]]:
    """Parse a column.

    Returns:
        The parsed values (null if bad), and the row and the error of each bad value.
    """
    array = _parse_whole_column(kind, values)
    if array is not None and not (required and array.null_count):
        return array, []
    raw = values.to_pylist() if isinstance(values, pa.Array) else values
    parsed, problems = list[Any](), list[tuple[int, BadValueError]]()
    for row, value in enumerate(raw):
        result = None
        try:
            if value is not None and value != "":
                result = kind.parse_value(value)
            if result is None and required:
                raise BadValueError("is required")
        except BadValueError as error:
            problems.append((row, error))
        parsed.append(result)
    return pa.array(parsed, kind.arrow_type), problems


def _parse_whole_column(kind: ValueKind, values: pa.Array | Sequence[Any]) -> pa.Array | None:
    if kind.parse_array is None:
        return None
    try:
        array = values if isinstance(values, pa.Array) else pa.array(values)
        if pa.types.is_null(array.type):
            return pa.nulls(len(array), kind.arrow_type)
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_large_string(array.type):
            array = array.cast(pa.string())
        if pa.types.is_string(array.type):
            blank = pc.equal(array, "")
            array = pc.if_else(blank, pa.scalar(None, pa.string()), array)
        return kind.parse_array(array)
    except (pa.ArrowException, UnicodeError, OverflowError):
        return None


def parse_distinct_texts(
    parse_value: Callable[[Any], Any], arrow_type: pa.DataType
) -> Callable[[pa.Array], pa.Array | None]:
    """Make a ``parse_array`` that parses each distinct text of an array once."""

    def parse_array(array: pa.Array) -> pa.Array | None:
        if not pa.types.is_string(array.type):
            return None
        encoded = array.dictionary_encode()
        try:
            parsed = [parse_value(value) for value in encoded.dictionary.to_pylist()]
        except BadValueError:
            return None
        return pa.array(parsed, arrow_type).take(encoded.indices)

    return parse_array


def all_match(array: pa.Array, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(array, pattern)).as_py() is not False

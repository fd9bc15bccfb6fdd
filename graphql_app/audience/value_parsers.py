"""Columns of incoming facts: one parser for each kind of value, whatever the source.

A column arrives as an Arrow array (from files) or a list (from GraphQL, CSV, NDJSON). A parser
first tries the whole column at once; only where that fails does it look at each value, to say
which ones are wrong and why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.tables import fold_keyword
from graphql_app.countries import country_codes

MAX_TEXT = 255
MAX_TAGS = 250
MAX_PROPERTIES = 16_384  # bytes of JSON

ID, INSTANT, MONEY = pa.uint64(), pa.timestamp("ms", "UTC"), pa.decimal128(18, 4)
FIRST_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(2200, 1, 1, tzinfo=UTC)

INSTANT_PATTERN = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$"
MONEY_PATTERN = r"^\d{1,14}(\.\d{1,4})?$"


class BadValueError(ValueError):
    """A value that its column does not take; the message says what it takes instead."""


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value: its Arrow type, the parser of one value, and, optionally, of a column."""

    arrow_type: pa.DataType
    parse_value: Callable[[Any], Any]
    parse_array: Callable[[pa.Array], pa.Array | None] | None = None


def parse_column(
    kind: ValueKind, values: pa.Array | Sequence[Any], required: bool
) -> tuple[pa.Array, list[tuple[int, str]]]:
    """Parse a column; returns the typed array (null where bad) and (row, message) of bad values."""
    array = _whole(kind, values)
    if array is not None and not (required and array.null_count):
        return array, []
    raw = values.to_pylist() if isinstance(values, pa.Array) else values
    parsed, problems = [], []
    for row, value in enumerate(raw):
        result = None
        try:
            if value is not None and value != "":
                result = kind.parse_value(value)
            if result is None and required:
                raise BadValueError("is required")
        except BadValueError as error:
            problems.append((row, str(error)))
        parsed.append(result)
    return pa.array(parsed, kind.arrow_type), problems


def _whole(kind: ValueKind, values: pa.Array | Sequence[Any]) -> pa.Array | None:
    """The column parsed at once, or None where it must be looked at value by value."""
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


def _all_match(array: pa.Array, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(array, pattern)).as_py() is not False


def _identifier(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise BadValueError("must be a whole number from 0 to 18446744073709551615")
    return value


def _identifiers(array: pa.Array) -> pa.Array | None:
    if pa.types.is_string(array.type):
        return array.cast(ID) if _all_match(array, r"^[0-9]{1,20}$") else None
    return array.cast(ID) if pa.types.is_integer(array.type) else None


def _integer(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
        raise BadValueError("must be a whole number below 2147483648")
    return value


def _integers(array: pa.Array) -> pa.Array | None:
    if pa.types.is_string(array.type):
        return array.cast(pa.int64()) if _all_match(array, r"^-?[0-9]{1,9}$") else None
    if not pa.types.is_integer(array.type):
        return None
    return array.cast(pa.int32()).cast(pa.int64())


def _money(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadValueError('must be an amount as text, such as "50.00"')
    text = format(value, "f") if isinstance(value, Decimal) else str(value)
    if not re.fullmatch(MONEY_PATTERN[1:-1], text, re.ASCII):
        raise BadValueError(
            'must be an amount such as "50.00", not negative, with at most 14 digits before the '
            "point and 4 after it"
        )
    return Decimal(text)


def _amounts(array: pa.Array) -> pa.Array | None:
    if pa.types.is_string(array.type):
        return array.cast(MONEY) if _all_match(array, MONEY_PATTERN) else None
    if not (pa.types.is_decimal(array.type) or pa.types.is_integer(array.type)):
        return None
    amounts = array.cast(MONEY)
    smallest = pc.min(amounts).as_py()
    return amounts if smallest is None or smallest >= 0 else None


def _instant(value: Any) -> datetime:
    if isinstance(value, str) and re.fullmatch(INSTANT_PATTERN[1:-1], value, re.ASCII):
        # datetime reads at most microseconds
        text = re.sub(r"(\.\d{6})\d+", r"\1", value)
        try:
            value = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadValueError(f"is no time: {error}") from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise BadValueError(
            "must be a time of ISO 8601 with its offset, such as 2024-05-01T09:58:12Z"
        )
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        instant = LAST_INSTANT
    if not FIRST_INSTANT <= instant < LAST_INSTANT:
        raise BadValueError("must be a time from 1970 to 2199")
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _instants(array: pa.Array) -> pa.Array | None:
    if pa.types.is_string(array.type):
        if not _all_match(array, INSTANT_PATTERN):
            return None
        array = array.cast(pa.timestamp("ns", "UTC"))
    if not pa.types.is_timestamp(array.type) or array.type.tz is None:
        return None
    instants = pc.cast(array, INSTANT, safe=False)
    low, high = pc.min_max(instants).as_py().values()
    inside = low is None or (low >= FIRST_INSTANT and high < LAST_INSTANT)
    return instants if inside else None


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        raise BadValueError("must be text")
    if len(value) > MAX_TEXT:
        raise BadValueError(f"must have at most {MAX_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadValueError("must be valid Unicode, with no lone surrogate") from None
    return value if value.strip() else None


def _texts(array: pa.Array) -> pa.Array | None:
    if not pa.types.is_string(array.type):
        return None
    longest = pc.max(pc.utf8_length(array)).as_py()
    solid = pc.fill_null(pc.match_substring_regex(array, r"[^\s\x1c-\x1f\x85\pZ]"), False)
    spaces = pc.and_(pc.is_valid(array), pc.invert(solid))
    if pc.any(spaces).as_py() or (longest or 0) > MAX_TEXT:
        return None
    return array


def _country(value: Any) -> str:
    if not isinstance(value, str) or value not in country_codes():
        raise BadValueError('must be a country code of ISO 3166-1 in capitals, such as "US"')
    return value


def _each_once(
    parse: Callable[[Any], Any], kind: pa.DataType
) -> Callable[[pa.Array], pa.Array | None]:
    """Parse each distinct text of a column once."""

    def parse_all(array: pa.Array) -> pa.Array | None:
        if not pa.types.is_string(array.type):
            return None
        encoded = array.dictionary_encode()
        try:
            parsed = [parse(value) for value in encoded.dictionary.to_pylist()]
        except BadValueError:
            return None
        return pa.array(parsed, kind).take(encoded.indices)

    return parse_all


def _keyword(value: Any) -> str | None:
    text = _text(value)
    return None if text is None else fold_keyword(text)


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.casefold() in {"true", "false"}:
        value = value.casefold() == "true"
    if not isinstance(value, bool):
        raise BadValueError("must be true or false")
    return value


def _booleans(array: pa.Array) -> pa.Array | None:
    return array if pa.types.is_boolean(array.type) else _BOOLEAN_TEXTS(array)


_BOOLEAN_TEXTS = _each_once(_boolean, pa.bool_())


def _listed(text: str) -> list[Any] | None:
    """A list that is written as JSON, as it is where its texts have commas in them."""
    try:
        value = json.loads(text) if text.startswith("[") else None
    except (ValueError, RecursionError):
        return None
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if texts else None


def _tags(value: Any) -> list[str]:
    if isinstance(value, str):  # as in CSV
        value = _listed(value) or [part for part in value.split(",") if part.strip()]
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        raise BadValueError(f"must be a list of at most {MAX_TAGS} texts")
    tags = [tag.strip() for item in value if (tag := _text(item)) is not None]
    return list(dict.fromkeys(tags))


def _finite(text: str) -> float:
    raise BadValueError(f"must not hold {text}")


def _whole_number(digits: str) -> int | float:
    """Beyond 64 bits as a float: the engine would read so long a whole number as text."""
    try:
        number = int(digits)
        return number if -(2**63) <= number < 2**64 else float(number)
    except (ValueError, OverflowError):
        raise BadValueError(f"must not hold a number of {len(digits)} digits") from None


def _properties(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
        value = json.loads(text, parse_int=_whole_number, parse_constant=_finite)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        size = len(text.encode())
    except BadValueError:
        raise
    except (ValueError, RecursionError, TypeError):
        raise BadValueError("must be a JSON object") from None
    if not isinstance(value, dict):
        raise BadValueError("must be a JSON object")
    if size > MAX_PROPERTIES:
        raise BadValueError(f"must have at most {MAX_PROPERTIES} bytes as JSON")
    return text


IDENTIFIER = ValueKind(ID, _identifier, _identifiers)
INTEGER = ValueKind(pa.int64(), _integer, _integers)
AMOUNT = ValueKind(MONEY, _money, _amounts)
TIME = ValueKind(INSTANT, _instant, _instants)
TEXT = ValueKind(pa.string(), _text, _texts)
COUNTRY = ValueKind(pa.string(), _country, _each_once(_country, pa.string()))
KEYWORD = ValueKind(pa.string(), _keyword, _each_once(_keyword, pa.string()))
BOOLEAN = ValueKind(pa.bool_(), _boolean, _booleans)
TAGS = ValueKind(pa.list_(pa.string()), _tags)
PROPERTIES = ValueKind(pa.string(), _properties)

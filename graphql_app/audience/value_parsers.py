"""The kinds of values that facts are made of, each with its parsers."""

import json
import re
from ast import literal_eval
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.column_parser import (
    BadValueError,
    ValueKind,
    all_match,
    parse_distinct_texts,
)
from graphql_app.audience.money import MONEY_PATTERN, MONEY_REQUIRED, parse_money
from graphql_app.audience.properties_parser import parse_properties
from graphql_app.audience.surrogates import UNICODE_REQUIRED, has_surrogate
from graphql_app.countries import COUNTRY_REQUIRED, is_country
from graphql_app.timezones import EPOCH, OFFSET_PATTERN

MAX_TEXT = 255
MAX_TAGS = 250
MAX_TAGS_TEXT = MAX_TAGS * (6 * MAX_TEXT + 4)  # characters of them as JSON, with escapes

UNSIGNED, INSTANT, MONEY = pa.uint64(), pa.timestamp("ms", "UTC"), pa.decimal128(18, 4)
LAST_INSTANT = datetime(2200, 1, 1, tzinfo=UTC)

INSTANT_PATTERN = rf"^\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{{1,9}})?)?{OFFSET_PATTERN}$"
INSTANT_REQUIRED = (
    "must be an ISO 8601 time with an offset from -12:00 to +14:00, such as 2024-05-01T09:58:12Z"
)


_SHORTENED = r"[0-9](\.[0-9]+)?[Ee]\+[0-9]{1,2}"  # such as 7.0E+12
_NOT_PLAIN = rf"^(0[0-9]+|[0-9]{{20,}}|{_SHORTENED})$"


def parse_identifier(value: Any) -> str | None:
    """Return an id without surrounding space, and a whole number without leading zeros.

    Return ``None`` for blank text.

    Raises:
        BadValueError: The value is not an id.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**MAX_TEXT:
        value = str(value)
    if not isinstance(value, str):
        raise BadValueError("must be text or a whole number")
    text = _parse_text(value.strip())
    if text is None:
        return None
    if re.fullmatch(_SHORTENED, text):
        raise BadValueError(
            f"{text} was shortened by a spreadsheet, which lost digits; export the file again, "
            "and do not save it from a spreadsheet"
        )
    if text.isascii() and text.isdigit() and int(text) < 2**64:
        return str(int(text))
    return text


def _parse_identifiers(array: pa.Array) -> pa.Array | None:
    if pa.types.is_integer(array.type):
        return array.cast(pa.string())
    if not pa.types.is_string(array.type):
        return None
    printable = all_match(array, rf"^[!-~]{{1,{MAX_TEXT}}}$")
    odd = pc.any(pc.match_substring_regex(array, _NOT_PLAIN)).as_py()
    return array if printable and not odd else None


def _parse_whole_number(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise BadValueError("must be a whole number from 0 to 18446744073709551615")
    return value


def _parse_whole_numbers(array: pa.Array) -> pa.Array | None:
    if pa.types.is_string(array.type):
        return array.cast(UNSIGNED) if all_match(array, r"^[0-9]{1,20}$") else None
    return array.cast(UNSIGNED) if pa.types.is_integer(array.type) else None


def _parse_integer(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**31:
        raise BadValueError("must be a whole number from -2147483647 to 2147483647")
    return value


def _parse_integers(array: pa.Array) -> pa.Array | None:
    if pa.types.is_string(array.type):
        return array.cast(pa.int64()) if all_match(array, r"^-?[0-9]{1,9}$") else None
    return array.cast(pa.int32()).cast(pa.int64()) if pa.types.is_integer(array.type) else None


def _parse_amount(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise BadValueError('must be an amount as text, such as "50.00"')
    amount = parse_money(str(value) if isinstance(value, int) else value)
    if amount is None:
        raise BadValueError(MONEY_REQUIRED)
    return amount


def _parse_amounts(array: pa.Array) -> pa.Array | None:
    if pa.types.is_string(array.type):
        return array.cast(MONEY) if all_match(array, MONEY_PATTERN) else None
    if not (pa.types.is_decimal(array.type) or pa.types.is_integer(array.type)):
        return None
    amounts = array.cast(MONEY)
    smallest = pc.min(amounts).as_py()
    return amounts if smallest is None or smallest >= 0 else None


def parse_instant(value: Any) -> datetime:
    """Return a time in UTC, truncated to milliseconds; raise ``BadValueError`` if it is not one."""
    if isinstance(value, str) and re.fullmatch(INSTANT_PATTERN[1:-1], value, re.ASCII):
        text = re.sub(r"(\.\d{6})\d+", r"\1", value)  # datetime reads at most microseconds
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            raise BadValueError(
                "is not a time that exists; check the month, day, hour, minute and second"
            ) from None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise BadValueError(INSTANT_REQUIRED)
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        instant = LAST_INSTANT
    if not EPOCH <= instant < LAST_INSTANT:
        raise BadValueError("must be a time from 1970 to 2199")
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _parse_instants(array: pa.Array) -> pa.Array | None:
    if pa.types.is_string(array.type):
        if not all_match(array, INSTANT_PATTERN):
            return None
        array = array.cast(pa.timestamp("ns", "UTC"))
    if not pa.types.is_timestamp(array.type) or array.type.tz is None:
        return None
    instants = pc.cast(array, INSTANT, safe=False)
    low, high = pc.min_max(instants).as_py().values()
    return instants if low is None or (low >= EPOCH and high < LAST_INSTANT) else None


def _parse_text(value: Any) -> str | None:
    if not isinstance(value, str):
        raise BadValueError("must be text")
    if len(value) > MAX_TEXT:
        raise BadValueError(f"must have at most {MAX_TEXT} characters")
    if has_surrogate(value):
        raise BadValueError(UNICODE_REQUIRED)
    return value if value.strip() else None


def parse_email(value: Any) -> str | None:
    """Return a text with an ``@`` between others; raise ``BadValueError`` for another value."""
    text = _parse_text(value)
    if text is not None and not re.search(r"\S@\S", text):
        raise BadValueError("must be an email address")
    return text


def _parse_emails(array: pa.Array) -> pa.Array | None:
    texts = _parse_texts(array)
    return texts if texts is not None and all_match(texts, r"[!-~]@[!-~]") else None


def _parse_texts(array: pa.Array) -> pa.Array | None:
    if not pa.types.is_string(array.type):
        return None
    longest = pc.max(pc.utf8_length(array)).as_py()
    solid = all_match(array, r"[^\s\x1c-\x1f\x85\pZ]")
    return array if solid and (longest or 0) <= MAX_TEXT else None


def _parse_country(value: Any) -> str:
    if not is_country(value):
        raise BadValueError(COUNTRY_REQUIRED)
    return value


def _parse_keyword(value: Any) -> str | None:
    text = _parse_text(value)
    return None if text is None else text.strip()


def _parse_boolean(value: Any) -> bool:
    if isinstance(value, str) and value.casefold() in {"true", "false"}:
        value = value.casefold() == "true"
    if not isinstance(value, bool):
        raise BadValueError("must be true or false")
    return value


def _parse_booleans(array: pa.Array) -> pa.Array | None:
    return array if pa.types.is_boolean(array.type) else _parse_boolean_texts(array)


_parse_boolean_texts = parse_distinct_texts(_parse_boolean, pa.bool_())


def _parse_tags(value: Any) -> list[str]:
    if isinstance(value, str) and len(value) <= MAX_TAGS_TEXT:  # in CSV
        parsed = _parse_list_literal(value)
        value = [part for part in value.split(",") if part.strip()] if parsed is None else parsed
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        raise BadValueError(f"must be a list of at most {MAX_TAGS} texts")
    tags = [_parse_tag(number, item) for number, item in enumerate(value)]
    return list(dict.fromkeys(tag.strip() for tag in tags if tag is not None))


def _parse_tag(number: int, item: Any) -> str | None:
    try:
        return _parse_text(item)
    except BadValueError as error:
        raise BadValueError(str(error), (number,)) from None


def _parse_list_literal(text: str) -> list[Any] | None:
    """Parse a list in JSON, which exports write if a text has commas in it, or in Python."""
    for parse in (json.loads, literal_eval):
        try:
            return parse(text) if text.startswith("[") else None
        except (ValueError, SyntaxError, RecursionError, MemoryError):  # tags such as "[new]"
            continue
    return None


IDENTIFIER = ValueKind(pa.string(), parse_identifier, _parse_identifiers)
WHOLE_NUMBER = ValueKind(UNSIGNED, _parse_whole_number, _parse_whole_numbers)
INTEGER = ValueKind(pa.int64(), _parse_integer, _parse_integers)
AMOUNT = ValueKind(MONEY, _parse_amount, _parse_amounts)
TIME = ValueKind(INSTANT, parse_instant, _parse_instants)
TEXT = ValueKind(pa.string(), _parse_text, _parse_texts)
EMAIL = ValueKind(pa.string(), parse_email, _parse_emails)
COUNTRY = ValueKind(pa.string(), _parse_country, parse_distinct_texts(_parse_country, pa.string()))
KEYWORD = ValueKind(pa.string(), _parse_keyword, parse_distinct_texts(_parse_keyword, pa.string()))
BOOLEAN = ValueKind(pa.bool_(), _parse_boolean, _parse_booleans)
TAGS = ValueKind(pa.list_(pa.string()), _parse_tags)
PROPERTIES = ValueKind(pa.string(), parse_properties)

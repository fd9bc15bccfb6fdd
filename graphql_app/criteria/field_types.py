"""Field types: what a criterion's fields are made of.

Each is an annotated Python type that carries its validation, its JSON Schema, its GraphQL scalar
(by ``kind``) and its hints for forms, so that an author composes fields and writes no form code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, TypeVar

from annotated_types import Len
from pydantic import AfterValidator, BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

from graphql_app.audience.tables import fold_keyword
from graphql_app.countries import COUNTRY_REQUIRED, country_names, is_country
from graphql_app.criteria.fields import FieldKind, FieldType, Option
from graphql_app.money import MONEY_PATTERN, MONEY_REQUIRED, parse_money

MAX_VALUES = 1_000
MAX_TEXT = 255


def whole_number(value: object) -> int:
    """An integer, also when it is written as 5.0; never a boolean."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("count", "must be a whole number")
    return value


def within_range(low: int, high: int) -> AfterValidator:
    """Bounds of a whole number, both inside."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise PydanticCustomError(
                "range", "must be from {low} to {high}", {"low": low, "high": high}
            )
        return value

    return AfterValidator(check)


def _integer(low: int, high: int, example: int, unit: str | None = None) -> FieldType:
    schema = {"type": "integer", "minimum": low, "maximum": high}
    return FieldType(
        kind=FieldKind.COUNT,
        json_schema=schema,
        example=example,
        minimum=str(low),
        maximum=str(high),
        step="1",
        unit=unit,
    )


MAX_COUNT = 2**31 - 1  # GraphQL's Int
MAX_DAYS = 36_500

Count = Annotated[
    int,
    BeforeValidator(whole_number),
    within_range(0, MAX_COUNT),
    _integer(0, MAX_COUNT, example=1),
]
"""A whole number from 0."""

PositiveCount = Annotated[
    int,
    BeforeValidator(whole_number),
    within_range(1, MAX_COUNT),
    _integer(1, MAX_COUNT, example=2),
]
"""A whole number from 1."""

Days = Annotated[
    int,
    BeforeValidator(whole_number),
    within_range(1, MAX_DAYS),
    _integer(1, MAX_DAYS, 30, unit="days"),
]
"""A number of days of 24 hours, from 1 to a hundred years."""


def _money(value: object) -> Decimal:
    amount = parse_money(value)
    if amount is None:
        raise PydanticCustomError("money", MONEY_REQUIRED)
    return amount


def money_text(value: Decimal) -> str:
    """The canonical text of an amount: at least two decimals, no more than it needs."""
    whole, _, cents = format(value.quantize(Decimal("0.0001")), "f").partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"


Money = Annotated[
    Decimal,
    BeforeValidator(_money),
    PlainSerializer(money_text),
    FieldType(
        kind=FieldKind.MONEY,
        json_schema={"type": "string", "pattern": MONEY_PATTERN},
        example="50.00",
        minimum="0",
        maximum="99999999999999.9999",
        step="0.01",
        pattern=MONEY_PATTERN,
        unit="the shop's currency",
    ),
]
"""An amount in the shop's currency, from 0, as a decimal string."""

NUMBER_PATTERN = r"^-?[0-9]{1,11}(\.[0-9]{1,4})?$"


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal):
        value = format(value, "f")
    if not isinstance(value, str) or not re.fullmatch(NUMBER_PATTERN[1:-1], value):
        raise PydanticCustomError(
            "number",
            'must be a number such as "12.5": digits, at most 11 before the point and 4 after it',
        )
    return Decimal(value)


def number_text(value: Decimal) -> str:
    """The canonical text of a number: no more decimals than it needs, and no negative zero."""
    whole, _, decimals = format(value.quantize(Decimal("0.0001")) + 0, "f").partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


Number = Annotated[
    Decimal,
    BeforeValidator(_number),
    PlainSerializer(number_text),
    FieldType(
        kind=FieldKind.NUMBER,
        json_schema={"type": "string", "pattern": NUMBER_PATTERN},
        example="10",
        minimum="-99999999999.9999",
        maximum="99999999999.9999",
        step="1",
        pattern=NUMBER_PATTERN,
    ),
]
"""A number of at most 15 digits, as a decimal string; so many a JSON number holds exactly."""

PERCENT_PATTERN = r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$"


def _percent(value: object) -> Decimal:
    if isinstance(value, Decimal):
        value = format(value, "f")
    if not isinstance(value, str) or not re.fullmatch(PERCENT_PATTERN[1:-1], value):
        raise PydanticCustomError(
            "percent", 'must be a percentage such as "12.5", from 0 to 100, at most 4 decimals'
        )
    return Decimal(value)


Percent = Annotated[
    Decimal,
    BeforeValidator(_percent),
    PlainSerializer(number_text),
    FieldType(
        kind=FieldKind.NUMBER,
        json_schema={"type": "string", "pattern": PERCENT_PATTERN},
        example="25",
        minimum="0",
        maximum="100",
        step="1",
        pattern=PERCENT_PATTERN,
        unit="%",
    ),
]
"""A percentage from 0 to 100, as a decimal string."""

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
DATE_PATTERN = r"^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
FIRST_WRITTEN_DAY = date(1900, 1, 1)
WRITTEN_DATE_PATTERN = DATE_PATTERN.replace("19[7-9][0-9]", "19[0-9]{2}")


def _days(first: date, pattern: str) -> tuple[BeforeValidator, FieldType]:
    """What makes a type of the days from the first to the last of 2199."""

    def check(value: object) -> date:
        if isinstance(value, date):
            return value
        try:
            if isinstance(value, str) and re.fullmatch(pattern[1:-1], value):
                return date.fromisoformat(value)
        except ValueError:
            pass  # a day that the month does not have
        raise PydanticCustomError(
            "date",
            'must be a day such as "2024-05-01", from {first} to {last}',
            {"first": first.isoformat(), "last": LAST_DAY.isoformat()},
        )

    return BeforeValidator(check), FieldType(
        kind=FieldKind.DATE,
        json_schema={"type": "string", "format": "date", "pattern": pattern},
        example="2024-05-01",
        minimum=first.isoformat(),
        maximum=LAST_DAY.isoformat(),
        step="1",
        pattern=pattern,
    )


Day = Annotated[date, *_days(FIRST_DAY, DATE_PATTERN)]
"""A calendar day in the shop's time zone."""

WrittenDay = Annotated[date, *_days(FIRST_WRITTEN_DAY, WRITTEN_DATE_PATTERN)]
"""A calendar day from 1900, for days that a shop has written down, such as birthdays."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or not value.strip():
        raise PydanticCustomError(
            "text", "must be text of 1 to {max} characters, not only space", {"max": MAX_TEXT}
        )
    if not value.isascii() and re.search("[\ud800-\udfff]", value):
        raise PydanticCustomError("text", "must be valid Unicode, with no lone surrogate")
    return value


# What str.strip takes for space, spelled out: JSON Schema's \s is not quite the same.
TEXT_PATTERN = (
    r"[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)


def _textual(example: str) -> FieldType:
    schema = {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_TEXT,
        "pattern": TEXT_PATTERN,
    }
    return FieldType(FieldKind.TEXT, schema, example, pattern=TEXT_PATTERN)


Text = Annotated[str, BeforeValidator(_text), _textual("example")]
"""Text of 1 to 255 characters that is not only space."""

ProductId = Annotated[str, BeforeValidator(_text), _textual("85123A")]
"""A product's id (or stock-keeping unit) in the source system; compared exactly."""

SEGMENT_ID_PATTERN = r"^[A-Za-z0-9_-]{1,100}$"


def _segment_id(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(SEGMENT_ID_PATTERN[1:-1], value):
        raise PydanticCustomError("segment", "must be the id of a segment, as this API gave it")
    return value


SegmentId = Annotated[
    str,
    BeforeValidator(_segment_id),
    FieldType(
        kind=FieldKind.SEGMENT,
        json_schema={"type": "string", "pattern": SEGMENT_ID_PATTERN},
        example="WyJTZWdtZW50IiwxXQ",
        pattern=SEGMENT_ID_PATTERN,
    ),
]
"""The id of a saved segment, as this API gave it."""

Keyword = Annotated[str, BeforeValidator(_text), AfterValidator(fold_keyword), _textual("join")]
"""A keyword that contacts text in; case and surrounding space do not matter."""

Region = Annotated[str, BeforeValidator(_text), _textual("CA")]
"""A state or province as the source system writes it, e.g. its code."""


def _country(value: object) -> str:
    if not is_country(value):
        raise PydanticCustomError("country", COUNTRY_REQUIRED)
    return value


Country = Annotated[
    str,
    BeforeValidator(_country),
    FieldType(
        kind=FieldKind.CHOICE,
        json_schema={"enum": sorted(country_names())},
        example="US",
        options=tuple(Option(code, name) for code, name in country_names().items()),
    ),
]
"""A country as its two-letter code of ISO 3166-1."""

T = TypeVar("T")


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))


def _up_to(limit: int) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, list) or not 1 <= len(value) <= limit:
            raise PydanticCustomError("list", "must be a list of 1 to {max} values", {"max": limit})
        return value

    return BeforeValidator(check)


OneOrMore = Annotated[list[T], _up_to(MAX_VALUES), Len(1, MAX_VALUES), AfterValidator(_unique)]
"""A list of 1 to 1,000 values; duplicates do not matter."""

UpToTen = Annotated[list[T], _up_to(10), Len(1, 10)]
"""A list of 1 to 10 conditions."""

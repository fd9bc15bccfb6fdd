"""Field types of days, texts, ids and lists.

A field type is an annotated Python type with its validation, its JSON Schema, its GraphQL scalar
(by ``kind``) and its hints for forms.
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, TypeVar

from annotated_types import Len
from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from graphql_app.audience.surrogates import UNICODE_REQUIRED, has_surrogate
from graphql_app.countries import COUNTRY_REQUIRED, country_names, is_country
from graphql_app.criteria.fields import FieldKind, FieldType, Option

MAX_VALUES = 1_000
MAX_TEXT = 255

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
DATE_PATTERN = r"^(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
WRITTEN_DATE_PATTERN = DATE_PATTERN.replace(
    "19[7-9][0-9]|2[01][0-9]{2}", "[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9]"
)


def _days(first: date, last: date, pattern: str) -> tuple[BeforeValidator, FieldType]:
    """Return the parts of a type of the days from ``first`` to ``last``."""

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
            {"first": first.isoformat(), "last": last.isoformat()},
        )

    return BeforeValidator(check), FieldType(
        kind=FieldKind.DATE,
        json_schema={"type": "string", "format": "date", "pattern": pattern},
        example="2024-05-01",
        minimum=first.isoformat(),
        maximum=last.isoformat(),
        step="1",
        pattern=pattern,
    )


Day = Annotated[date, *_days(FIRST_DAY, LAST_DAY, DATE_PATTERN)]
"""A calendar day in the shop's time zone."""

WrittenDay = Annotated[date, *_days(date.min, date.max, WRITTEN_DATE_PATTERN)]
"""A calendar day of the years 1 to 9999, for days such as birthdays and ends of contracts."""


def _text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT or not value.strip():
        raise PydanticCustomError(
            "text", "must be text of 1 to {max} characters, not only space", {"max": MAX_TEXT}
        )
    if has_surrogate(value):
        raise PydanticCustomError("text", UNICODE_REQUIRED)
    return value


# The characters that str.strip removes; JSON Schema's \s differs from them.
TEXT_PATTERN = (
    r"[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)


def _textual(example: str) -> FieldType:
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": TEXT_PATTERN}
    return FieldType(FieldKind.TEXT, schema, example, pattern=TEXT_PATTERN)


Text = Annotated[str, BeforeValidator(_text), _textual("example")]
"""Text of 1 to 255 characters, not only spaces."""

ProductId = Annotated[str, BeforeValidator(_text), _textual("85123A")]
"""A product's id or stock-keeping unit in the source system, compared exactly."""

SEGMENT_ID_PATTERN = r"^[A-Za-z0-9_-]{1,100}$"


def _segment_id(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(SEGMENT_ID_PATTERN[1:-1], value):
        raise PydanticCustomError("segment", "must be a segment id returned by this API")
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
"""The id of a saved segment, as returned by the API."""

Keyword = Annotated[str, BeforeValidator(_text), _textual("join")]
"""A keyword that contacts text, as it was given; compare ``fold`` of it."""

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
"""A country, as its two-letter ISO 3166-1 code."""

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

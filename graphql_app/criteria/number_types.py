"""Field types of numbers: counts, days, amounts of money, decimal numbers and percentages."""

import re
from decimal import Decimal
from typing import Annotated, LiteralString

from pydantic import AfterValidator, BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

from graphql_app.criteria.fields import FieldKind, FieldType
from graphql_app.money import MONEY_PATTERN, MONEY_REQUIRED, parse_money


def whole_number(value: object) -> int:
    """Return an integer, also if it is written as 5.0; refuse booleans."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("count", "must be a whole number")
    return value


def within_range(low: int, high: int) -> AfterValidator:
    """Return a validator of a whole number from ``low`` to ``high``."""

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
"""A number of days of 24 hours, from 1 to 36,500."""


def _money(value: object) -> Decimal:
    amount = parse_money(value)
    if amount is None:
        raise PydanticCustomError("money", MONEY_REQUIRED)
    return amount


def money_text(value: Decimal) -> str:
    """Return the canonical text of an amount, with two to four decimals."""
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


def _decimal(kind: LiteralString, pattern: str, message: LiteralString) -> BeforeValidator:
    """Return a validator of decimal strings that match a pattern."""

    def check(value: object) -> Decimal:
        if isinstance(value, Decimal):
            value = format(value, "f")
        if not isinstance(value, str) or not re.fullmatch(pattern[1:-1], value):
            raise PydanticCustomError(kind, message)
        return Decimal(value)

    return BeforeValidator(check)


NUMBER_PATTERN = r"^-?[0-9]{1,11}(\.[0-9]{1,4})?$"


def number_text(value: Decimal) -> str:
    """Return the canonical text of a number, without trailing zeros or a negative zero."""
    whole, _, decimals = format(value.quantize(Decimal("0.0001")) + 0, "f").partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


Number = Annotated[
    Decimal,
    _decimal(
        "number",
        NUMBER_PATTERN,
        'must be a number such as "12.5": digits, at most 11 before the point and 4 after it',
    ),
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
"""A number of at most 15 digits, which a JSON number holds exactly, as a decimal string."""

PERCENT_PATTERN = r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$"


Percent = Annotated[
    Decimal,
    _decimal(
        "percent",
        PERCENT_PATTERN,
        'must be a percentage such as "12.5", from 0 to 100, at most 4 decimals',
    ),
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

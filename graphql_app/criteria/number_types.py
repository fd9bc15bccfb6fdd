"""Field types of numbers: counts, days, amounts of money, decimal numbers and percentages."""

import re
from decimal import Decimal
from typing import Annotated, LiteralString

from pydantic import BeforeValidator, PlainSerializer
from pydantic_core import PydanticCustomError

from graphql_app.audience.money import MONEY_PATTERN, MONEY_REQUIRED, parse_money
from graphql_app.criteria.fields import FieldKind, FieldType


def whole_number(low: int, high: int) -> BeforeValidator:
    """Return a validator of integers in a range, also written as 5.0; it refuses booleans."""

    def check(value: object) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise PydanticCustomError("count", "must be a whole number")
        if not low <= value <= high:
            raise PydanticCustomError(
                "range", "must be from {low} to {high}", {"low": low, "high": high}
            )
        return value

    return BeforeValidator(check)


def _count(
    low: int, high: int, example: int, unit: str | None = None
) -> tuple[BeforeValidator, FieldType]:
    return whole_number(low, high), FieldType(
        kind=FieldKind.COUNT,
        json_schema={"type": "integer", "minimum": low, "maximum": high},
        example=example,
        minimum=str(low),
        maximum=str(high),
        step="1",
        unit=unit,
    )


MAX_COUNT = 2**31 - 1  # GraphQL's Int
MAX_DAYS = 36_500

Count = Annotated[int, *_count(0, MAX_COUNT, example=1)]
"""A whole number from 0."""

PositiveCount = Annotated[int, *_count(1, MAX_COUNT, example=2)]
"""A whole number from 1."""

Days = Annotated[int, *_count(1, MAX_DAYS, example=30, unit="days")]
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


def number_text(value: Decimal) -> str:
    """Return the canonical text of a number, without trailing zeros or a negative zero."""
    whole, _, decimals = format(value.quantize(Decimal("0.0001")) + 0, "f").partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def _number(
    name: LiteralString,
    pattern: str,
    message: LiteralString,
    example: str,
    minimum: str,
    maximum: str,
    unit: str | None = None,
) -> tuple[BeforeValidator, PlainSerializer, FieldType]:
    """Return the parts of a type of decimal strings that match a pattern."""

    def check(value: object) -> Decimal:
        if isinstance(value, Decimal):
            value = format(value, "f")
        if not isinstance(value, str) or not re.fullmatch(pattern[1:-1], value):
            raise PydanticCustomError(name, message)
        return Decimal(value)

    hints = FieldType(
        kind=FieldKind.NUMBER,
        json_schema={"type": "string", "pattern": pattern},
        example=example,
        minimum=minimum,
        maximum=maximum,
        step="1",
        pattern=pattern,
        unit=unit,
    )
    return BeforeValidator(check), PlainSerializer(number_text), hints


Number = Annotated[
    Decimal,
    *_number(
        "number",
        r"^-?[0-9]{1,11}(\.[0-9]{1,4})?$",
        'must be a number such as "12.5": digits, at most 11 before the point and 4 after it',
        example="10",
        minimum="-99999999999.9999",
        maximum="99999999999.9999",
    ),
]
"""A number of at most 15 digits, which a JSON number holds exactly, as a decimal string."""

Percent = Annotated[
    Decimal,
    *_number(
        "percent",
        r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$",
        'must be a percentage such as "12.5", from 0 to 100, at most 4 decimals',
        example="25",
        minimum="0",
        maximum="100",
        unit="%",
    ),
]
"""A percentage from 0 to 100, as a decimal string."""

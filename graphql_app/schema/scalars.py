"""Scalars. Inputs pass through unparsed, since the domain checks them and knows their paths."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, NewType

import strawberry
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

Money = NewType("Money", str)
Number = NewType("Number", str)

__all__ = ["JSON", "SCALARS", "Money", "Number"]


def _instant_text(value: Any) -> str:
    text: str = value.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _unparsed(value: Any) -> Any:
    return value


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An ISO 8601 timestamp with an offset, such as 2024-05-01T09:58:12Z.",
        serialize=_instant_text,
        parse_value=_unparsed,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A calendar day in the shop's time zone, such as 2024-05-01.",
        serialize=str,
        parse_value=_unparsed,
    ),
    Money: strawberry.scalar(
        name="Money",
        description='An amount in the shop\'s currency as a decimal string, such as "50.00".',
        serialize=str,
        parse_value=_unparsed,
    ),
    Number: strawberry.scalar(
        name="Decimal",
        description='A number as a decimal string, such as "12.5".',
        serialize=str,
        parse_value=_unparsed,
    ),
}

"""Scalars. Inputs pass through unparsed, since the domain checks them and knows their paths."""

from collections.abc import Callable, Mapping
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


def _scalar(name: str, description: str, serialize: Callable[[Any], str] = str) -> ScalarDefinition:
    return strawberry.scalar(
        name=name, description=description, serialize=serialize, parse_value=lambda value: value
    )


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: _scalar(
        "DateTime",
        "An ISO 8601 timestamp with an offset, such as 2024-05-01T09:58:12Z.",
        _instant_text,
    ),
    date: _scalar("Date", "A calendar day in the shop's time zone, such as 2024-05-01."),
    Money: _scalar(
        "Money", 'An amount in the shop\'s currency as a decimal string, such as "50.00".'
    ),
    Number: _scalar("Decimal", 'A number as a decimal string, such as "12.5".'),
}

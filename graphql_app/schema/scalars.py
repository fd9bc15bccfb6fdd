"""Scalars; inputs pass through as they come, for the domain to check them with their paths."""

from __future__ import annotations

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


def _as_it_comes(value: Any) -> Any:
    return value


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant of ISO 8601 with its offset, e.g. 2024-05-01T09:58:12Z.",
        serialize=_instant_text,
        parse_value=_as_it_comes,
    ),
    date: strawberry.scalar(
        name="Date",
        description="A calendar day in the shop's time zone, e.g. 2024-05-01.",
        serialize=str,
        parse_value=_as_it_comes,
    ),
    Money: strawberry.scalar(
        name="Money",
        description='An amount in the shop\'s currency as a decimal string, e.g. "50.00".',
        serialize=str,
        parse_value=_as_it_comes,
    ),
    Number: strawberry.scalar(
        name="Decimal",
        description='A number as a decimal string, e.g. "12.5".',
        serialize=str,
        parse_value=_as_it_comes,
    ),
}

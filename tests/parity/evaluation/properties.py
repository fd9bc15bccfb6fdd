"""Properties: values of a JSON object, each read by its kind."""

import json
import re
from datetime import date, datetime, timedelta
from typing import Any

from tests.parity.evaluation.clock import Clock
from tests.parity.evaluation.comparisons import compare, small
from tests.parity.evaluation.facts import Document

INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)", re.ASCII
)
PLAIN_NUMBER = re.compile(r"-?\d{1,100}(\.\d{1,100})?", re.ASCII)
ACCEPTED_YEARS = range(1900, 2200)

# The positive counterpart of each negative operator.
POSITIVE = {
    "NONE_OF": "ANY_OF",
    "NOT_CONTAINS": "CONTAINS",
    "NOT_STARTS_WITH": "STARTS_WITH",
    "NOT_EQUALS": "EQUALS",
    "NOT_ON": "ON",
    "NOT_IN_LAST": "IN_LAST",
    "IS_NOT_SET": "IS_SET",
}
NUMERIC = {"EQUALS", "GREATER_THAN", "AT_LEAST", "LESS_THAN", "AT_MOST", "BETWEEN"}


def value_of(properties: str | None, name: str) -> Any:
    return json.loads(properties or "{}").get(name)


def day_in(value: Any, clock: Clock) -> date | None:
    """Return the day of a value: a date, or an instant's day in the shop's time zone."""
    if not isinstance(value, str) or not value[:4].isdecimal():
        return None
    if int(value[:4]) not in ACCEPTED_YEARS:
        return None
    try:
        if len(value) == len("2024-05-01"):
            day = date.fromisoformat(value)
            return day if day.isoformat() == value else None
        if INSTANT.fullmatch(value):
            return clock.day_of(datetime.fromisoformat(value))
    except ValueError:
        pass  # not a valid day, hour or offset
    return None


def number_in(value: Any) -> float | None:
    """Return the number that a value is, or that a text writes in plain decimals."""
    if isinstance(value, str):
        return float(value) if PLAIN_NUMBER.fullmatch(value) else None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None


def property_is(body: Document, value: Any, clock: Clock) -> bool:
    """Return whether the value of a property matches, or one of the values of a list."""
    operator = body["operator"]
    if operator in POSITIVE:
        return not property_is({**body, "operator": POSITIVE[operator]}, value, clock)
    if isinstance(value, list):
        plain = [each for each in value if not isinstance(each, list | dict)]
        return any(_value_is(body, each, clock) for each in plain)
    return _value_is(body, value, clock)


def _value_is(body: Document, value: Any, clock: Clock) -> bool:
    operator = body["operator"]
    if operator in NUMERIC:
        number = number_in(value)
        bounds = float(body["number"]), float(body.get("numberUpTo", 0))
        return number is not None and compare(operator, number, *bounds)
    match operator:
        case "IS_SET":
            return value is not None and value != ""
        case "IS_TRUE":
            return value is True
        case "IS_FALSE":
            return value is False
        case "ANY_OF" | "CONTAINS" | "STARTS_WITH":
            return isinstance(value, str) and _reads(body, value)
    day = day_in(value, clock)
    return day is not None and _falls(body, day, clock.today)


def _reads(body: Document, text: str) -> bool:
    match body["operator"]:
        case "ANY_OF":
            return text in body["texts"]
        case "CONTAINS":
            return small(body["text"]) in small(text)
        case "STARTS_WITH":
            return small(text).startswith(small(body["text"]))
    raise AssertionError(body)


def _falls(body: Document, day: date, today: date) -> bool:
    ago = today - timedelta(days=body.get("days", 0))
    first = date.fromisoformat(body.get("date", "1900-01-01"))
    match body["operator"]:
        case "ON":
            return day == first
        case "BEFORE":
            return day < first
        case "ON_OR_BEFORE":
            return day <= first
        case "AFTER":
            return day > first
        case "ON_OR_AFTER":
            return day >= first
        case "BETWEEN_DAYS":
            return first <= day <= date.fromisoformat(body["dateUpTo"])
        case "IN_LAST":
            return ago < day <= today
        case "MORE_THAN_AGO":
            return day < ago
    raise AssertionError(body)

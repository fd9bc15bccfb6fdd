"""Properties: values of a JSON object, each read by its kind."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.parity.evaluation.clock import Clock
from tests.parity.evaluation.comparisons import compare, plain
from tests.parity.evaluation.facts import Document

INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"(Z|([+-])(\d\d)(?::?(\d\d))?)",
    re.ASCII,
)
PLAIN_NUMBER = re.compile(r"-?\d{1,100}(\.\d{1,100})?", re.ASCII)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEARS_400 = 146_097 * 86_400_000  # milliseconds

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


def written(value: Any) -> date | int | None:
    """Return a text that is a day as a date, one that is an instant as milliseconds since 1970."""
    if not isinstance(value, str):
        return None
    try:
        if len(value) == len("2024-05-01"):
            day = date.fromisoformat(value)
            return day if day.isoformat() == value else None
        parts = INSTANT.fullmatch(value)
        if parts is None:
            return None
        days = date.fromisoformat(parts[1]).toordinal() - EPOCH.toordinal()
    except ValueError:
        return None  # not a valid day
    hour, minute, second = (int(part or 0) for part in parts.groups()[1:4])
    east, west = int(parts[8] or 0), int(parts[9] or 0)
    ahead = (east * 60 + west) * (-1 if parts[7] == "-" else 1)
    if hour > 23 or max(minute, second, west) > 59 or not -12 * 60 <= ahead <= 14 * 60:
        return None
    milliseconds = int((parts[5] or "").ljust(3, "0")[:3])
    return (((days * 24 + hour) * 60 + minute - ahead) * 60 + second) * 1000 + milliseconds


def number_of(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(milliseconds=1)


def day_in(value: Any, clock: Clock) -> date | None:
    """Return the day of a value: a date, or an instant's day in the shop's time zone.

    The day of an instant at the ends of the calendar is as many years away as the calendar repeats.
    """
    found = written(value)
    if not isinstance(found, int):
        return found
    while found > number_of(datetime(9000, 1, 1, tzinfo=UTC)):
        found -= YEARS_400
    while found < number_of(datetime(1000, 1, 1, tzinfo=UTC)):
        found += YEARS_400
    return clock.day_of(EPOCH + timedelta(milliseconds=found))


def days_in(value: Any, clock: Clock) -> list[date]:
    """Return the days of a value, or of the elements of a list."""
    found = [day_in(each, clock) for each in (value if isinstance(value, list) else [value])]
    return [day for day in found if day is not None]


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
        values = [each for each in value if not isinstance(each, list | dict)]
        return any(_value_is(body, each, clock) for each in values)
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
    found = written(value)
    return found is not None and _falls(body, found, clock)


def _reads(body: Document, text: str) -> bool:
    match body["operator"]:
        case "ANY_OF":
            return plain(text) in map(plain, body["texts"])
        case "CONTAINS":
            return plain(body["text"]) in plain(text)
        case "STARTS_WITH":
            return plain(text).startswith(plain(body["text"]))
    raise AssertionError(body)


def _falls(body: Document, found: date | int, clock: Clock) -> bool:
    """Compare a date with days, and an instant with instants."""
    ago = timedelta(days=body.get("days", 0))
    is_day = isinstance(found, date)
    value = found.toordinal() if isinstance(found, date) else found
    now = clock.today.toordinal() if is_day else number_of(clock.now)
    start = (clock.today - ago).toordinal() if is_day else number_of(clock.now - ago)

    def begin(day: str, later: int = 0) -> int:
        if is_day:
            return date.fromisoformat(day).toordinal() + later
        # Instants of the first and the last years may be outside of Python's calendar.
        year = int(day[:4])
        if not 1000 <= year <= 9000:
            cycles = -1 if year < 1000 else 1
            alike = f"{year - 400 * cycles:04}{day[4:]}"
            return number_of(clock.start(alike, later)) + cycles * YEARS_400
        return number_of(clock.start(day, later))

    match body["operator"]:
        case "ON":
            return begin(body["date"]) <= value < begin(body["date"], 1)
        case "BEFORE":
            return value < begin(body["date"])
        case "ON_OR_BEFORE":
            return value < begin(body["date"], 1)
        case "AFTER":
            return value >= begin(body["date"], 1)
        case "ON_OR_AFTER":
            return value >= begin(body["date"])
        case "BETWEEN_DAYS":
            return begin(body["date"]) <= value < begin(body["dateUpTo"], 1)
        case "IN_LAST":
            return start < value <= now
        case "MORE_THAN_AGO":
            return value < start
    raise AssertionError(body)

"""Times written in text: days such as 2024-05-01, and ISO 8601 instants with their offset.

In SQL, both are whole numbers, which compare exactly in the years 1 to 9999: an instant is its
milliseconds since 1970, and a day is the offset ``DAYS`` plus its days since -100-01-01. Both fit
in one column, and a comparison becomes two ranges.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar

from sqlalchemy import ColumnElement, func, null

from graphql_app.audience.tables import Expression
from graphql_app.criteria.comparisons import compared
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.operators import Operator
from graphql_app.criteria.scope import Scope
from graphql_app.criteria.shop_days import (
    DAYS_TO_1970,
    FIRST_DATE32,
    day_number,
    if_,
    local_day,
    month_and_day_of,
)
from graphql_app.timezones import CYCLE, EPOCH, OFFSET_PATTERN, milliseconds

_YEAR = r"([1-9]\d\d\d|0[1-9]\d\d|00[1-9]\d|000[1-9])"
_LONG, _SHORT = r"(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])", r"(0[469]|11)-(0[1-9]|[12]\d|30)"
_MONTH_AND_DAY = rf"({_LONG}|{_SHORT}|02-(0[1-9]|1\d|2[0-8]))"
_LEAP = r"(0[48]|[2468][048]|[13579][26])"
_DAY = rf"({_YEAR}-{_MONTH_AND_DAY}|(\d\d{_LEAP}|{_LEAP}00)-02-29)"
_TIME = rf"[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{{1,9}})?)?{OFFSET_PATTERN}"
DAY_PATTERN = f"^{_DAY}$"
INSTANT_PATTERN = f"^{_DAY}{_TIME}$"

DAYS = 10**15
"""What days are above and instants below."""
FIRST_INSTANT, LAST_DAY = -DAYS, 2 * DAYS

_ANY_DAY = date(2000, 1, 1)
_MILLISECONDS = 86_400_000  # in a day
_EARLY_YEAR, _LATE_YEAR = 1000, 9000

V = TypeVar("V", date, int)


def written_time(text: Expression) -> ColumnElement[int]:
    """Return SQL for a written day or instant as a whole number; NULL for other texts.

    Seconds are truncated to three decimals, as in facts.
    """
    return func.multiIf(
        func.match(text, DAY_PATTERN),
        _number_of_day(text) + DAYS,
        func.match(text, INSTANT_PATTERN),
        _instant(text),
        null(),
    )


def _instant(text: Expression) -> ColumnElement[int]:
    """Return SQL for the milliseconds since 1970 of a text that is an instant."""
    # The time and its offset, on a day that the engine can parse.
    on_any_day = func.parseDateTime64BestEffortOrNull(
        func.concat(_ANY_DAY.isoformat(), func.substring(text, 11)), 3, "UTC"
    )
    midnight = (_ANY_DAY - EPOCH.date()).days * _MILLISECONDS
    days = _number_of_day(text) - DAYS_TO_1970
    return days * _MILLISECONDS + func.toUnixTimestamp64Milli(on_any_day) - midnight


def _number_of_day(text: Expression) -> ColumnElement[int]:
    """Return SQL for the number of the day at the beginning of a text."""
    year, month, day = (
        func.toInt64OrZero(func.substring(text, *part)) for part in ((1, 4), (6, 2), (9, 2))
    )
    # The engine's dates cover 400 years, in which the calendar repeats.
    years = year - FIRST_DATE32.year + 2_000
    in_cycle = func.makeDate32(func.modulo(years, 400) + FIRST_DATE32.year, month, day)
    cycles = func.intDiv(years, 400) * CYCLE
    return cycles + func.toInt64(func.toInt32(in_cycle)) - (FIRST_DATE32 - EPOCH.date()).days


def month_and_day(instant: Expression, scope: Scope) -> ColumnElement[int]:
    """Return SQL for 100 times the month plus the day, e.g. 229 for February 29.

    The day is in the shop's time zone.
    """
    return month_and_day_of(local_day(func.toUnixTimestamp64Milli(instant), scope.timezone))


def property_day(document: Expression, name: str, scope: Scope) -> ColumnElement[date]:
    """Return SQL for the day of a date property in the shop's time zone, from 1900 to 2299.

    NULL for other values and other years. ``written_times_of`` returns days of all years, such as
    9999-12-31.
    """
    day = _day_number_of(func.JSONExtractString(document, name), scope) - DAYS_TO_1970
    epoch = (FIRST_DATE32 - EPOCH.date()).days
    known = day.between(epoch, epoch + CYCLE - 1)
    return if_(known, func.toDate32(func.toInt32(day)), null())


def property_month_and_day(document: Expression, name: str, scope: Scope) -> ColumnElement[int]:
    """Return SQL for 100 times a date property's month plus its day, e.g. 229 for February 29.

    The day of an instant is in the shop's time zone. NULL for other values; for lists, use
    ``months_and_days_of``.
    """
    return written_month_and_day(func.JSONExtractString(document, name), scope)


def written_month_and_day(text: Expression, scope: Scope) -> ColumnElement[int]:
    """Return SQL for 100 times the month plus the day of a written day or instant, or NULL."""
    return month_and_day_of(_day_number_of(text, scope))


def _day_number_of(text: Expression, scope: Scope) -> ColumnElement[int]:
    return func.multiIf(
        func.match(text, DAY_PATTERN),
        _number_of_day(text),
        func.match(text, INSTANT_PATTERN),
        local_day(_instant(text), scope.timezone),
        null(),
    )


def times_on(operator: Operator, day: date, up_to: date | None, scope: Scope) -> Interval[int]:
    """Return the written times that a positive operator matches, compared with days."""
    days = compared(operator, day, up_to)
    low = None if days.low is None else _start_of(days.low, scope, later=days.low_open)
    after = None if days.high is None else _start_of(days.high, scope, later=not days.high_open)
    instants = Interval(low, None if after is None else after - 1)
    return _times(days, instants)


def _start_of(day: date, scope: Scope, later: bool) -> int:
    """Return the milliseconds since 1970 at which a day, or the one after it, begins.

    The days at both ends of the calendar begin as those of 400 years before or later do: what they
    begin at can be in the year 0 or 10000.
    """
    cycles = (day.year > _LATE_YEAR) - (day.year < _EARLY_YEAR)
    alike = date.fromordinal(day.toordinal() - cycles * CYCLE + later)
    return milliseconds(scope.start_of(alike)) + cycles * CYCLE * _MILLISECONDS


def times_ago(operator: Operator, days: int, scope: Scope) -> Interval[int]:
    """Return the written times that a positive operator matches, compared with days ago.

    An instant is compared with ``days`` times 24 hours ago, a day with today less ``days``.
    """
    duration = timedelta(days=days)
    return _times(
        compared(operator, scope.today - duration, scope.today),
        compared(operator, milliseconds(scope.now - duration), milliseconds(scope.now)),
    )


def _times(days: Interval[date], instants: Interval[int]) -> Interval[int]:
    of_instants = _numbers(instants, int, Interval(FIRST_INSTANT, DAYS - 1))
    of_days = _numbers(days, lambda day: DAYS + day_number(day), Interval(DAYS, LAST_DAY))
    return replace(of_instants, also=of_days)


def _numbers(
    values: Interval[V], number: Callable[[V], int], every: Interval[int]
) -> Interval[int]:
    """Return a range of whole numbers with its bounds, within those of all values of the kind."""
    low = every.low if values.low is None else number(values.low) + values.low_open
    high = every.high if values.high is None else number(values.high) - values.high_open
    return Interval(low, high)

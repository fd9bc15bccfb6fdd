"""Calendar days of a time zone: their bounds in Python, and the day of an instant in SQL.

A day runs from its first instant to that of the next day. Where clocks skip midnight, it begins at
the skip; where they repeat midnight, at the first one. SQL gets a table of offsets instead of the
zone's name, so that the engine's own rules of time zones do not matter.
"""

import json
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func

from graphql_app.audience.tables import Expression
from graphql_app.timezones import CYCLE, DAY, EPOCH, offsets_of

# Days are numbered from -100-01-01, so that no number is negative. Modulo the cycle, a number
# counts the days since 1900-01-01, where the engine's Date32 begins.
FIRST_DATE32 = date(1900, 1, 1)
DAYS_TO_1970 = 5 * CYCLE + (EPOCH.date() - FIRST_DATE32).days


@lru_cache(10_000)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a day; the first one that Python has if it is before the year 1.

    ``day`` can be January 1 of the year 1, where clocks ahead of UTC showed it earlier.
    """
    midnight = datetime.combine(day, time(), zone)
    try:
        start = midnight.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
    skipped = start.astimezone(zone).replace(tzinfo=None) - midnight.replace(tzinfo=None)
    # Clocks that skip midnight do so at ``start``, or earlier by less than what they skip.
    earliest = start - skipped
    seconds = range(round(skipped.total_seconds()))
    first = bisect_left(
        seconds, day, key=lambda second: _local(earliest + timedelta(seconds=second), zone).date()
    )
    return earliest + timedelta(seconds=first)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """Return the day of an instant."""
    day = _local(instant, zone).date()
    while start_of_day(day + timedelta(days=1), zone) <= instant:
        day += timedelta(days=1)  # clocks repeat an hour before midnight
    return day


def day_number(day: date) -> int:
    """Return the number of a day, as ``local_day`` counts."""
    return (day - EPOCH.date()).days + DAYS_TO_1970


def local_day(milliseconds: Expression, zone: ZoneInfo) -> ColumnElement[int]:
    """Return SQL for the number of an instant's day, given its milliseconds since 1970."""
    seconds = func.intDiv(milliseconds + DAYS_TO_1970 * DAY * 1000, 1000)
    return func.intDiv(seconds + _offset_table(zone).offset(seconds), DAY)


def month_and_day_of(number: Expression) -> ColumnElement[int]:
    """Return SQL for 100 times the month plus the day of the month, given a day's number."""
    day = func.addDays(func.toDate32(FIRST_DATE32.isoformat()), func.modulo(number, CYCLE))
    return func.modulo(func.toYYYYMMDD(day), 10_000)


@dataclass(frozen=True, slots=True)
class OffsetTable:
    """A zone's offsets from UTC, for cutting days: where midnight repeats, they change later.

    Attributes:
        starts: The seconds since -100-01-01 from which each offset applies, as a JSON list. A list
            is one value in SQL, however long it is.
        offsets: The offsets in seconds, as a JSON list.
        repeats_from: The second from which the offsets of 400 years repeat.
    """

    starts: str
    offsets: str
    repeats_from: int

    def offset(self, seconds: Expression) -> ColumnElement[int]:
        """Return SQL for the offset, given seconds since -100-01-01."""
        starts, offsets = (
            func.JSONExtract(each, "Array(Int64)") for each in (self.starts, self.offsets)
        )
        # Before the cycle, the second argument is the later one.
        within = func.modulo(seconds - self.repeats_from, CYCLE * DAY) + self.repeats_from
        listed = func.least(seconds, within)
        return func.transform(func.roundDown(listed, starts), starts, offsets, 0)


@cache
def _offset_table(zone: ZoneInfo) -> OffsetTable:
    known, origin = offsets_of(zone), DAYS_TO_1970 * DAY
    starts = [0]
    for change, before, after in zip(
        known.starts[1:], known.offsets, known.offsets[1:], strict=False
    ):
        midnight = (change - 1 + before) // DAY * DAY  # of the day that clocks showed before
        starts.append(max(change, midnight - after) + origin)
    return OffsetTable(
        json.dumps(starts, separators=(",", ":")),
        json.dumps(known.offsets, separators=(",", ":")),
        known.repeats_from + origin,
    )


def if_(condition: ColumnElement[bool], then: Any, otherwise: Any) -> ColumnElement[Any]:
    chosen: ColumnElement[Any] = getattr(func, "if")(condition, then, otherwise)
    return chosen


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return what the zone's clocks show."""
    return instant.astimezone(zone).replace(tzinfo=None)

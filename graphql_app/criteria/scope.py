"""The circumstances in which a rule is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from graphql_app.audience.tables import Expression
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.windows import Duration, DurationUnit, TimeWindow


@dataclass(frozen=True, slots=True)
class Scope:
    """One shop at one instant: the whole rule is evaluated at the same ``now`` (aware, UTC)."""

    timezone: ZoneInfo
    currency: str
    now: datetime

    @property
    def today(self) -> date:
        """The calendar day in the shop's time zone."""
        return self.now.astimezone(self.timezone).date()

    def start_of(self, day: date) -> datetime:
        """The first instant of ``day`` in the shop's time zone.

        Where clocks skip midnight the day begins at the skip; where they repeat it, at the first.
        """
        return datetime.combine(day, time(), self.timezone).astimezone(UTC)

    def end_of(self, day: date) -> datetime:
        """The first instant after ``day``."""
        return self.start_of(day + timedelta(days=1))

    def ago(self, duration: Duration) -> datetime:
        """``now`` less a duration: exact hours, or calendar months by the shop's clock."""
        if duration.unit is DurationUnit.MONTHS:
            return self._months_ago(duration.count)
        hours = {DurationUnit.HOURS: 1, DurationUnit.DAYS: 24, DurationUnit.WEEKS: 168}
        return self.now - timedelta(hours=duration.count * hours[duration.unit])

    def _months_ago(self, months: int) -> datetime:
        local = self.now.astimezone(self.timezone)
        year, month = divmod(local.year * 12 + local.month - 1 - months, 12)
        first_of_next = date(year + (month == 11), (month + 1) % 12 + 1, 1)
        last_day = (first_of_next - timedelta(days=1)).day
        return local.replace(
            year=year, month=month + 1, day=min(local.day, last_day), fold=0
        ).astimezone(UTC)

    def interval(self, window: TimeWindow) -> Interval[datetime]:
        """The instants of a time window."""
        if window.last is not None:
            return Interval(low=self.ago(window.last), low_open=True, high=self.now)
        if window.since is not None:
            return Interval(low=self.start_of(window.since))
        if window.before is not None:
            return Interval(high=self.start_of(window.before), high_open=True)
        if window.between is None:
            raise ValueError("a time window has exactly one of its four forms")
        return self.days(window.between.from_, window.between.to)

    def days(self, first: date, last: date) -> Interval[datetime]:
        """The instants from the start of the first day to the end of the last."""
        return Interval(low=self.start_of(first), high=self.end_of(last), high_open=True)

    def within(
        self, window: TimeWindow | None, column: Expression
    ) -> Sequence[ColumnElement[bool]]:
        """Conditions for ``.where(*...)``: ``column`` in the window, or none over all time."""
        return () if window is None else (self.interval(window).clause(column),)

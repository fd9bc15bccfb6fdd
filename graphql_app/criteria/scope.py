"""The shop and the instant for which a rule is evaluated and described."""

from calendar import monthrange
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement

from graphql_app.audience.phone_numbers import e164
from graphql_app.audience.tables import Expression
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.shop_days import day_of, start_of_day
from graphql_app.criteria.windows import Duration, DurationUnit, TimeWindow
from graphql_app.folding import fold

Labels = Callable[[type[object], str, str], str | None]


@dataclass(frozen=True, slots=True)
class Scope:
    """A shop at one instant; the host evaluates a whole rule with the same scope.

    Attributes:
        timezone: The shop's time zone.
        currency: The shop's currency, as its ISO 4217 code.
        now: The instant, timezone-aware, in UTC.
        first_weekday: The day on which weeks begin; 0 is Monday, as in ``date.weekday``.
        labels: The host sets it while it describes rules; use ``label``.
        country: The shop's country, as its ISO 3166-1 code, if it has one.
    """

    timezone: ZoneInfo
    currency: str
    now: datetime
    first_weekday: int = 0
    labels: Labels = field(default=lambda form, field, value: None, compare=False, repr=False)
    country: str | None = None

    def label(self, form: object, field: str, value: str) -> str:
        """Return a value as sentences show it, e.g. "Blue mug (85123A)".

        The label is the one that the criterion's ``suggest`` returns with the value. If no label is
        known, this returns the value unchanged.

        Args:
            form: The criterion, or the condition within it, that has the value.
            field: The field's name in rules.
            value: One value of the field.
        """
        label = " ".join((self.labels(type(form), field, value) or "").split())
        if not label or fold(label) == fold(value):
            return value
        return label if f"({value})" in label else f"{label} ({value})"

    def phone_number(self, phone: str) -> str | None:
        """Return a phone number in E.164, as ``Contact.phone_e164`` has it; ``None`` if not valid.

        A number without a country code, such as +1 or 001, is read as a number of the shop's
        country.
        """
        return e164(phone, self.country)

    @property
    def today(self) -> date:
        """The calendar day in the shop's time zone."""
        return day_of(self.now, self.timezone)

    def start_of(self, day: date) -> datetime:
        """Return the first instant of ``day`` in the shop's time zone.

        If clocks skip midnight, the day begins at the skip. If midnight occurs twice, it begins at
        the first.
        """
        return start_of_day(day, self.timezone)

    def end_of(self, day: date) -> datetime:
        """Return the first instant after ``day``; the last that Python has at the end of 9999."""
        if day == date.max:
            return datetime.max.replace(tzinfo=UTC)
        return self.start_of(day + timedelta(days=1))

    def ago(self, duration: Duration) -> datetime:
        """Return ``now`` minus a duration: exact hours, or calendar months in the time zone."""
        if duration.unit is not DurationUnit.MONTHS:
            return self.now - timedelta(**{duration.unit.lower(): duration.count})
        local = self.now.astimezone(self.timezone)
        year, month = divmod(local.year * 12 + local.month - 1 - duration.count, 12)
        day = min(local.day, monthrange(year, month + 1)[1])
        return local.replace(year=year, month=month + 1, day=day, fold=0).astimezone(UTC)

    def interval(self, window: TimeWindow) -> Interval[datetime]:
        """Return the instants of a time window."""
        if window.last is not None:
            return Interval(low=self.ago(window.last), low_open=True, high=self.now)
        if window.since is not None:
            return Interval(low=self.start_of(window.since))
        if window.before is not None:
            return Interval(high=self.start_of(window.before), high_open=True)
        if window.calendar is not None:
            return self.days(*window.calendar.days(self.today, self.first_weekday))
        if window.before_ago is not None:
            return Interval(high=self.ago(window.before_ago), high_open=True)
        if window.between is None:
            raise ValueError("a time window has exactly one of its forms")
        return self.days(window.between.from_, window.between.to)

    def days(self, first: date, last: date) -> Interval[datetime]:
        """Return the instants from the start of the first day to the end of the last."""
        return self.instants(Interval(low=first, high=last))

    def instants(self, days: Interval[date]) -> Interval[datetime]:
        """Return the instants of a range of days."""
        low, high = days.low, days.high
        if low is not None:
            low = self.end_of(low) if days.low_open else self.start_of(low)
        if high is not None:
            high = self.start_of(high) if days.high_open else self.end_of(high)
        return Interval(low=low, high=high, high_open=high is not None)

    def within(
        self, window: TimeWindow | None, column: Expression
    ) -> Sequence[ColumnElement[bool]]:
        """Return conditions for ``.where(*...)`` that keep ``column`` in the window.

        Return no conditions if the window is ``None``.
        """
        return () if window is None else (self.interval(window).clause(column),)

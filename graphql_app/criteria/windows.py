"""Time windows: the span of time in which facts count."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from graphql_app.criteria.field_types import DATE_PATTERN, Day
from graphql_app.criteria.fields import FieldKind, FieldType
from graphql_app.criteria.number_types import MAX_DAYS, whole_number


class DurationUnit(StrEnum):
    """A unit of a duration: a day is 24 hours, a month a calendar month in the shop's time zone."""

    HOURS = "HOURS"
    DAYS = "DAYS"
    WEEKS = "WEEKS"
    MONTHS = "MONTHS"


LONGEST: Mapping[DurationUnit, int] = {
    DurationUnit.HOURS: 24 * MAX_DAYS,
    DurationUnit.DAYS: MAX_DAYS,
    DurationUnit.WEEKS: MAX_DAYS // 7,
    DurationUnit.MONTHS: 12 * 100,
}


class CalendarUnit(StrEnum):
    """A unit of the calendar in the shop's time zone."""

    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"
    QUARTER = "QUARTER"
    YEAR = "YEAR"


MONTHS: Mapping[CalendarUnit, int] = {
    CalendarUnit.MONTH: 1,
    CalendarUnit.QUARTER: 3,
    CalendarUnit.YEAR: 12,
}


class WhichPeriod(StrEnum):
    """The current calendar period or the one before it."""

    THIS = "THIS"
    LAST = "LAST"


class WindowPart(BaseModel):
    """Base class for the parts of a time window: immutable, and without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Duration(WindowPart):
    """A length of time: up to 36,500 days of 24 hours, 5,214 weeks or 1,200 months."""

    count: Annotated[int, whole_number(1, max(LONGEST.values()))]
    unit: DurationUnit

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield a problem if the duration is too long."""
        if self.count > LONGEST[self.unit]:
            yield ("count",), f"must be from 1 to {LONGEST[self.unit]} with {self.unit}"

    def describe(self) -> str:
        """Write the duration, e.g. "30 days"."""
        unit = self.unit.lower()
        return f"{self.count:,} {unit if self.count != 1 else unit.removesuffix('s')}"


class DayRange(WindowPart):
    """Calendar days from one to another, both included."""

    from_: Day = Field(alias="from")
    to: Day


class CalendarPeriod(WindowPart):
    """A day, week, month, quarter or year of the calendar: the current one or the last."""

    which: WhichPeriod
    unit: CalendarUnit

    def days(self, today: date, first_weekday: int) -> tuple[date, date]:
        """Return the period's first and last day. Weeks begin on ``first_weekday``, 0 is Monday."""
        start, after = self._around(today, first_weekday)
        if self.which is WhichPeriod.LAST:
            start, after = self._around(start - timedelta(days=1), first_weekday)
        return start, after - timedelta(days=1)

    def _around(self, day: date, first_weekday: int) -> tuple[date, date]:
        """Return the first day of the period with a day, and the first day of the next period."""
        if self.unit is CalendarUnit.DAY:
            return day, day + timedelta(days=1)
        if self.unit is CalendarUnit.WEEK:
            start = day - timedelta(days=(day.weekday() - first_weekday) % 7)
            return start, start + timedelta(days=7)
        months = MONTHS[self.unit]
        first = day.month - 1 - (day.month - 1) % months
        years, next_month = divmod(first + months, 12)
        return date(day.year, first + 1, 1), date(day.year + years, next_month + 1, 1)

    def describe(self) -> str:
        """Write the period, e.g. "this month" or "today"."""
        if self.unit is CalendarUnit.DAY:
            return "today" if self.which is WhichPeriod.THIS else "yesterday"
        return f"{self.which.lower()} {self.unit.lower()}"


class _TimeWindow(WindowPart):
    last: Duration | None = None
    since: Day | None = None
    before: Day | None = None
    between: DayRange | None = None
    calendar: CalendarPeriod | None = None
    before_ago: Duration | None = Field(default=None, alias="beforeAgo")

    @model_validator(mode="before")
    @classmethod
    def _exactly_one(cls, value: Any) -> Any:
        if isinstance(value, dict) and (len(value) != 1 or None in value.values()):
            *names, last = _FORMS
            raise PydanticCustomError(
                "window",
                "must be exactly one of {forms}",
                {"forms": f"{', '.join(names)} or {last}"},
            )
        return value

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield a problem if the bounds are out of order or a duration is too long."""
        if self.between and self.between.to < self.between.from_:
            yield ("between", "to"), "must not be before from"
        for name, duration in (("last", self.last), ("beforeAgo", self.before_ago)):
            for path, message in () if duration is None else duration.problems():
                yield (name, *path), message

    def describe(self, day: Any) -> str:
        """Write the window, e.g. "in the last 30 days"; ``day`` formats a date."""
        if self.last:
            duration = self.last.describe().removeprefix("1 ")
            # "In the last day" could mean today.
            return f"in the last {'24 hours' if duration == 'day' else duration}"
        if self.since:
            return f"since {day(self.since)}"
        if self.between:
            return f"from {day(self.between.from_)} to {day(self.between.to)}"
        if self.calendar:
            return self.calendar.describe()
        if self.before_ago:
            return f"more than {self.before_ago.describe()} ago"
        return f"before {day(self.before)}"


TITLES = {
    "last": "In the last",
    "since": "Since",
    "before": "Before",
    "between": "Between",
    "calendar": "Calendar",
    "beforeAgo": "More than … ago",
    "count": "Count",
    "unit": "Unit",
    "from": "From",
    "to": "To",
    "which": "Which",
}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": {name: {"title": TITLES[name]} | each for name, each in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def _one_of(values: type[StrEnum]) -> dict[str, Any]:
    return {"type": "string", "enum": [value.value for value in values]}


def _longest(units: Sequence[DurationUnit]) -> dict[str, Any]:
    """Return the JSON Schema of the largest number of each unit."""
    unit, *others = units
    schema = {
        "if": {"properties": {"unit": {"const": unit.value}}},
        "then": {"properties": {"count": {"maximum": LONGEST[unit]}}},
    }
    return {**schema, "else": _longest(others)} if others else schema


_DAY = {"type": "string", "format": "date", "pattern": DATE_PATTERN}
_COUNT = {"type": "integer", "minimum": 1, "maximum": max(LONGEST.values())}
_DURATION = _object({"count": _COUNT, "unit": _one_of(DurationUnit)}) | _longest([*DurationUnit])
_FORMS = {
    "last": _DURATION,
    "since": _DAY,
    "before": _DAY,
    "between": _object({"from": _DAY, "to": _DAY}) | {"x-ordered": ["from", "to"]},
    "calendar": _object({"which": _one_of(WhichPeriod), "unit": _one_of(CalendarUnit)}),
    "beforeAgo": _DURATION,
}

TimeWindow = Annotated[
    _TimeWindow,
    FieldType(
        kind=FieldKind.TIME_WINDOW,
        json_schema={
            "oneOf": [
                {"title": TITLES[name]} | _object({name: form}) for name, form in _FORMS.items()
            ]
        },
        example={"last": {"count": 30, "unit": "DAYS"}},
    ),
]
"""A span of time: ``last`` a duration, ``since`` a day, ``before`` a day, ``between`` days, a
``calendar`` period, or ``beforeAgo`` a duration."""

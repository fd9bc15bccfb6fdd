"""Time windows: the span of time in which facts count."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from graphql_app.criteria.field_types import DATE_PATTERN, Day
from graphql_app.criteria.fields import FieldKind, FieldType
from graphql_app.criteria.number_types import whole_number

MAX_DURATION = 1_000


class DurationUnit(StrEnum):
    """A unit of a duration: a day is 24 hours, a month a calendar month in the shop's time zone."""

    HOURS = "HOURS"
    DAYS = "DAYS"
    WEEKS = "WEEKS"
    MONTHS = "MONTHS"


class WindowPart(BaseModel):
    """Base of the parts of a time window: immutable, and without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Duration(WindowPart):
    """A length of time: 1 to 1,000 of a unit."""

    count: Annotated[int, whole_number(1, MAX_DURATION)]
    unit: DurationUnit

    def describe(self) -> str:
        """Return e.g. "30 days"."""
        unit = self.unit.lower()
        return f"{self.count} {unit if self.count != 1 else unit.removesuffix('s')}"


class DayRange(WindowPart):
    """Calendar days from one to another, both included."""

    from_: Day = Field(alias="from")
    to: Day


class _TimeWindow(WindowPart):
    last: Duration | None = None
    since: Day | None = None
    before: Day | None = None
    between: DayRange | None = None

    @model_validator(mode="before")
    @classmethod
    def _exactly_one(cls, value: Any) -> Any:
        if isinstance(value, dict) and (len(value) != 1 or None in value.values()):
            raise PydanticCustomError(
                "window", "must be exactly one of last, since, before or between"
            )
        return value

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield a problem if the bounds are out of order."""
        if self.between and self.between.to < self.between.from_:
            yield ("between", "to"), "must not be before from"

    def describe(self, day: Any) -> str:
        """Return e.g. "in the last 30 days"; ``day`` formats a date."""
        if self.last:
            return f"in the last {self.last.describe().removeprefix('1 ')}"
        if self.since:
            return f"since {day(self.since)}"
        if self.between:
            return f"from {day(self.between.from_)} to {day(self.between.to)}"
        return f"before {day(self.before)}"


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_DAY = {"type": "string", "format": "date", "pattern": DATE_PATTERN}
_COUNT = {"type": "integer", "minimum": 1, "maximum": MAX_DURATION}
_UNIT = {"enum": [unit.value for unit in DurationUnit]}
_FORMS = {
    "last": _object({"count": _COUNT, "unit": _UNIT}),
    "since": _DAY,
    "before": _DAY,
    "between": _object({"from": _DAY, "to": _DAY}) | {"x-ordered": ["from", "to"]},
}

TimeWindow = Annotated[
    _TimeWindow,
    FieldType(
        kind=FieldKind.TIME_WINDOW,
        json_schema={
            "oneOf": [{"title": name} | _object({name: form}) for name, form in _FORMS.items()]
        },
        example={"last": {"count": 30, "unit": "DAYS"}},
    ),
]
"""A span of time: ``last`` a duration, ``since`` a day, ``before`` a day or ``between`` days."""

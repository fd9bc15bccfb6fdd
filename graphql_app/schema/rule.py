"""The GraphQL input of a rule, generated from the criteria of the plugins.

The input types document a rule and give it types. Values reach the domain as JSON, and
``segments.rules.parser`` alone checks them, so a mistake has the same message and path in a query,
a mutation and a stored rule.
"""

from datetime import date
from enum import Enum, StrEnum
from itertools import count
from typing import Any

import strawberry

from graphql_app.criteria import Condition, Criterion, FieldKind, FieldSpec, Form, Operator
from graphql_app.criteria.operators import Choice, OptionalSetOperator, SetOperator
from graphql_app.criteria.windows import LONGEST, CalendarUnit, WhichPeriod
from graphql_app.criteria.windows import DurationUnit as Unit
from graphql_app.plugins import Registry
from graphql_app.schema.descriptions import described_enum
from graphql_app.schema.scalars import Money, Number

DurationUnit = described_enum(
    Unit,
    {
        Unit.HOURS: "Hours.",
        Unit.DAYS: "Days of 24 hours.",
        Unit.WEEKS: "Weeks of 7 times 24 hours.",
        Unit.MONTHS: "Calendar months in the shop's time zone.",
    },
    description="The unit of a duration. A day is 24 hours; a month is a calendar month.",
)
described_enum(
    CalendarUnit,
    {
        CalendarUnit.DAY: "A day.",
        CalendarUnit.WEEK: "A week, which begins on the shop's `firstWeekday`.",
        CalendarUnit.MONTH: "A month.",
        CalendarUnit.QUARTER: "Three months from January, April, July or October.",
        CalendarUnit.YEAR: "A year.",
    },
    description="A unit of the calendar in the shop's time zone.",
)
described_enum(
    WhichPeriod,
    {WhichPeriod.THIS: "The current one.", WhichPeriod.LAST: "The one before the current one."},
    description="Which period of the calendar, as of now.",
)
_AT_MOST = ", ".join(f"{count:,} {unit.lower()}" for unit, count in LONGEST.items())


def optional_field(description: str, **options: Any) -> Any:
    """Return a field of an input type that clients may leave out."""
    return strawberry.field(default=strawberry.UNSET, description=description, **options)


@strawberry.input(description="A length of time.")
class DurationInput:
    count: int = strawberry.field(
        description=f"The number of units, at least 1. At most {_AT_MOST}."
    )
    unit: Unit = strawberry.field(description="The unit.")


@strawberry.input(description="A range of calendar days, both ends included.")
class DayRangeInput:
    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")


@strawberry.input(description="A period of the calendar, such as this month or last year.")
class CalendarPeriodInput:
    which: WhichPeriod = strawberry.field(description="The current period or the last one.")
    unit: CalendarUnit = strawberry.field(description="The length of the period.")


@strawberry.input(one_of=True, description="A time window; set exactly one field.")
class TimeWindowInput:
    last: DurationInput | None = optional_field("From this long ago until now.")
    since: date | None = optional_field("From the start of a day until now.")
    before: date | None = optional_field("Everything before the start of a day.")
    between: DayRangeInput | None = optional_field(
        "From the start of one day to the end of another."
    )
    calendar: CalendarPeriodInput | None = optional_field(
        "The current day, week, month, quarter or year, or the one before it."
    )
    before_ago: DurationInput | None = optional_field("Everything before this long ago.")


# Both are one GraphQL enum with the values of the second, so that an input keeps its type when its
# criterion gets IS_SET. The parser refuses IS_SET where a criterion lacks it.
_SHARED_ENUMS: dict[type[Enum], type[Operator]] = {SetOperator: OptionalSetOperator}
_NAMES: dict[type[Enum], str] = {
    wider: narrower.__name__ for narrower, wider in _SHARED_ENUMS.items()
}

_made = count()

TYPES: dict[FieldKind, Any] = {
    FieldKind.COUNT: int,
    FieldKind.MONEY: Money,
    FieldKind.NUMBER: Number,
    FieldKind.DATE: date,
    FieldKind.TEXT: str,
    FieldKind.CHOICE: str,
    FieldKind.TIME_WINDOW: TimeWindowInput,
    FieldKind.SEGMENT: strawberry.ID,
}


def input_type(name: str, fields: dict[str, tuple[Any, Any]], **options: Any) -> Any:
    """Create an input type from (annotation, strawberry field) pairs by Python name."""
    cls = type(name, (), {attribute: field for attribute, (_, field) in fields.items()})
    # Strawberry takes classes with the same module and qualified name for one class.
    cls.__qualname__ = f"{name}.{next(_made)}"
    cls.__annotations__ = {attribute: annotation for attribute, (annotation, _) in fields.items()}
    return strawberry.input(cls, **options)


def list_of(annotation: Any) -> Any:
    """Return the list of a type that is created at run time."""
    return list[annotation]


def input_name(form: type[Form]) -> str:
    if issubclass(form, Criterion):
        return f"{form.key[0].upper()}{form.key[1:]}CriterionInput"
    return f"{form.__name__}Input"


class RuleInputs:
    def __init__(self, registry: Registry) -> None:
        self._enums: dict[type[Enum], Any] = {}
        self._conditions: dict[type[Condition], Any] = {}
        self.rule = self._rule(registry)

    def _rule(self, registry: Registry) -> Any:
        # The class refers to itself, so it is created before its fields.
        rule: Any = type("RuleInput", (), {})
        nested = list_of(rule) | None
        groups: dict[str, tuple[str, Any, str]] = {
            "all_": ("all", nested, "All of the rules must match. An empty list matches everyone."),
            "any_": ("any", nested, "At least one of the rules must match."),
            "not_": ("not", rule | None, "The rule must not match."),
        }
        leaves = {
            f"{key}_": (key, self._form(kind) | None, kind.description())
            for key, kind in registry.criteria.items()
        }
        for attribute, (name, annotation, description) in {**groups, **leaves}.items():
            rule.__annotations__[attribute] = annotation
            setattr(rule, attribute, optional_field(description, name=name))
        description = "A rule: a group of rules, the negation of a rule, or one criterion."
        return strawberry.input(rule, one_of=True, description=description)

    def _form(self, form: type[Form]) -> Any:
        operator = self._enum(form.operators())
        fields = {
            "operator": (operator, strawberry.field(description="The comparison.")),
            **{spec.attribute: self._field(spec) for spec in form.fields()},
        }
        return input_type(input_name(form), fields, description=form.description())

    def _annotation(self, spec: FieldSpec) -> Any:
        if spec.choices is not None:
            return self._enum(spec.choices)
        if spec.condition is None:
            return TYPES[spec.type.kind]
        if spec.condition not in self._conditions:
            self._conditions[spec.condition] = self._form(spec.condition)
        return self._conditions[spec.condition]

    def _field(self, spec: FieldSpec) -> tuple[Any, Any]:
        annotation = self._annotation(spec)
        if spec.multiple:
            annotation = list_of(annotation)
        description = spec.form.description or f"{spec.form.label}."
        if spec.always_required:
            return annotation, strawberry.field(name=spec.name, description=description)
        if spec.form.used_with is not None:
            description += f" With {', '.join(spec.used_with)}."
        return annotation | None, optional_field(description, name=spec.name)

    def _enum(self, source: type[Operator] | type[Choice]) -> Any:
        source = _SHARED_ENUMS.get(source, source)
        if source not in self._enums:
            # The members of the copy are plain strings, so a rule stays the JSON that was sent.
            names = {member.name: member.value for member in source}
            name = _NAMES.get(source, source.__name__)
            made = StrEnum(name, names)  # type: ignore[misc]  # mypy cannot check computed names
            doc = (source.__doc__ or source.__name__).split("\n\n")[0]
            self._enums[source] = described_enum(
                made,
                {made[member.name]: member.label for member in source},
                description=" ".join(doc.split()),
            )
        return self._enums[source]

"""The GraphQL input of a rule, generated from the criteria that the plugins supply.

The inputs only give the rule its types; values reach the domain as the JSON document that they
are, and ``segments.rule`` is the one place that checks them. So a mistake has the same message
and path in a query, a mutation, a stored rule and a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import Enum, StrEnum
from itertools import count
from typing import Any

import strawberry
from strawberry.types.arguments import InputContext

from graphql_app.criteria import Condition, Criterion, FieldKind, FieldSpec, Form, Operator
from graphql_app.criteria.operators import Choice
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
        Unit.MONTHS: "Months of the calendar in the shop's time zone.",
    },
    description="Units of a duration; a day is 24 hours, a month one of the calendar.",
)


@strawberry.input(description="A length of time.")
class DurationInput:
    """See the description."""

    count: int = strawberry.field(description="How many, 1 to 1000.")
    unit: Unit = strawberry.field(description="Of what.")


@strawberry.input(description="Calendar days from one to another, both inside.")
class DayRangeInput:
    """See the description."""

    from_: date = strawberry.field(name="from", description="The first day.")
    to: date = strawberry.field(description="The last day.")


@strawberry.input(one_of=True, description="The span of time that is looked at: one of these.")
class TimeWindowInput:
    """See the description."""

    last: DurationInput | None = strawberry.field(
        default=strawberry.UNSET, description="So long ago, up to now."
    )
    since: date | None = strawberry.field(
        default=strawberry.UNSET, description="From the start of a day."
    )
    before: date | None = strawberry.field(
        default=strawberry.UNSET, description="Up to the start of a day."
    )
    between: DayRangeInput | None = strawberry.field(
        default=strawberry.UNSET, description="From the start of a day to the end of another."
    )


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
    """Make an input type of (annotation, strawberry field) pairs by Python name."""
    cls = type(name, (), {attribute: field for attribute, (_, field) in fields.items()})
    # Strawberry takes two classes of one module and qualified name for one, whatever their fields.
    cls.__qualname__ = f"{name}.{next(_made)}"
    cls.__annotations__ = {attribute: annotation for attribute, (annotation, _) in fields.items()}
    return _passed_through(strawberry.input(cls, **options))


def _passed_through(made: Any) -> Any:
    """Have resolvers receive an input as the JSON that the client sent, by GraphQL names.

    The domain checks the JSON, so every source of rules and facts has the same messages. It also
    saves time: 10,000 input objects take as long to create as the rest of a mutation.
    """

    def as_sent(cls: type, given: Mapping[str, Any], context: InputContext) -> Mapping[str, Any]:
        return given

    made.__strawberry_definition__.from_input = as_sent
    return made


def list_of(annotation: Any) -> Any:
    """A list of a type that is made at run time."""
    return list[annotation]


def input_name(form: type[Form]) -> str:
    """The name of a form's input type; no input of facts or segments is called so."""
    if issubclass(form, Criterion):
        return f"{form.key[0].upper()}{form.key[1:]}CriterionInput"
    return f"{form.__name__}Input"


class RuleInputs:
    """The input types of one registry's rules."""

    def __init__(self, registry: Registry) -> None:
        self._enums: dict[type[Enum], Any] = {}
        self._conditions: dict[type[Condition], Any] = {}
        self.rule = self._rule(registry)

    def _rule(self, registry: Registry) -> Any:
        # The class refers to itself, so it exists before its fields do.
        rule: Any = type("RuleInput", (), {})
        nested = list_of(rule) | None
        groups: dict[str, tuple[str, Any, str]] = {
            "all_": ("all", nested, "Every one of the rules; everyone when the list is empty."),
            "any_": ("any", nested, "At least one of the rules."),
            "not_": ("not", rule | None, "Everyone whom the rule does not match."),
        }
        leaves = {
            f"{key}_": (key, self._form(kind) | None, kind.description())
            for key, kind in registry.criteria.items()
        }
        for attribute, (name, annotation, description) in {**groups, **leaves}.items():
            rule.__annotations__[attribute] = annotation
            field = strawberry.field(name=name, default=strawberry.UNSET, description=description)
            setattr(rule, attribute, field)
        made = strawberry.input(
            rule,
            one_of=True,
            description="Whom a segment holds: a group of rules, a complement, or one criterion.",
        )
        return _passed_through(made)

    def _form(self, form: type[Form]) -> Any:
        operator = self._enum(form.operators())
        fields = {
            "operator": (operator, strawberry.field(description="How to compare.")),
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
        field = strawberry.field(name=spec.name, default=strawberry.UNSET, description=description)
        return annotation | None, field

    def _enum(self, source: type[Operator] | type[Choice]) -> Any:
        """A GraphQL enum with a description for every value."""
        if source not in self._enums:
            # The members of the copy are plain strings, so a rule stays the JSON that was sent.
            names = {member.name: member.value for member in source}
            made = StrEnum(source.__name__, names)  # type: ignore[misc]  # mypy wants literals
            doc = (source.__doc__ or source.__name__).split("\n\n")[0]
            self._enums[source] = described_enum(
                made,
                {made[member.name]: member.label for member in source},
                description=" ".join(doc.split()),
            )
        return self._enums[source]

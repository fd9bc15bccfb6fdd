"""Metadata: enough to build the whole form with no knowledge of any criterion."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from graphql_app import criteria as contract
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.criteria import FieldKind, Group
from graphql_app.criteria.field_types import MAX_VALUES
from graphql_app.plugins import Registry
from graphql_app.schema.descriptions import described_enum
from graphql_app.schema.pagination import searched
from graphql_app.schema.permissions import RequestInfo, guarded
from graphql_app.schema.rule import input_name
from graphql_app.schema.scalars import JSON
from graphql_app.segments.suggestions import MAX_SUGGESTIONS

CriterionGroup = described_enum(
    Group,
    {
        Group.PURCHASES: "What contacts ordered and paid.",
        Group.MESSAGING: "What contacts were sent and texted in, and their consent.",
        Group.PROFILE: "Who and where contacts are.",
        Group.OTHER: "Anything else.",
    },
    name="CriterionGroup",
    description="Where a form lists a criterion.",
)
CriterionFieldKind = described_enum(
    FieldKind,
    {
        FieldKind.COUNT: "A whole number.",
        FieldKind.MONEY: "An amount in the shop's currency, as a decimal string.",
        FieldKind.NUMBER: "A number, as a decimal string.",
        FieldKind.DATE: "A day, as YYYY-MM-DD.",
        FieldKind.TEXT: "Any text.",
        FieldKind.CHOICE: "One of the field's options.",
        FieldKind.TIME_WINDOW: "A span of time, as a TimeWindowInput.",
        FieldKind.SEGMENT: "A saved segment, by its id.",
        FieldKind.CONDITION: "A small form of its own: see the field's condition.",
    },
    name="CriterionFieldKind",
    description="The input that a form shows.",
)


@strawberry.type(description="Where a criterion comes from.")
class Plugin:
    """See the description."""

    name: str = strawberry.field(description="The distribution, as pip knows it.")
    version: str = strawberry.field(description="Its version.")


@strawberry.type(description="A value that a field may take.")
class FieldOption:
    """See the description."""

    value: str = strawberry.field(description="What goes into the rule.")
    label: str = strawberry.field(description="What people see.")
    operators: list[str] | None = strawberry.field(
        description="The operators that suit the value; null when all do."
    )


@strawberry.type(description="One way to compare.")
class CriterionOperator:
    """See the description."""

    name: str = strawberry.field(description="What goes into the rule.")
    label: str = strawberry.field(description="The words between the criterion and its value.")
    negated: bool = strawberry.field(
        description="Whether it matches exactly those that another operator does not."
    )
    fields: list[str] = strawberry.field(
        description="The names of the fields it goes with, required or not."
    )


@strawberry.type(description="An input of a criterion's form.")
class CriterionField:
    """See the description."""

    name: str = strawberry.field(description="Its name in the rule.")
    label: str = strawberry.field(description="What people see beside the input.")
    description: str | None = strawberry.field(description="A sentence of help.")
    kind: FieldKind = strawberry.field(description="The kind of input.")
    required: bool = strawberry.field(
        description="Whether it must be given with the operators that it is used with."
    )
    multiple: bool = strawberry.field(description="Whether it takes a list of values.")
    max_items: int | None = strawberry.field(
        description="How many values such a list has at most; at least one."
    )
    default: JSON | None = strawberry.field(description="What leaving it out means, if anything.")
    minimum: str | None = strawberry.field(description="The smallest value, as it is written.")
    maximum: str | None = strawberry.field(description="The largest value, as it is written.")
    step: str | None = strawberry.field(description="The distance of values that a form offers.")
    not_below: str | None = strawberry.field(
        description="The name of the field whose value must not be greater, where both are given."
    )
    pattern: str | None = strawberry.field(description="A regular expression of valid text.")
    unit: str | None = strawberry.field(description="What a number counts.")
    placeholder: str | None = strawberry.field(description="An example for the empty input.")
    options: list[FieldOption] | None = strawberry.field(
        description="All values there are; null where any that fits goes."
    )
    suggests: bool = strawberry.field(description="Whether fieldSuggestions has values for it.")
    used_with: list[str] = strawberry.field(
        description="The operators it goes with; with any other it must be left out."
    )
    condition: ConditionForm | None = strawberry.field(
        description="The form of each item of a list of conditions; null for any other field."
    )


@strawberry.type(description="A form within a criterion's form: an operator and fields.")
class ConditionForm:
    """See the description."""

    description: str = strawberry.field(description="What it asks.")
    input_type: str = strawberry.field(description="The name of its GraphQL input type.")
    operators: list[CriterionOperator] = strawberry.field(description="The ways to compare.")
    fields: list[CriterionField] = strawberry.field(description="The inputs, in order.")


@strawberry.type(description="Something to pick contacts by.")
class CriterionType:
    """See the description."""

    key: str = strawberry.field(description="Its key in a rule, and the field of RuleInput.")
    label: str = strawberry.field(description="Its name for people.")
    description: str = strawberry.field(description="What it asks.")
    group: Group = strawberry.field(description="Where a form lists it.")
    plugin: Plugin = strawberry.field(description="Where it comes from.")
    input_type: str = strawberry.field(description="The name of its GraphQL input type.")
    operators: list[CriterionOperator] = strawberry.field(description="The ways to compare.")
    fields: list[CriterionField] = strawberry.field(description="The inputs of its form, in order.")
    json_schema: JSON = strawberry.field(
        description="JSON Schema (2020-12) of its fields; x-ordered names bounds to keep in order."
    )
    ui_schema: JSON = strawberry.field(description="Hints for JSON Schema form libraries.")
    example: JSON = strawberry.field(description="A valid rule with this criterion.")


def _fields(form: type[contract.Form]) -> list[CriterionField]:
    names = {spec.attribute: spec.name for spec in form.fields()}
    return [_field(spec, names.get(spec.form.not_below or "")) for spec in form.fields()]


def _field(spec: contract.FieldSpec, not_below: str | None) -> CriterionField:
    kind, form = spec.type, spec.form
    return CriterionField(
        name=spec.name,
        label=form.label,
        description=form.description,
        kind=kind.kind,
        required=spec.required,
        multiple=spec.multiple,
        max_items=spec.most,
        default=None,
        minimum=kind.minimum,
        maximum=kind.maximum,
        step=kind.step,
        not_below=not_below,
        pattern=kind.pattern,
        unit=kind.unit,
        placeholder=form.placeholder,
        options=[_option(option) for option in kind.options] or None,
        suggests=form.suggests,
        used_with=[operator.value for operator in spec.used_with],
        condition=None if spec.condition is None else _condition(spec.condition),
    )


def _option(option: contract.Option) -> FieldOption:
    suited = None if option.operators is None else list(option.operators)
    return FieldOption(value=option.value, label=option.label, operators=suited)


def _operators(form: type[contract.Form]) -> list[CriterionOperator]:
    return [
        CriterionOperator(
            name=operator.value,
            label=operator.label,
            negated=operator.negated,
            fields=[spec.name for spec in form.fields() if operator in spec.used_with],
        )
        for operator in form.operators()
    ]


def _condition(condition: type[contract.Condition]) -> ConditionForm:
    return ConditionForm(
        description=condition.description(),
        input_type=input_name(condition),
        operators=_operators(condition),
        fields=_fields(condition),
    )


def _type(
    criterion: type[contract.Criterion], registry: Registry, segment: str | None
) -> CriterionType:
    """A criterion's metadata; in its example a saved segment of the shop, if there is one."""
    example = contract.example(criterion)
    for spec in criterion.fields():
        if spec.type.kind is FieldKind.SEGMENT and segment is not None:
            example[criterion.key][spec.name] = segment
    source = registry.sources[criterion.key]
    return CriterionType(
        key=criterion.key,
        label=criterion.label,
        description=criterion.description(),
        group=criterion.group,
        plugin=Plugin(name=source.distribution, version=source.version),
        input_type=input_name(criterion),
        operators=_operators(criterion),
        fields=_fields(criterion),
        json_schema=JSON(contract.json_schema(criterion)),
        ui_schema=JSON(contract.ui_schema(criterion)),
        example=JSON(example),
    )


async def _criteria(
    info: RequestInfo,
    search: Annotated[
        str | None, strawberry.argument(description="Words in the label, description or key.")
    ] = None,
) -> list[CriterionType]:
    registry = info.context.services.registry
    wanted = (search or "").casefold().split()
    found = (
        criterion
        for key, criterion in registry.criteria.items()
        if all(
            word in f"{key} {criterion.label} {criterion.description()}".casefold()
            for word in wanted
        )
    )
    segment = await _a_segment(info)
    return [_type(criterion, registry, segment) for criterion in found]


async def _a_segment(info: RequestInfo) -> str | None:
    """The id of a saved segment of the shop."""
    found = await info.context.run(info.context.saved.options, "", 1)
    return found[0].value if found else None


async def _criterion(
    info: RequestInfo,
    key: Annotated[str, strawberry.argument(description="Its key in a rule.")],
) -> CriterionType | None:
    registry = info.context.services.registry
    found = registry.criteria.get(key)
    return None if found is None else _type(found, registry, await _a_segment(info))


CriterionKey = Annotated[str, strawberry.argument(description="The criterion's key.")]
FieldName = Annotated[
    str,
    strawberry.argument(
        description="The field's name; a condition's after that of its list and a point."
    ),
]
Given = Annotated[
    JSON | None,
    strawberry.argument(
        description="The criterion's other fields as far as they are filled in, an object by "
        "their names; those of a condition after that of their list and a point."
    ),
]


async def _field_suggestions(
    info: RequestInfo,
    criterion: CriterionKey,
    field: FieldName,
    search: Annotated[
        str, strawberry.argument(description="What was typed so far; part of a value or label.")
    ] = "",
    first: Annotated[
        int, strawberry.argument(description=f"How many at most, 1 to {MAX_SUGGESTIONS}.")
    ] = 20,
    given: Given = None,
) -> list[FieldOption]:
    context = info.context
    other_fields: dict[str, Any] = given if isinstance(given, dict) else {}
    found = await context.engine.suggest(
        criterion, field, searched(search), first, other_fields, context.saved.options
    )
    return [_option(option) for option in found]


@strawberry.type(description="What people see for a value.")
class FieldLabel:
    """See the description."""

    value: str = strawberry.field(description="The value in a rule.")
    label: str | None = strawberry.field(
        description="What people see; null for a value that nothing names."
    )


async def _field_labels(
    info: RequestInfo,
    criterion: CriterionKey,
    field: FieldName,
    values: Annotated[
        list[str],
        strawberry.argument(description=f"Values of the field, at most {MAX_VALUES}."),
    ],
    given: Given = None,
) -> list[FieldLabel]:
    context = info.context
    other_fields: dict[str, Any] = given if isinstance(given, dict) else {}
    found = await context.engine.labels(criterion, field, values, other_fields, context.saved.names)
    return [FieldLabel(value=value, label=found.get(value)) for value in values]


@strawberry.type
class CriterionQuery:
    """The queries of metadata."""

    criteria: list[CriterionType] = guarded(
        TokenScope.SEGMENTS_READ,
        resolver=_criteria,
        description="Everything there is to pick contacts by, by key.",
    )
    criterion: CriterionType | None = guarded(
        TokenScope.SEGMENTS_READ, resolver=_criterion, description="One criterion by its key."
    )
    field_suggestions: list[FieldOption] = guarded(
        TokenScope.SEGMENTS_READ,
        TokenScope.CONTACTS_READ,
        resolver=_field_suggestions,
        description="Values to offer for a field, from the shop's own facts where it `suggests`, "
        f"else from its options; the best first, at most {MAX_SUGGESTIONS}.",
    )
    field_labels: list[FieldLabel] = guarded(
        TokenScope.SEGMENTS_READ,
        TokenScope.CONTACTS_READ,
        resolver=_field_labels,
        description="What people see for values of a field that a rule has, such as the titles of "
        "products and the names of segments; in the order of the values.",
    )

"""Metadata of criteria, from which a client can build the form of any criterion.

This module is long because a form has many fields, each with its description in
the schema.
"""

from __future__ import annotations

from typing import Annotated, Any

import strawberry
from strawberry import field

from graphql_app import criteria as contract
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.criteria import FieldKind, Group
from graphql_app.criteria.field_types import MAX_VALUES
from graphql_app.folding import fold
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
        Group.PURCHASES: "Orders and payments.",
        Group.MESSAGING: "Texts sent and received, and consent.",
        Group.PROFILE: "Who contacts are, and where.",
        Group.OTHER: "Everything else.",
    },
    name="CriterionGroup",
    description="The section of a form that lists a criterion.",
)
CriterionFieldKind = described_enum(
    FieldKind,
    {
        FieldKind.COUNT: "A whole number.",
        FieldKind.MONEY: "An amount in the shop's currency, as a decimal string.",
        FieldKind.NUMBER: "A number, as a decimal string.",
        FieldKind.DATE: "A calendar day, as YYYY-MM-DD.",
        FieldKind.TEXT: "Any text.",
        FieldKind.CHOICE: "One of the field's options.",
        FieldKind.TIME_WINDOW: "A time window, as a TimeWindowInput.",
        FieldKind.SEGMENT: "A saved segment, by its global id.",
        FieldKind.CONDITION: "A nested form; see the field's condition.",
    },
    name="CriterionFieldKind",
    description="The kind of input that a form shows.",
)


@strawberry.type(description="The package that supplies a criterion.")
class Plugin:
    name: str = field(description="The distribution's name in pip.")
    version: str = field(description="Its version.")


@strawberry.type(description="A possible value of a field.")
class FieldOption:
    value: str = field(description="The value in a rule.")
    label: str = field(description="The label to display.")
    operators: list[str] | None = field(
        description="The operators that make sense with the value; null for all."
    )


@strawberry.type(description="A comparison operator.")
class CriterionOperator:
    name: str = field(description="The value in a rule.")
    label: str = field(description="The words between the criterion and its value.")
    negated: bool = field(description="Whether it is the complement of another operator.")
    fields: list[str] = field(description="The names of the fields that it uses, required or not.")


@strawberry.type(description="A field of a criterion's form.")
class CriterionField:
    name: str = field(description="Its name in a rule.")
    label: str = field(description="The label to display.")
    description: str | None = field(description="Help text.")
    kind: FieldKind = field(description="The kind of input.")
    required: bool = field(description="Whether the operators that use the field require it.")
    multiple: bool = field(description="Whether it takes a list of values.")
    max_items: int | None = field(
        description="The maximum length of the list, which has at least one value."
    )
    default: JSON | None = field(description="The value that leaving it out stands for, if any.")
    minimum: str | None = field(description="The smallest value, as in a rule.")
    maximum: str | None = field(description="The largest value, as in a rule.")
    step: str | None = field(description="The step of a number input.")
    not_below: str | None = field(
        description="The name of the field whose value must not exceed this one's."
    )
    pattern: str | None = field(description="A regular expression that valid text matches.")
    unit: str | None = field(description="The unit of a number.")
    placeholder: str | None = field(description="Placeholder of the empty input.")
    options: list[FieldOption] | None = field(
        description="All possible values; null if the list is not fixed."
    )
    suggests: bool = field(description="Whether `fieldSuggestions` returns values for it.")
    used_with: list[str] = field(
        description="The operators that use the field; with any other, leave it out."
    )
    condition: ConditionForm | None = field(
        description="The form of each item in a list of conditions; null for other fields."
    )


@strawberry.type(description="A form within a criterion's form: an operator and fields.")
class ConditionForm:
    description: str = field(description="What it means.")
    input_type: str = field(description="The name of its GraphQL input type.")
    operators: list[CriterionOperator] = field(description="The operators, in order.")
    fields: list[CriterionField] = field(description="The fields, in order.")


@strawberry.type(description="A criterion for picking contacts.")
class CriterionType:
    key: str = field(description="Its key in a rule, which is also its field of RuleInput.")
    label: str = field(description="The label to display.")
    description: str = field(description="What it means.")
    group: Group = field(description="The section of a form that lists it.")
    plugin: Plugin = field(description="The package that supplies it.")
    input_type: str = field(description="The name of its GraphQL input type.")
    operators: list[CriterionOperator] = field(description="The operators, in order.")
    fields: list[CriterionField] = field(description="The fields of its form, in order.")
    json_schema: JSON = field(
        description="JSON Schema (2020-12) of its fields; `x-ordered` names two ordered bounds."
    )
    ui_schema: JSON = field(description="Hints for react-jsonschema-form: its `uiSchema`.")
    json_forms_ui_schema: JSON = field(description="The layout for JSON Forms: its `uischema`.")
    example: JSON = field(description="A valid rule with this criterion.")


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
    operators = None if option.operators is None else list(option.operators)
    return FieldOption(value=option.value, label=option.label, operators=operators)


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
    """Return a criterion's metadata, with a saved segment of the shop in its example."""
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
        json_forms_ui_schema=JSON(contract.json_forms_ui_schema(criterion)),
        example=JSON(example),
    )


async def _criteria(
    info: RequestInfo,
    search: Annotated[
        str | None, strawberry.argument(description="Words of the label, description or key.")
    ] = None,
) -> list[CriterionType]:
    registry = info.context.registry
    words = fold(search or "").split()
    segment = await _example_segment(info)
    return [
        _type(criterion, registry, segment)
        for key, criterion in registry.criteria.items()
        for text in [fold(f"{key} {criterion.label} {criterion.description()}")]
        if all(word in text for word in words)
    ]


async def _example_segment(info: RequestInfo) -> str | None:
    """Return the global id of some saved segment of the shop."""
    found = await info.context.run_without_rules(info.context.saved.options, "", 1)
    return found[0].value if found else None


CriterionKey = Annotated[str, strawberry.argument(description="The criterion's key.")]
FieldName = Annotated[
    str,
    strawberry.argument(description="The field's name; for a field of a condition, `list.field`."),
]
Given = Annotated[
    JSON | None,
    strawberry.argument(
        description="The values of the criterion's other fields so far: an object by field name, "
        "with `list.field` for fields of a condition."
    ),
]


async def _criterion(info: RequestInfo, key: CriterionKey) -> CriterionType | None:
    registry = info.context.registry
    found = registry.criteria.get(key)
    return None if found is None else _type(found, registry, await _example_segment(info))


async def _field_suggestions(
    info: RequestInfo,
    criterion: CriterionKey,
    field: FieldName,
    search: Annotated[
        str, strawberry.argument(description="What the user has typed: part of a value or label.")
    ] = "",
    first: Annotated[
        int, strawberry.argument(description=f"Return at most n values, 1 to {MAX_SUGGESTIONS}.")
    ] = 20,
    given: Given = None,
) -> list[FieldOption]:
    context = info.context
    other_fields: dict[str, Any] = given if isinstance(given, dict) else {}
    found = await context.engine.suggest(criterion, field, searched(search), first, other_fields)
    return [_option(option) for option in found]


@strawberry.type(description="The label of a value.")
class FieldLabel:
    value: str = field(description="The value in a rule.")
    label: str | None = field(description="The label to display; null if the value has none.")


async def _field_labels(
    info: RequestInfo,
    criterion: CriterionKey,
    field: FieldName,
    values: Annotated[
        list[str], strawberry.argument(description=f"Values of the field, at most {MAX_VALUES}.")
    ],
    given: Given = None,
) -> list[FieldLabel]:
    context = info.context
    other_fields: dict[str, Any] = given if isinstance(given, dict) else {}
    found = await context.engine.labels(criterion, field, values, other_fields)
    return [FieldLabel(value=value, label=found.get(value)) for value in values]


@strawberry.type
class CriterionQuery:
    criteria: list[CriterionType] = guarded(
        TokenScope.SEGMENTS_READ, resolver=_criteria, description="All criteria, by key."
    )
    criterion: CriterionType | None = guarded(
        TokenScope.SEGMENTS_READ, resolver=_criterion, description="One criterion by its key."
    )
    field_suggestions: list[FieldOption] = guarded(
        TokenScope.SEGMENTS_READ,
        TokenScope.CONTACTS_READ,
        resolver=_field_suggestions,
        description="Values to offer for a field, the best first: from the shop's own facts if the "
        f"field `suggests`, otherwise from its options. At most {MAX_SUGGESTIONS}.",
    )
    field_labels: list[FieldLabel] = guarded(
        TokenScope.SEGMENTS_READ,
        TokenScope.CONTACTS_READ,
        resolver=_field_labels,
        description="The labels of values of a field, such as product titles and segment names, in "
        "the order of the values.",
    )

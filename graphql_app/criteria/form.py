"""A form's fields as data, read off its annotations."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, replace
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, TypeGuard, get_args, get_origin, get_type_hints

from annotated_types import Len
from pydantic import BaseModel, TypeAdapter

from graphql_app.criteria.fields import FieldKind, FieldType, FormField, Option
from graphql_app.criteria.operators import Choice, Operator

if TYPE_CHECKING:
    from graphql_app.criteria.base import Condition, Criterion, Form


@dataclass(frozen=True, slots=True, eq=False)
class FieldSpec:
    """One field of a form.

    ``attribute`` is the Python name, ``name`` the one in rules and GraphQL. ``required`` says
    whether a rule must have it when its operator is among ``used_with``; ``most`` is how many
    values a list takes, ``None`` where it is no list. ``choices`` is the enum of a choice that has
    one, ``condition`` the form of the rows of a list of conditions.
    """

    attribute: str
    name: str
    type: FieldType
    form: FormField
    most: int | None
    required: bool
    choices: builtins.type[Choice] | None
    condition: builtins.type[Condition] | None
    used_with: tuple[Operator, ...]
    adapter: TypeAdapter[Any]

    @property
    def multiple(self) -> bool:
        """Whether it takes a list of values."""
        return self.most is not None

    @property
    def always_required(self) -> bool:
        """Whether a rule must have it whatever its operator."""
        return self.required and self.form.used_with is None

    @property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the field's value."""
        schema = dict(self.type.json_schema)
        if self.most is not None:
            schema = {
                "type": "array",
                "items": schema,
                "minItems": 1,
                "maxItems": self.most,
            }
        return {"title": self.form.label, **schema}

    @property
    def example(self) -> Any:
        """A valid value; of text, what the form shows in the empty input."""
        example = self.type.example
        if self.type.kind is FieldKind.TEXT and self.form.placeholder is not None:
            example = self.form.placeholder
        return [example] if self.multiple else example


@dataclass(frozen=True, slots=True)
class _Hint:
    """What an annotation says."""

    type: FieldType
    most: int | None = None
    optional: bool = False
    choices: builtins.type[Choice] | None = None
    condition: builtins.type[Condition] | None = None


@cache
def field_specs(form: type[Form]) -> tuple[FieldSpec, ...]:
    """The fields of a form but ``operator``.

    Raises:
        TypeError: A field is not made with ``form_field`` or not of a field type.
    """
    hints = get_type_hints(form, include_extras=True)
    specs = []
    for attribute, info in form.model_fields.items():
        if attribute == "operator":
            continue
        where = f"{form.__name__}.{attribute}"
        declared = next((item for item in info.metadata if isinstance(item, FormField)), None)
        if declared is None:
            raise TypeError(f"{where} must be declared with form_field(...)")
        hint = _read(hints[attribute], where)
        if declared.not_below is not None and declared.not_below not in form.model_fields:
            raise TypeError(f"{where} names {declared.not_below!r}, which is no field")
        if (declared.used_with is not None or declared.optional) and not hint.optional:
            raise TypeError(f"{where} can be absent, so its type must be ... | None")
        specs.append(
            FieldSpec(
                attribute=attribute,
                name=info.alias or attribute,
                type=hint.type,
                form=declared,
                most=hint.most,
                required=not declared.optional,
                choices=hint.choices,
                condition=hint.condition,
                used_with=tuple(form.operators())
                if declared.used_with is None
                else declared.used_with,
                adapter=TypeAdapter(hints[attribute]),
            )
        )
    return tuple(specs)


def _read(hint: Any, where: str) -> _Hint:
    members = [member for member in get_args(hint) if member is not NoneType]
    if get_origin(hint) is not Annotated and NoneType in get_args(hint) and len(members) == 1:
        return replace(_read(members[0], where), optional=True)
    if isinstance(hint, type) and issubclass(hint, Choice):
        return _Hint(_choice(hint), choices=hint)
    if _is_condition(hint):
        return _Hint(_condition(hint), condition=hint)
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        for item in metadata:
            if isinstance(item, FieldType):
                return _Hint(item)
        most = next((item.max_length for item in metadata if isinstance(item, Len)), None)
        if get_origin(inner) is list and most is not None:
            return replace(_read(get_args(inner)[0], where), most=most)
    raise TypeError(f"{where} must be of a field type of graphql_app.criteria")


def _is_condition(hint: Any) -> TypeGuard[type[Condition]]:
    """Whether it is a form of its own, by what every form has."""
    return (
        isinstance(hint, type) and issubclass(hint, BaseModel) and "operator" in hint.model_fields
    )


@cache
def _choice(choices: type[Choice]) -> FieldType:
    values = [choice.value for choice in choices]
    return FieldType(
        kind=FieldKind.CHOICE,
        json_schema={"enum": values},
        example=values[0],
        options=tuple(Option(choice.value, choice.label) for choice in choices),
    )


@cache
def _condition(condition: type[Condition]) -> FieldType:
    return FieldType(
        kind=FieldKind.CONDITION,
        json_schema=_form_schema(condition, {"description": condition.description()}),
        example=_example_values(condition),
    )


def json_schema(criterion: type[Criterion]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a criterion's fields, operator included.

    It accepts what the API accepts, but for two things that JSON Schema cannot say: that the second
    of two bounds is not below the first (objects name such pairs in ``x-ordered``), and that the
    segment of an id is there.
    """
    head = {"title": criterion.label, "description": criterion.description()}
    return _form_schema(criterion, head)


def _form_schema(form: type[Form], head: dict[str, Any]) -> dict[str, Any]:
    groups: dict[tuple[str, ...], list[Operator]] = {}
    for operator in form.operators():
        names = tuple(spec.name for spec in form.fields() if operator in spec.used_with)
        groups.setdefault(names, []).append(operator)
    branches = [
        _branch(operators, [spec for spec in form.fields() if spec.name in names])
        for names, operators in groups.items()
    ]
    return {**branches[0], **head} if len(branches) == 1 else {**head, "oneOf": branches}


def _branch(operators: list[Operator], specs: list[FieldSpec]) -> dict[str, Any]:
    """The schema of some operators, which all use the same fields."""
    choices = [{"const": operator.value, "title": operator.label} for operator in operators]
    branch = {
        "title": ", ".join(operator.label for operator in operators),
        "type": "object",
        "properties": {
            "operator": {"title": "Operator", "oneOf": choices},
            **{spec.name: spec.json_schema for spec in specs},
        },
        "required": ["operator", *(spec.name for spec in specs if spec.required)],
        "additionalProperties": False,
    }
    names = {spec.attribute: spec.name for spec in specs}
    ordered = [
        [names[spec.form.not_below], spec.name] for spec in specs if spec.form.not_below in names
    ]
    return {**branch, "x-ordered": ordered[0]} if ordered else branch


WIDGETS = {
    FieldKind.COUNT: "updown",
    FieldKind.DATE: "date",
    FieldKind.CHOICE: "select",
}


def ui_schema(criterion: type[Criterion]) -> dict[str, Any]:
    """Hints for JSON Schema form libraries: the order of fields, widgets and placeholders."""
    hints: dict[str, Any] = {"ui:order": ["operator", *(spec.name for spec in criterion.fields())]}
    for spec in criterion.fields():
        options = {
            "ui:widget": WIDGETS.get(spec.type.kind) if not spec.multiple else None,
            "ui:placeholder": spec.form.placeholder,
            "ui:help": spec.form.description,
        }
        hints[spec.name] = {name: value for name, value in options.items() if value is not None}
    return hints


def example(criterion: type[Criterion]) -> dict[str, Any]:
    """A valid rule with the criterion, of its first operator."""
    return {criterion.key: _example_values(criterion)}


def _example_values(form: type[Form]) -> dict[str, Any]:
    operator = next(iter(form.operators()))
    values = {
        spec.name: spec.example
        for spec in form.fields()
        if spec.required and operator in spec.used_with
    }
    return {"operator": operator.value, **values}

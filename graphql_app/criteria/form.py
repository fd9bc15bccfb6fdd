"""A criterion's fields as data, read off its annotations."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from graphql_app.criteria.field_types import MAX_VALUES
from graphql_app.criteria.fields import FieldKind, FieldType, FormField, Option
from graphql_app.criteria.operators import Choice, Operator

if TYPE_CHECKING:
    from graphql_app.criteria.base import Criterion


@dataclass(frozen=True, slots=True, eq=False)
class FieldSpec:
    """One field of a criterion's form.

    ``attribute`` is the Python name, ``name`` the one in rules and GraphQL. ``required`` says
    whether a rule must have it when its operator is among ``used_with``.
    """

    attribute: str
    name: str
    type: FieldType
    form: FormField
    multiple: bool
    required: bool
    choices: builtins.type[Choice] | None
    used_with: tuple[Operator, ...]

    @property
    def always_required(self) -> bool:
        """Whether a rule must have it whatever its operator."""
        return self.required and self.form.used_with is None

    @property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the field's value."""
        schema = dict(self.type.json_schema)
        if self.multiple:
            schema = {
                "type": "array",
                "items": schema,
                "minItems": 1,
                "maxItems": MAX_VALUES,
            }
        return {"title": self.form.label, **schema}

    @property
    def example(self) -> Any:
        """A valid value."""
        return [self.type.example] if self.multiple else self.type.example


@cache
def field_specs(criterion: type[Criterion]) -> tuple[FieldSpec, ...]:
    """The fields of a criterion but ``operator``.

    Raises:
        TypeError: A field is not made with ``form_field`` or not of a field type.
    """
    hints = get_type_hints(criterion, include_extras=True)
    specs = []
    for attribute, info in criterion.model_fields.items():
        if attribute == "operator":
            continue
        where = f"{criterion.__name__}.{attribute}"
        form = next((item for item in info.metadata if isinstance(item, FormField)), None)
        if form is None:
            raise TypeError(f"{where} must be declared with form_field(...)")
        kind, multiple, optional, choices = _unwrap(hints[attribute], where)
        if form.not_below is not None and form.not_below not in criterion.model_fields:
            raise TypeError(f"{where} names {form.not_below!r}, which is no field")
        if (form.used_with is not None or form.optional) and not optional:
            raise TypeError(f"{where} can be absent, so its type must be ... | None")
        specs.append(
            FieldSpec(
                attribute=attribute,
                name=info.alias or attribute,
                type=kind,
                form=form,
                multiple=multiple,
                required=not form.optional,
                choices=choices,
                used_with=tuple(criterion.operators())
                if form.used_with is None
                else form.used_with,
            )
        )
    return tuple(specs)


def _unwrap(hint: Any, where: str) -> tuple[FieldType, bool, bool, type[Choice] | None]:
    """The field type within a hint; whether it is a list; whether it may be None; its enum."""
    members = [member for member in get_args(hint) if member is not NoneType]
    if get_origin(hint) is not Annotated and NoneType in get_args(hint) and len(members) == 1:
        kind, multiple, _, choices = _unwrap(members[0], where)
        return kind, multiple, True, choices
    if isinstance(hint, type) and issubclass(hint, Choice):
        return _choice(hint), False, False, hint
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        for item in metadata:
            if isinstance(item, FieldType):
                return item, False, False, None
        if get_origin(inner) is list:
            kind, _, _, choices = _unwrap(get_args(inner)[0], where)
            return kind, True, False, choices
    raise TypeError(f"{where} must be of a field type of graphql_app.criteria")


@cache
def _choice(choices: type[Choice]) -> FieldType:
    values = [choice.value for choice in choices]
    return FieldType(
        kind=FieldKind.CHOICE,
        json_schema={"enum": values},
        example=values[0],
        options=tuple(Option(choice.value, choice.label) for choice in choices),
    )


def json_schema(criterion: type[Criterion]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a criterion's fields, operator included.

    It accepts what the API accepts, but for one thing that JSON Schema cannot say: that the second
    of two bounds is not below the first. Objects name such pairs in ``x-ordered``.
    """
    groups: dict[tuple[str, ...], list[Operator]] = {}
    for operator in criterion.operators():
        names = tuple(spec.name for spec in field_specs(criterion) if operator in spec.used_with)
        groups.setdefault(names, []).append(operator)
    branches = [
        _branch(operators, [spec for spec in field_specs(criterion) if spec.name in names])
        for names, operators in groups.items()
    ]
    head = {"title": criterion.label, "description": criterion.description()}
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
    hints: dict[str, Any] = {
        "ui:order": ["operator", *(spec.name for spec in field_specs(criterion))]
    }
    for spec in field_specs(criterion):
        options = {
            "ui:widget": WIDGETS.get(spec.type.kind) if not spec.multiple else None,
            "ui:placeholder": spec.form.placeholder,
            "ui:help": spec.form.description,
        }
        hints[spec.name] = {name: value for name, value in options.items() if value is not None}
    return hints


def example(criterion: type[Criterion]) -> dict[str, Any]:
    """A valid rule with the criterion, of its first operator."""
    operator = next(iter(criterion.operators()))
    values = {
        spec.name: spec.example
        for spec in field_specs(criterion)
        if spec.required and operator in spec.used_with
    }
    return {criterion.key: {"operator": operator.value, **values}}

"""Forms: an operator and fields, declared as annotations."""

from __future__ import annotations

import builtins
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from types import NoneType
from typing import Annotated, Any, TypeGuard, get_args, get_origin, get_type_hints

from annotated_types import Len
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from graphql_app.criteria.fields import FieldKind, FieldType, FormField, Option
from graphql_app.criteria.operators import Choice, Operator
from graphql_app.criteria.scope import Scope


@dataclass(frozen=True, slots=True, eq=False)
class FieldSpec:
    """One field of a form.

    Attributes:
        attribute: The Python name.
        name: The name in rules and GraphQL.
        most: The maximum number of values of a list; ``None`` for a single value.
        required: Whether the field must be present with the operators in ``used_with``.
        choices: The enum of a choice.
        condition: The form of the rows of a list of conditions.
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
        """Whether the field takes a list of values."""
        return self.most is not None

    @property
    def always_required(self) -> bool:
        """Whether a rule must have the field with every operator."""
        return self.required and self.form.used_with is None

    @property
    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of the field's value."""
        schema = _typed(self.type.json_schema)
        if self.most is not None:
            schema = {"type": "array", "items": schema, "minItems": 1, "maxItems": self.most}
        head = {"title": self.form.label}
        if self.form.description is not None:
            head["description"] = self.form.description
        return {**head, **schema}

    @property
    def example(self) -> Any:
        """A valid value; the placeholder for a text that has one."""
        example = self.type.example
        if self.type.kind is FieldKind.TEXT and self.form.placeholder is not None:
            example = self.form.placeholder
        return [example] if self.multiple else example


class Form(BaseModel):
    """An operator, and the fields that it uses.

    A subclass annotates ``operator`` with an ``Operator`` enum and its other fields with field
    types. The first paragraph of its docstring is its description for users.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )

    operator: Operator

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield problems that involve several fields.

        Each has the path to the field, as names in rules, and a message.
        """
        yield from ()

    @classmethod
    def description(cls) -> str:
        """Return the first paragraph of the class's docstring, in one line."""
        paragraph = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
        return " ".join(paragraph.split())

    @classmethod
    def fields(cls) -> tuple[FieldSpec, ...]:
        """Return the fields of the form, without the operator, in order."""
        return field_specs(cls)

    @classmethod
    def operators(cls) -> type[Operator]:
        """Return the enum of the form's operators."""
        annotation = cls.model_fields["operator"].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, Operator)):
            raise TypeError(f"{cls.__name__}.operator must be annotated with an Operator enum")
        return annotation


class Condition(Form, ABC):
    """A row of a list field: a small form within a criterion's form.

    A criterion has a field of type ``UpToTen[MyCondition]`` and combines the conditions itself.
    """

    @abstractmethod
    def describe(self, scope: Scope) -> str:
        """Return the condition as a clause of a sentence."""


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
    """Return the fields of a form, without ``operator``.

    Raises:
        TypeError: A field is not declared with ``form_field``, or has no field type.
    """
    hints = get_type_hints(form, include_extras=True)
    operators = tuple(form.operators())
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
                used_with=operators if declared.used_with is None else declared.used_with,
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
    return (
        isinstance(hint, type) and issubclass(hint, BaseModel) and "operator" in hint.model_fields
    )


def _titled(values: type[Operator | Choice]) -> dict[str, Any]:
    """Return the JSON Schema of the values of an enum, with their labels as titles."""
    titled = [{"const": each.value, "title": each.label} for each in values]
    return {"type": "string", "oneOf": titled}


@cache
def _choice(choices: type[Choice]) -> FieldType:
    return FieldType(
        kind=FieldKind.CHOICE,
        json_schema=_titled(choices),
        example=next(iter(choices)).value,
        options=tuple(Option(choice.value, choice.label) for choice in choices),
    )


@cache
def _condition(condition: type[Condition]) -> FieldType:
    return FieldType(
        kind=FieldKind.CONDITION,
        json_schema=form_schema(condition, {"description": condition.description()}),
        example=example_values(condition),
    )


def _typed(schema: Any) -> Any:
    """Return the schema with a type wherever only texts are listed; form libraries need it."""
    if isinstance(schema, list):
        return [_typed(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    typed = {name: _typed(each) for name, each in schema.items()}
    listed = [typed[name] for name in ("enum", "oneOf") if isinstance(typed.get(name), list)]
    values = [each.get("const") if isinstance(each, dict) else each for each in chain(*listed)]
    only_texts = values and all(isinstance(value, str) for value in values)
    return {"type": "string", **typed} if only_texts else typed


def form_schema(form: type[Form], head: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of a form, which begins with the keywords of ``head``.

    If some operators use other fields, there is an ``if`` for each set of fields, with the fields
    in its ``then``. Form libraries show the operator, and then the fields of the chosen one.
    """
    operators_by_fields: dict[tuple[FieldSpec, ...], list[str]] = {}
    for operator in form.operators():
        used = tuple(spec for spec in form.fields() if operator in spec.used_with)
        operators_by_fields.setdefault(used, []).append(operator.value)
    operator_schema = {"title": "Operator", **_titled(form.operators())}
    if len(operators_by_fields) == 1:
        [specs] = operators_by_fields
        return {**head, **_fields_schema(specs, operator_schema)}
    return {
        **head,
        "type": "object",
        "properties": {"operator": operator_schema},
        "required": ["operator"],
        "allOf": [
            {"if": _operator_is(operators), "then": _fields_schema(specs, {})}
            for specs, operators in operators_by_fields.items()
        ],
    }


def _operator_is(operators: list[str]) -> dict[str, Any]:
    """Return the schema of forms with one of some operators; nothing else may match it."""
    return {
        "type": "object",
        "properties": {"operator": {"enum": operators}},
        "required": ["operator"],
    }


def _fields_schema(specs: tuple[FieldSpec, ...], operator: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of objects with the operator and some fields, and nothing else."""
    schema = {
        "type": "object",
        "properties": {"operator": operator, **{spec.name: spec.json_schema for spec in specs}},
        "required": ["operator", *(spec.name for spec in specs if spec.required)],
        "additionalProperties": False,
    }
    names = {spec.attribute: spec.name for spec in specs}
    ordered = [
        [names[spec.form.not_below], spec.name] for spec in specs if spec.form.not_below in names
    ]
    return {**schema, "x-ordered": ordered[0]} if ordered else schema


def example_values(form: type[Form]) -> dict[str, Any]:
    """Return valid values of a form, with its first operator."""
    operator = next(iter(form.operators()))
    values = {
        spec.name: spec.example
        for spec in form.fields()
        if spec.required and operator in spec.used_with
    }
    return {"operator": operator.value, **values}

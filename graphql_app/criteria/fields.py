"""Fields: how a criterion declares what its form asks for, and what a type of value is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from graphql_app.criteria.operators import Operator


class FieldKind(StrEnum):
    """The input that a form shows; every criterion's fields are of these kinds."""

    COUNT = "COUNT"
    MONEY = "MONEY"
    NUMBER = "NUMBER"
    DATE = "DATE"
    TEXT = "TEXT"
    CHOICE = "CHOICE"
    TIME_WINDOW = "TIME_WINDOW"
    SEGMENT = "SEGMENT"
    CONDITION = "CONDITION"


@dataclass(frozen=True, slots=True)
class Option:
    """A value that a field may take, and how to show it to people.

    ``operators`` are those that suit the value, by name; ``None`` where all do.
    """

    value: str
    label: str
    operators: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FieldType:
    """What a value of a field is.

    ``minimum``, ``maximum`` and ``step`` are written as a value of the field is; ``unit`` is for
    display. ``example`` is a valid value; ``json_schema`` accepts exactly the valid ones. Where
    there are ``options``, a value is one of them.
    """

    kind: FieldKind
    json_schema: Mapping[str, Any]
    example: Any
    minimum: str | None = None
    maximum: str | None = None
    step: str | None = None
    pattern: str | None = None
    unit: str | None = None
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class FormField:
    """How a field appears in a form: see ``form_field``."""

    label: str
    used_with: tuple[Operator, ...] | None
    optional: bool
    description: str | None
    placeholder: str | None
    suggests: bool
    not_below: str | None


def form_field(
    label: str,
    *,
    used_with: Sequence[Operator] | None = None,
    optional: bool = False,
    description: str | None = None,
    placeholder: str | None = None,
    suggests: bool = False,
    not_below: str | None = None,
) -> Any:
    """Declare a criterion's field.

    Args:
        label: What a form shows beside the input.
        used_with: The operators that the field goes with; with any other it must be absent.
            ``None`` means all. Give such a field a type ``... | None``.
        optional: Whether it may be absent although its operator uses it.
        description: A sentence of help.
        placeholder: An example to show in the empty input.
        suggests: Whether the criterion's ``suggest`` offers values for it.
        not_below: The Python name of another field, than which this one must not be less.
    """
    form = FormField(
        label=label,
        used_with=None if used_with is None else tuple(used_with),
        optional=optional,
        description=description,
        placeholder=placeholder,
        suggests=suggests,
        not_below=not_below,
    )
    field: Any = Field() if used_with is None and not optional else Field(default=None)
    field.metadata.append(form)
    return field

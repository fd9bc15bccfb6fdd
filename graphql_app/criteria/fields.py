"""Fields of forms, and their types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from graphql_app.criteria.operators import Operator


class FieldKind(StrEnum):
    """The kind of input that a form shows for a field."""

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
    """A value of a field with its label.

    ``operators`` names the operators that suit the value; ``None`` stands for all.
    """

    value: str
    label: str
    operators: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FieldType:
    """The type of a field's values.

    ``minimum``, ``maximum`` and ``step`` are written like values of the field; ``unit`` is for
    display. ``example`` is a valid value, and ``json_schema`` accepts exactly the valid values. If
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
    """The arguments of ``form_field``."""

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
        label: The text beside the input.
        used_with: The operators that use the field, or ``None`` for all. With another operator the
            field must be absent, so its type is ``... | None``.
        optional: Whether the field may be absent with an operator that uses it.
        description: A sentence of help.
        placeholder: An example for the empty input.
        suggests: Whether the criterion's ``suggest`` offers values for the field.
        not_below: The Python name of a field that sets this field's minimum.
    """
    operators = None if used_with is None else tuple(used_with)
    form = FormField(label, operators, optional, description, placeholder, suggests, not_below)
    field: Any = Field() if used_with is None and not optional else Field(default=None)
    field.metadata.append(form)
    return field

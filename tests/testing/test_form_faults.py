"""Faults of a criterion's form."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from graphql_app.criteria import Criterion, FieldKind, FieldType, form_field
from tests.testing.criteria import CityIs, all_faults_test, one_fault_test


def capped(value: str) -> str:
    if len(value) > 3:
        raise PydanticCustomError("short", "must be three letters")
    return value


Lenient = Annotated[
    str, FieldType(FieldKind.TEXT, {"type": "string", "minLength": 3}, example="Austin")
]


Short = Annotated[
    str,
    AfterValidator(capped),
    FieldType(FieldKind.TEXT, {"type": "string", "maxLength": 3}, example="Austin"),
]


class OtherJsonSchema(CityIs):
    """Accepts what its JSON Schema rejects."""

    city: Lenient = form_field("City")


class ExampleOfType(CityIs):
    """Rejects the example of its type."""

    city: Short = form_field("City")


class ProblemsRaise(CityIs):
    """Raises in its own check."""

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        raise AttributeError("no such thing")


class NoRule(CityIs):
    """Rejects every rule of an operator."""

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.operator.negated:
            yield ("operator",), "may not be that"


FAULTS: list[tuple[type[Criterion], str, str]] = [
    (
        OtherJsonSchema,
        "The API accepts a rule that its JSON Schema rejects.",
        "Make the json_schema of the field's type match its validation",
    ),
    (
        NoRule,
        "No valid rule was found for the operator IS_NOT: operator may not be that",
        "Pass an example to check_criterion",
    ),
]
SEVERAL: list[tuple[type[Criterion], list[str]]] = [
    (ExampleOfType, ["ExampleOfType.city rejects 'Austin', which its type declares."]),
    (ProblemsRaise, ["Validating a rule raises AttributeError: no such thing."]),
]

test_a_fault_is_reported_once_with_its_fix = one_fault_test(FAULTS)
test_every_effect_of_a_fault_is_reported = all_faults_test(SEVERAL)

"""Check what the form accepts, in the API and as JSON Schema."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError as Refused

from graphql_app.criteria import Criterion, Form, example, json_schema, ui_schema
from graphql_app.segments.rules.parser import dotted, read_form
from graphql_app.testing.findings import Finding, describe_error, format_example
from graphql_app.testing.form_filling import Document, Filler, declared_bounds
from graphql_app.testing.harness import Harness

try:
    from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "graphql_app.testing needs jsonschema: pip install 'open-segments[testing]'",
        name=error.name,
    ) from error

RAISE_CUSTOM = "Raise PydanticCustomError in validators, and yield other problems from `problems`."
# Values that few fields accept; the API and JSON Schema must agree on them.
ODD: Sequence[Any] = (
    "", " ", "x" * 256, True, 0, -1, 5.5, 2**31, "5", "50.00", "2024-02-30", "us", [], {}, ["x", 1],
)  # fmt: skip


def check_examples(harness: Harness) -> Iterator[Finding]:
    """Check that the author's examples and the generated example are valid."""
    for fields in (*harness.examples, example(harness.kind)[harness.kind.key]):
        refusal = _refusal(harness.kind, fields)
        if refusal is not None:
            yield Finding(
                f"An example is invalid: {refusal}",
                "Fix the example, or the example of the field's type.",
                format_example(fields),
            )


def check_bounds(kind: type[Form]) -> Iterator[Finding]:
    """Check that a field accepts the example and the bounds of its type."""
    for spec in kind.fields():
        if spec.condition is not None:
            yield from check_bounds(spec.condition)
            continue
        declared: list[Any] = [spec.type.example]
        if isinstance(spec.type.example, str):
            declared += declared_bounds(spec)
        for value in declared:
            try:
                spec.adapter.validate_python([value] if spec.multiple else value)
            except Refused:
                yield Finding(
                    f"{kind.__name__}.{spec.attribute} rejects {value!r}, which its type declares.",
                    "Give the FieldType an example, minimum and maximum that it accepts.",
                )
            except Exception as error:
                yield Finding(
                    f"Validating {kind.__name__}.{spec.attribute} raises {describe_error(error)}.",
                    RAISE_CUSTOM,
                    format_example(value),
                )


def check_operators(harness: Harness) -> Iterator[Finding]:
    """Check that every operator has a valid rule."""
    found = {case.criterion.operator for case in harness.cases}
    for operator in harness.kind.operators():
        if operator in found:
            continue
        filled = harness.filler.documents(harness.kind)
        tried = [fields for fields in filled if fields["operator"] == operator.value]
        refusal = _refusal(harness.kind, tried[0]) if tried else "a field has no value"
        yield Finding(
            f"No valid rule was found for the operator {operator}: {refusal}",
            "Pass an example to check_criterion: examples=[{...}].",
            format_example(tried[0]) if tried else "",
        )


def _refusal(kind: type[Criterion], fields: Mapping[str, Any]) -> str | None:
    """Return why the API rejects some fields, or None if it accepts them."""
    try:
        _, problems = read_form(kind, fields)
    except Exception as error:
        return describe_error(error)
    return "; ".join(f"{dotted(path)} {words}" for path, words in problems) or None


def check_json_schema(kind: type[Criterion], filler: Filler) -> Iterator[Finding]:
    """Check that the JSON Schema is valid and accepts the same rules as the API."""
    made = json_schema(kind)
    try:
        Draft202012Validator.check_schema(made)
    except SchemaError as error:
        yield Finding(
            f"Its JSON Schema is invalid: {error.message}",
            "Give the FieldType a json_schema of draft 2020-12.",
        )
        return
    named = {"operator", *(spec.name for spec in kind.fields())}
    if {*ui_schema(kind)["ui:order"]} != named:
        yield Finding("Its UI schema lacks a field.", "Return every field from fields().")
    validator = _Validator(made, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for fields in _generate(kind, filler):
        try:
            accepted = _accepts(kind, fields)
        except Exception as error:
            yield Finding(
                f"Validating a rule raises {describe_error(error)}.",
                RAISE_CUSTOM,
                format_example(fields),
            )
            continue
        if accepted is not None and accepted != validator.is_valid(fields):
            yield Finding(
                "The API accepts a rule that its JSON Schema rejects."
                if accepted
                else "Its JSON Schema accepts a rule that the API rejects.",
                "Make the json_schema of the field's type match its validation; put what no type "
                "can express into `problems`.",
                format_example(fields),
            )


def _generate(kind: type[Criterion], filler: Filler) -> Iterator[Document]:
    """Yield rules that should be valid, and copies of them with one fault."""
    shapes: dict[tuple[str, ...], Document] = {}
    for fields in filler.documents(kind):
        shapes.setdefault((fields["operator"], *fields), fields)
    yield from shapes.values()
    for fields in {(*names,): fields for (_, *names), fields in shapes.items()}.values():
        yield {**fields, "operator": "NO_SUCH_OPERATOR"}
        yield {**fields, "noSuchField": 1}
        for name in fields:
            yield {other: value for other, value in fields.items() if other != name}
            yield from ({**fields, name: odd} for odd in ODD)


def _accepts(kind: type[Criterion], fields: Document) -> bool | None:
    """Return whether the API accepts the fields; None if ``problems`` may have rejected them."""
    form, problems = read_form(kind, fields)
    if not problems:
        return True
    return None if form is not None and _has_problems(kind) else False


def _has_problems(form: type[Form]) -> bool:
    """Return whether a form overrides ``problems``."""
    conditions = (spec.condition for spec in form.fields() if spec.condition is not None)
    return form.problems is not Form.problems or any(map(_has_problems, conditions))


def _ordered(
    validator: Any, names: Sequence[str], instance: Any, schema: Any
) -> Iterator[ValidationError]:
    """Validate ``x-ordered``: the second bound must not be below the first."""
    if isinstance(instance, dict) and {*names} <= {*instance}:
        low, high = (instance[name] for name in names)
        try:  # amounts and numbers by value, days by their text
            reverse = Decimal(high) < Decimal(low)
        except (ArithmeticError, TypeError, ValueError):
            reverse = str(high) < str(low)
        if reverse:
            yield ValidationError(f"{names[1]} is below {names[0]}")


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """Match like ECMA 262, where ``$`` is only the end of the text."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError(f"{instance!r} does not match")


_extend: Callable[..., Any] = validators.extend
_Validator = _extend(Draft202012Validator, {"x-ordered": _ordered, "pattern": _pattern})

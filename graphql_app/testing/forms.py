"""Checks of the form: what it accepts, as an API, as JSON Schema and as GraphQL."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from pydantic import ValidationError as Refused

from graphql_app.criteria import Criterion, Form, example, json_schema, ui_schema
from graphql_app.segments.rules.parser import dotted, read_form
from graphql_app.testing.findings import Finding, shown, told
from graphql_app.testing.form_filling import Document, Filler
from graphql_app.testing.harness import Bench

try:
    from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "graphql_app.testing needs jsonschema: pip install 'open-segments[testing]'",
        name=error.name,
    ) from error

RAISE_CUSTOM = "Have validators raise PydanticCustomError, and `problems` yield what is wrong."
# Values that few fields take, and that those who do must take everywhere.
ODD: Sequence[Any] = (
    "", " ", "x" * 256, True, 0, -1, 5.5, 2**31, "5", "50.00", "2024-02-30", "us", [], {}, ["x", 1],
)  # fmt: skip


def examples(bench: Bench) -> Iterator[Finding]:
    """The author's examples are valid, and so is the one that the host makes of the fields."""
    for fields in (*bench.examples, example(bench.kind)[bench.kind.key]):
        refusal = _refusal(bench.kind, fields)
        if refusal is not None:
            yield Finding(
                f"An example is refused: {refusal}",
                "Mend the example, or the example of the field's type.",
                shown(fields),
            )


def bounds(kind: type[Form]) -> Iterator[Finding]:
    """A field takes the example and the bounds that its type declares."""
    for spec in kind.fields():
        if spec.condition is not None:
            yield from bounds(spec.condition)
            continue
        declared: list[Any] = [spec.type.example]
        if isinstance(spec.type.example, str):
            declared += [spec.type.minimum, spec.type.maximum]
        for value in declared:
            if value is None:
                continue
            try:
                spec.adapter.validate_python([value] if spec.multiple else value)
            except Refused:
                yield Finding(
                    f"{kind.__name__}.{spec.attribute} refuses its type's own {value!r}.",
                    "Give the FieldType an example, minimum and maximum that it takes.",
                )
            except Exception as error:
                yield Finding(
                    f"Reading {kind.__name__}.{spec.attribute} raises {told(error)}.",
                    RAISE_CUSTOM,
                    shown(value),
                )


def every_operator(bench: Bench) -> Iterator[Finding]:
    """There is a valid rule of every operator."""
    filled = list(bench.filler.documents(bench.kind))
    for operator in bench.kind.operators():
        if any(case.criterion.operator is operator for case in bench.cases):
            continue
        tried = [fields for fields in filled if fields["operator"] == operator.value]
        refusal = _refusal(bench.kind, tried[0]) if tried else "a field has no value"
        yield Finding(
            f"No rule could be made for the operator {operator}: {refusal}",
            "Give check_criterion an example of it: examples=[{...}].",
            shown(tried[0]) if tried else "",
        )


def _refusal(kind: type[Criterion], fields: Mapping[str, Any]) -> str | None:
    """Why the API refuses some fields, if it does."""
    try:
        _, problems = read_form(kind, fields)
    except Exception as error:
        return told(error)
    return "; ".join(f"{dotted(path)} {words}" for path, words in problems) or None


def schema(kind: type[Criterion], filler: Filler) -> Iterator[Finding]:
    """The JSON Schema is one, and accepts exactly the rules that the API does."""
    made = json_schema(kind)
    try:
        Draft202012Validator.check_schema(made)
    except SchemaError as error:
        yield Finding(
            f"Its JSON Schema is none: {error.message}",
            "Give the FieldType a json_schema of draft 2020-12.",
        )
        return
    named = {"operator", *(spec.name for spec in kind.fields())}
    if {*ui_schema(kind)["ui:order"]} != named:
        yield Finding("Its UI schema lacks a field.", "Return every field from fields().")
    validator = _Validator(made, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for fields in _tried(kind, filler):
        try:
            accepted = _accepts(kind, fields)
        except Exception as error:
            yield Finding(
                f"Reading a rule raises {told(error)}.",
                RAISE_CUSTOM,
                shown(fields),
            )
            continue
        if accepted is not None and accepted != validator.is_valid(fields):
            yield Finding(
                "The API accepts a rule that its JSON Schema refuses."
                if accepted
                else "Its JSON Schema accepts a rule that the API refuses.",
                "Have the json_schema of the field's type say what its validation does; what no "
                "type can say belongs into `problems`.",
                shown(fields),
            )


def _tried(kind: type[Criterion], filler: Filler) -> Iterator[Document]:
    """Rules that should be accepted, and the same with something that should not be there."""
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
    """Whether the API does; ``None`` where it may be ``problems`` that refuses."""
    form, problems = read_form(kind, fields)
    if not problems:
        return True
    return None if form is not None and _has_problems(kind) else False


def _has_problems(form: type[Form]) -> bool:
    """Whether a form finds problems that its types do not."""
    conditions = (spec.condition for spec in form.fields() if spec.condition is not None)
    return form.problems is not Form.problems or any(map(_has_problems, conditions))


def _ordered(
    validator: Any, names: Sequence[str], instance: Any, schema: Any
) -> Iterator[ValidationError]:
    """``x-ordered``: the second of two bounds is not below the first."""
    if isinstance(instance, dict) and {*names} <= {*instance}:
        low, high = (instance[name] for name in names)
        try:  # amounts and numbers by value, days by their text
            reverse = Decimal(high) < Decimal(low)
        except (ArithmeticError, TypeError, ValueError):
            reverse = str(high) < str(low)
        if reverse:
            yield ValidationError(f"{names[1]} is below {names[0]}")


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """As ECMA 262 has it, where ``$`` is the end of the text only."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError(f"{instance!r} does not match")


_extend: Callable[..., Any] = validators.extend
_Validator = _extend(Draft202012Validator, {"x-ordered": _ordered, "pattern": _pattern})

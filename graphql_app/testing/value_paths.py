"""The paths of values in a filled-in form, to replace them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from graphql_app.criteria import FieldSpec, Form, Operator
from graphql_app.testing.form_filling import Document


@dataclass(frozen=True, slots=True)
class ValuePath:
    """The path of a value: the field's name in rules, and its form's operator.

    ``put`` returns the rule's fields with another value there, in a list as its only item.
    """

    name: str
    spec: FieldSpec
    operator: Operator
    put: Callable[[Any], Document]


def value_paths(form: type[Form], fields: Document, prefix: str = "") -> Iterator[ValuePath]:
    """Yield the paths of a form's values; in a list of conditions, those of the first."""
    operator = form.operators()[fields["operator"]]
    for spec in form.fields():
        if spec.name not in fields:
            continue
        name = prefix + spec.name
        put = _replace_value(fields, spec)
        if spec.condition is None:
            yield ValuePath(name, spec, operator, put)
            continue
        for path in value_paths(spec.condition, fields[spec.name][0], f"{name}."):
            yield ValuePath(path.name, path.spec, path.operator, _compose(path.put, put))


def _replace_value(fields: Document, spec: FieldSpec) -> Callable[[Any], Document]:
    return lambda value: {**fields, spec.name: [value] if spec.multiple else value}


def _compose(
    first: Callable[[Any], Document], then: Callable[[Any], Document]
) -> Callable[[Any], Document]:
    return lambda value: then(first(value))

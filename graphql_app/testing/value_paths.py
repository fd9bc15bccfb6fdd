"""The places of values in a filled-in form, and other values put there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from graphql_app.criteria import FieldSpec, Form, Operator
from graphql_app.testing.form_filling import Document


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is: the field, by its name in rules, and its form's operator.

    ``put`` gives the fields of the rule with another value there; of a list, as its only item.
    """

    name: str
    spec: FieldSpec
    operator: Operator
    put: Callable[[Any], Document]


def places(form: type[Form], fields: Document, prefix: str = "") -> Iterator[Place]:
    """The places of a form; of a list of conditions, those of the first."""
    operator = form.operators()[fields["operator"]]
    for spec in form.fields():
        if spec.name not in fields:
            continue
        name = prefix + spec.name
        put = _putting(fields, spec)
        if spec.condition is None:
            yield Place(name, spec, operator, put)
            continue
        for place in places(spec.condition, fields[spec.name][0], f"{name}."):
            yield Place(place.name, place.spec, place.operator, _after(place.put, put))


def _putting(fields: Document, spec: FieldSpec) -> Callable[[Any], Document]:
    return lambda value: {**fields, spec.name: [value] if spec.multiple else value}


def _after(
    first: Callable[[Any], Document], then: Callable[[Any], Document]
) -> Callable[[Any], Document]:
    return lambda value: then(first(value))

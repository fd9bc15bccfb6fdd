"""A criterion's form as JSON Schema, with hints for form libraries."""

from typing import Any

from graphql_app.criteria.base import Criterion
from graphql_app.criteria.fields import FieldKind
from graphql_app.criteria.form import example_values, form_schema


def json_schema(criterion: type[Criterion]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a criterion's fields and operator.

    It accepts what the API accepts, except that JSON Schema cannot check two things: that the
    second of two bounds is not below the first (``x-ordered`` names the pairs), and that a segment
    with an id exists.
    """
    head = {"title": criterion.label, "description": criterion.description()}
    return form_schema(criterion, head)


WIDGETS = {FieldKind.COUNT: "updown", FieldKind.DATE: "date", FieldKind.CHOICE: "select"}


def ui_schema(criterion: type[Criterion]) -> dict[str, Any]:
    """Return hints for JSON Schema form libraries: order, widgets, placeholders and help."""
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
    """Return a valid rule with the criterion and its first operator."""
    return {criterion.key: example_values(criterion)}

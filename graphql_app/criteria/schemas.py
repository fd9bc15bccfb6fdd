"""A criterion's form as JSON Schema, with hints for form libraries."""

from collections.abc import Mapping
from typing import Any

from graphql_app.criteria.base import Criterion
from graphql_app.criteria.fields import FieldKind
from graphql_app.criteria.form import FieldSpec, Form, example_values, form_schema


def json_schema(criterion: type[Criterion]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a criterion's fields and operator.

    It accepts what the API accepts, except that JSON Schema cannot check two things: that the
    second of two bounds is not below the first (``x-ordered`` names the pairs), and that a segment
    with an id exists.
    """
    head = {"title": criterion.label, "description": criterion.description()}
    return form_schema(criterion, head)


WIDGETS = {FieldKind.COUNT: "updown", FieldKind.DATE: "date", FieldKind.CHOICE: "select"}


def ui_schema(form: type[Form]) -> dict[str, Any]:
    """Return hints for react-jsonschema-form: order, widgets, placeholders and labels."""
    hints: dict[str, Any] = {"ui:order": ["operator", *(spec.name for spec in form.fields())]}
    for spec in form.fields():
        hint = {} if spec.condition is None else ui_schema(spec.condition)
        if spec.form.placeholder is not None:
            hint["ui:placeholder"] = spec.form.placeholder
        if spec.type.kind in WIDGETS:
            hint["ui:widget"] = WIDGETS[spec.type.kind]
        if "enum" in spec.type.json_schema:
            labels = {option.value: option.label for option in spec.type.options}
            listed = spec.type.json_schema["enum"]
            hint["ui:enumNames"] = [labels.get(value, value) for value in listed]
        hints[spec.name] = {"items": hint} if spec.multiple else hint
    return hints


def json_forms_ui_schema(form: type[Form]) -> dict[str, Any]:
    """Return the layout of a form for JSON Forms: the operator, and the fields that it uses."""
    elements: list[dict[str, Any]] = [{"type": "Control", "scope": "#/properties/operator"}]
    for spec in form.fields():
        operators = [operator.value for operator in spec.used_with]
        # A list of forms cannot be hidden, but a layout can.
        element = _element(spec.json_schema, f"#/properties/{spec.name}", spec)
        if spec.condition is not None:
            element = {"type": "VerticalLayout", "elements": [element]}
        elements.append({**element, "rule": _show("#/properties/operator", {"enum": operators})})
    return {"type": "VerticalLayout", "elements": elements}


def _show(scope: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"effect": "SHOW", "condition": {"scope": scope, "schema": schema}}


def _element(schema: Mapping[str, Any], scope: str, spec: FieldSpec) -> dict[str, Any]:
    """Return the element of a value: a control, or a group for the properties of an object.

    Of alternatives, such as the kinds of time windows, all are shown until one has a value.
    """
    alternatives = [each for each in schema.get("oneOf", [schema]) if "properties" in each]
    label = schema.get("title", scope.rpartition("/")[2])
    if not alternatives:
        options: dict[str, Any] = {}
        if spec.form.placeholder is not None:
            options["placeholder"] = spec.form.placeholder
        if spec.condition is not None:
            options["detail"] = json_forms_ui_schema(spec.condition)
        return {"type": "Control", "label": label, "scope": scope, "options": options}
    elements = []
    for each in alternatives:
        others = {name: False for other in alternatives for name in other["properties"]}
        others = {name: no for name, no in others.items() if name not in each["properties"]}
        for name, part in each["properties"].items():
            element = _element(part, f"{scope}/properties/{name}", spec)
            rule = {"rule": _show(scope, {"properties": others})} if others else {}
            elements.append({**element, **rule})
    return {"type": "Group", "label": label, "elements": elements}


def example(criterion: type[Criterion]) -> dict[str, Any]:
    """Return a valid rule with the criterion and its first operator."""
    return {criterion.key: example_values(criterion)}

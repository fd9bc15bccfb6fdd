"""JSON Schemas of forms have what form libraries need."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from graphql_app.criteria import FieldKind, FieldType, Form, StateOperator, form_field
from graphql_app.criteria.schemas import json_forms_ui_schema, json_schema, ui_schema
from graphql_app.plugins import Registry

SIZES = [{"const": "S", "title": "Small"}, {"const": "L", "title": "Large"}]
COLOR = {"type": "object", "properties": {"color": {"enum": ["red"]}}}
Color = Annotated[str, FieldType(FieldKind.TEXT, {"enum": ["red", "blue"]}, "red")]
Size = Annotated[str, FieldType(FieldKind.TEXT, {"oneOf": SIZES}, "S")]
Level = Annotated[int, FieldType(FieldKind.COUNT, {"enum": [1, 2]}, 1)]
Print = Annotated[Any, FieldType(FieldKind.TEXT, COLOR, {})]


class Shirts(Form):
    """A form with types of a plugin."""

    operator: StateOperator
    color: Color = form_field("Color")
    size: Size = form_field("Size")
    level: Level = form_field("Level")
    print: Print = form_field("Print", description="What is on the shirt.")


def test_listed_texts_have_a_type() -> None:
    color, size, level, printed = (spec.json_schema for spec in Shirts.fields())
    assert color == {"title": "Color", "type": "string", "enum": ["red", "blue"]}
    assert size == {"title": "Size", "type": "string", "oneOf": SIZES}
    assert level == {"title": "Level", "enum": [1, 2]}
    assert printed["properties"]["color"] == {"type": "string", "enum": ["red"]}
    assert printed["description"] == "What is on the shirt."


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the properties at any depth that have an input."""
    for name, value in schema.get("properties", {}).items():
        if value:
            yield name, value
            yield from _properties(value)
    inner = [*schema.get("oneOf", ()), *(each["then"] for each in schema.get("allOf", ()))]
    for each in [*inner, *([schema["items"]] if "items" in schema else [])]:
        yield from _properties(each)


def test_every_input_has_a_title_and_a_type(registry: Registry) -> None:
    for criterion in registry.criteria.values():
        found = list(_properties(json_schema(criterion)))
        assert found[0][0] == "operator"
        for name, value in found:
            assert "title" in value, name
            windows = all("properties" in each for each in value.get("oneOf", [{}]))
            assert "type" in value or windows, name


def test_countries_have_their_names(registry: Registry) -> None:
    [countries] = [spec for spec in registry.criteria["location"].fields() if spec.most][:1]
    names = ui_schema(registry.criteria["location"])[countries.name]["items"]["ui:enumNames"]
    by_code = dict(zip(countries.json_schema["items"]["enum"], names, strict=True))
    assert (by_code["DE"], by_code["US"]) == ("Germany", "United States")


def test_the_layout_of_json_forms_shows_the_fields_of_an_operator(registry: Registry) -> None:
    layout = json_forms_ui_schema(registry.criteria["spend"])
    operator, amount, up_to, within = layout["elements"]
    assert operator == {"type": "Control", "scope": "#/properties/operator"}
    assert amount["options"] == {"placeholder": "50.00"}
    shown = {"scope": "#/properties/operator", "schema": {"enum": ["BETWEEN"]}}
    assert up_to["rule"] == {"effect": "SHOW", "condition": shown}
    since = next(each for each in within["elements"] if each.get("scope", "").endswith("/since"))
    others = since["rule"]["condition"]["schema"]["properties"]
    assert "last" in others
    assert "since" not in others


def test_the_forms_of_conditions_have_hints_and_a_layout(registry: Registry) -> None:
    event = registry.criteria["event"]
    hints = ui_schema(event)["conditions"]["items"]
    assert hints["ui:order"][:2] == ["operator", "property"]
    [conditions] = [
        each["elements"][0]
        for each in json_forms_ui_schema(event)["elements"]
        if each["type"] == "VerticalLayout"
    ]
    assert conditions["label"] == "Where"
    assert conditions["options"]["detail"]["type"] == "VerticalLayout"

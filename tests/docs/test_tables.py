"""The tables in the docs match the code."""

import re
from typing import Any, get_args

import pytest

from graphql_app import criteria
from graphql_app.audience import facts, properties_parser, value_parsers
from graphql_app.audience.importers import format_names
from graphql_app.audience.importers.spool import CHUNK_ORDERS, CHUNK_ROWS
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.criteria import FieldKind, FieldType
from graphql_app.criteria.field_types import MAX_TEXT, MAX_VALUES
from graphql_app.errors import ErrorCode
from graphql_app.http import exports, request_body
from graphql_app.schema import errors, nodes, pagination, variables
from graphql_app.schema import facts as fact_inputs
from graphql_app.schema.fact_tables import FactFieldKind
from graphql_app.segments import editor, names, suggestions
from graphql_app.segments.rules import parser
from graphql_app.settings import Settings
from tests.docs.pages import ROOT, code, prose, table, table_under

API = ROOT / "docs/api.md"
IMPORTING = ROOT / "docs/importing.md"


def _default(setting: str) -> int:
    default: int = Settings.model_fields[setting].default
    return default


LIMITS = {
    "levels in a rule": parser.MAX_DEPTH,
    "criteria in a rule": parser.MAX_CRITERIA,
    "values in a list of a criterion": MAX_VALUES,
    "characters in a text value": MAX_TEXT,
    "items in a mutation that records facts": fact_inputs.MAX_ITEMS,
    "items of a list in a variable without facts": fact_inputs.MAX_ITEMS,
    "objects and lists in a variable without facts": variables.MAX_CONTAINERS,
    "values in a variable without facts": variables.MAX_VALUES,
    "order lines in a mutation that records facts": fact_inputs.MAX_LINES,
    "tags per contact": value_parsers.MAX_TAGS,
    "bytes of `properties` as JSON": properties_parser.MAX_PROPERTIES,
    "`userErrors` in a response": errors.MAX_USER_ERRORS,
    "items on a page": pagination.MAX_PAGE,
    "items on a page, by default": pagination.DEFAULT_PAGE,
    "ids in a `nodes` query": nodes.MAX_NODES,
    "values from `fieldSuggestions`": suggestions.MAX_SUGGESTIONS,
    "characters in a segment's name": names.MAX_NAME,
    "characters in a segment's description": names.MAX_DESCRIPTION,
    "segments per shop, including archived ones": editor.MAX_SEGMENTS,
    "levels in a query": _default("max_depth"),
    "comparisons of repeated fields in a query": _default("max_repeats"),
    "cost of a query": _default("max_cost"),
    "groups, negations and criteria in a rule": parser.MAX_NODES,
    "fields in a query, with fragments expanded": _default("max_fields"),
    "aliases in a query": _default("max_aliases"),
    "directives in a query": _default("max_directives"),
    "tokens in a query": _default("max_tokens"),
    "levels in a JSON body": request_body.MAX_JSON_DEPTH,
    "values in a JSON body, counted as commas and opening brackets": request_body.MAX_VALUES,
    "concurrent operations on a WebSocket": _default("max_operations"),
    "concurrent exports per shop and server process": exports.MAX_EXPORTS,
}

VALUES = {
    value_parsers.IDENTIFIER: "id",
    value_parsers.WHOLE_NUMBER: "whole number",
    value_parsers.INTEGER: "number",
    value_parsers.AMOUNT: "amount",
    value_parsers.TIME: "time",
    value_parsers.TEXT: "text",
    value_parsers.KEYWORD: "text",
    value_parsers.EMAIL: "email address",
    value_parsers.COUNTRY: "country",
    value_parsers.BOOLEAN: "true or false",
    value_parsers.TAGS: "list of texts",
    value_parsers.PROPERTIES: "JSON object",
}


def test_the_error_codes_match_the_code() -> None:
    rows = table(API, "code")
    assert [code(row[0])[0] for row in rows] == [*ErrorCode]
    enum: Any = errors.UserErrorCode
    described = enum.__strawberry_definition__.values
    for row, value in zip(rows, described, strict=True):
        assert row[1].startswith(value.description)


def test_the_limits_match_the_code() -> None:
    assert {what: int(value.replace(",", "")) for what, value in table(API, "limit")} == LIMITS


def test_the_scopes_match_the_code() -> None:
    assert {code(row[0])[0] for row in table(API, "scope")} == set(TokenScope)


def test_the_field_kinds_match_the_code() -> None:
    assert [code(row[0])[0] for row in table(API, "kind")] == [*FieldKind]


def test_the_field_kinds_of_plugin_tables_match_the_code() -> None:
    rows = table(API, "kind of field")
    assert [code(row[0])[0] for row in rows] == [kind.name for kind in FactFieldKind]
    assert f"at most {value_parsers.MAX_TEXT} characters" in rows[5][1]
    assert f"at most {value_parsers.MAX_TAGS} texts" in rows[7][1]


def test_the_items_of_mutations_match_the_facts() -> None:
    given = {"contacts", "orders", "products", "texts", "keywords", "events"}
    rows = table(API, "mutation")
    documented = {re.sub("Upsert|Record", "", code(row[0])[0]): code(row[1])[0] for row in rows}
    assert documented.keys() == given
    for name, fields in documented.items():
        expected = [camel(field.name) for field in facts.FACTS[name].fields]
        if name == "orders":
            lines = " ".join(camel(field.name) for field in facts.LINES.fields)
            expected.append(f"lines {{ {lines} }}")
        assert fields == " ".join(expected)


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


@pytest.mark.parametrize("fact", facts.FACTS.values(), ids=lambda fact: fact.name)
def test_the_columns_of_files_match_the_facts(fact: facts.FactType) -> None:
    assert table_under(IMPORTING, f"### `{fact.name}`") == [
        [
            f"`{field.name}`",
            VALUES[field.kind] + (", required" if field.required else ""),
            field.description,
        ]
        for field in fact.fields
    ]


def test_the_values_of_files_match_the_code() -> None:
    assert {row[0] for row in table(IMPORTING, "value")} == set(VALUES.values())


def test_every_file_format_is_named() -> None:
    text = prose(IMPORTING)
    assert [name for name in format_names(facts.FACTS) if f"`{name}`" not in text] == []
    assert f"{CHUNK_ROWS:,} rows" in text
    assert f"orders in chunks of {CHUNK_ORDERS:,}" in text


def test_the_field_types_match_the_contract() -> None:
    kinds = {
        name: item.kind
        for name in criteria.__all__
        for item in get_args(getattr(criteria, name))
        if isinstance(item, FieldType)
    }
    rows = table(ROOT / "docs/plugins.md", "type")
    assert {code(row[0])[0]: code(row[2])[0] for row in rows} == kinds

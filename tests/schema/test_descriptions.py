"""Everything in the schema that a client can see has a description."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    build_schema,
    introspection_from_schema,
    is_introspection_type,
    is_specified_scalar_type,
    lexicographic_sort_schema,
    print_schema,
)
from graphql.utilities import get_introspection_query

from tests.support import Client

Described = GraphQLNamedType | GraphQLField | GraphQLArgument | GraphQLInputField | GraphQLEnumValue


@pytest.fixture
def schema(shop: Client) -> GraphQLSchema:
    return build_client_schema(shop.ask(get_introspection_query(specified_by_url=True)))


def _elements(schema: GraphQLSchema) -> Iterator[tuple[str, Described]]:
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield name, kind
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", found) for value, found in kind.values.items())
        if isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{field}", found) for field, found in kind.fields.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, found in kind.fields.items():
                yield f"{name}.{field}", found
                for argument, given in found.args.items():
                    yield f"{name}.{field}({argument})", given


def test_every_element_of_the_schema_has_a_description(schema: GraphQLSchema) -> None:
    elements = dict(_elements(schema))
    for some in (
        "Node.id",
        "JSON",
        "ErrorCode.INVALID",
        "RuleInput.spend",
        "Query",
        "Segment.contains(contactId)",
        "Mutation.ordersUpsert(orders)",
    ):
        assert some in elements
    assert [name for name, found in elements.items() if not (found.description or "").strip()] == []


def test_descriptions_are_distinct_sentences(schema: GraphQLSchema) -> None:
    names = {
        name: (found.description or "").strip() for name, found in _elements(schema) if "." in name
    }
    assert [name for name, text in names.items() if text in {"", ".", name.split(".")[-1]}] == []


def test_the_schema_file_matches_the_served_schema(schema: GraphQLSchema) -> None:
    written = build_schema(Path(__file__).parents[2].joinpath("schema.graphql").read_text())
    seen = build_client_schema(introspection_from_schema(written))
    assert print_schema(lexicographic_sort_schema(seen)) == print_schema(
        lexicographic_sort_schema(schema)
    )

"""The limits on queries: depth, fields, aliases, directives, tokens, repeats and cost."""

from collections.abc import Mapping

import pytest

from tests.http.requests import refused_codes, to_body
from tests.schema.operations import send
from tests.support import Client

pytestmark = pytest.mark.usefixtures("no_logged_errors")


def fragment_bomb(levels: int, width: int = 2) -> str:
    """Return a query whose fragments each spread the next one ``width`` times."""
    fragments = [
        f"fragment F{level} on Query {{ {f'...F{level + 1} ' * width}}}" for level in range(levels)
    ]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{levels} on Query {{ shop {{ id }} }}"])


def fragment_chain(length: int) -> str:
    fragments = [f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(length)]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{length} on Query {{ shop {{ id }} }}"])


EXCESSIVE: Mapping[str, str] = {
    "fragment bomb": fragment_bomb(24),
    "fragment bomb of objects": fragment_bomb(12, 4),
    "fragment chain": fragment_chain(1_500),
    "many tokens": "{ " + "shop { id } " * 10_000 + "}",
    "50,000 names": "{ " + "a " * 50_000 + "}",
    "deep fields": "{a" * 5_000 + "}" * 5_000,
    "deep fields, open": "{a" * 5_000,
    "deep inline fragments": "{..." * 3_000 + "{ shop { id } }" + "}" * 3_000,
    "deep lists": "{ nodes(ids: " + "[" * 5_000 + "]" * 5_000 + ") { id } }",
    "deep objects": "{ segmentSize(rule: " + "{not: " * 3_000 + "{all: []}" + "}" * 3_000
    + ") { members } }",
    "deep types": "query ($x: " + "[" * 5_000 + "Int" + "]" * 5_000 + ") { __typename }",
    "deep pages": "{ contact(id: \"x\") " + "{ segments { members { nodes " * 6
    + "{ id }" + " } } }" * 6 + " }",
    "aliases": "{ " + " ".join(f"a{n}: shop {{ id }}" for n in range(101)) + " }",
    "aliases in fragments": "{ ...A ...A } fragment A on Query { "
    + " ".join(f"a{n}: shop {{ id }}" for n in range(51)) + " }",
    "fields": "{ " + "shop { id } " * 1_001 + "}",
    "directives": "{ shop " + "@include(if: true) " * 101 + "{ id } }",
    "directives of an operation": "query " + "@a " * 60 + "{ shop { id @include(if: true) } "
    + "...on Query " + "@b " * 60 + "{ shop { id } } }",
    "directives in fragments": "{ ...A ...A } fragment A on Query { shop { id "
    + "@include(if: true) " * 51 + "} }",
    "directives of fragments": "{ " + "...A " * 51 + "} fragment A on Query @a @b { shop { id } }",
    "one field repeated": "{ " + "shop { id } " * 400 + "}",
    "one field in many fragments": "{ " + " ".join(f"...F{n}" for n in range(300)) + " } "
    + " ".join(f"fragment F{n} on Query {{ shop {{ id }} }}" for n in range(300)),
    "pages in pages": "{ segments(first: 250) { nodes { members(first: 250) { nodes { id } } } } }",
}  # fmt: skip


@pytest.mark.parametrize("name", EXCESSIVE)
def test_an_excessive_query_is_refused_with_one_error(shop: Client, name: str) -> None:
    assert len(refused_codes(shop, to_body(EXCESSIVE[name]))) == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("fragment bomb", "TOO_MANY_FIELDS"),
        ("many tokens", "TOO_MANY_TOKENS"),
        ("deep fields", "QUERY_TOO_DEEP"),
        ("deep fields, open", "QUERY_TOO_DEEP"),
        ("deep pages", "QUERY_TOO_DEEP"),
        ("aliases", "TOO_MANY_ALIASES"),
        ("aliases in fragments", "TOO_MANY_ALIASES"),
        ("fields", "TOO_MANY_FIELDS"),
        ("directives", "TOO_MANY_DIRECTIVES"),
        ("directives of an operation", "TOO_MANY_DIRECTIVES"),
        ("directives in fragments", "TOO_MANY_DIRECTIVES"),
        ("directives of fragments", "TOO_MANY_DIRECTIVES"),
        ("pages in pages", "QUERY_TOO_COSTLY"),
        ("one field repeated", "TOO_MANY_REPEATS"),
        ("one field in many fragments", "TOO_MANY_REPEATS"),
    ],
)
def test_each_limit_has_its_own_code(shop: Client, name: str, code: str) -> None:
    assert refused_codes(shop, to_body(EXCESSIVE[name])) == {code}


@pytest.mark.parametrize(
    "query",
    [
        "{ " + "shop { id } " * 990 + "}",
        "{ " + "shop { ...A ...A ...A } " * 200 + "} fragment A on Shop { id name }",
        "{ shop { " + "id " * 1_900 + "} }",
        "{ " + "...A " * 600 + "} fragment A on Query { shop { id name } }",
        "{ " + "...{ shop { id } } " * 700 + "}",
        "query ($x: Int) { " + "segments(first: $x) { nodes { id } } " * 350 + "}",
        "{ shop { id } } " + " ".join(f"fragment F{n} on Shop {{ id }}" for n in range(700)),
    ],
)
def test_a_query_within_the_limits_is_answered(shop: Client, query: str) -> None:
    response = send(shop, to_body(query))
    result = response.json()
    codes = {error["extensions"]["code"] for error in result.get("errors", ())}
    assert codes <= {"QUERY_TOO_COSTLY", "TOO_MANY_REPEATS", "BAD_REQUEST"}
    assert codes or result["data"]


def test_many_aliases_of_a_costly_field_are_answered(shop: Client) -> None:
    aliases = " ".join(f"a{n}: segmentSize(rule: {{all: []}}) {{ members }}" for n in range(100))
    result = send(shop, to_body(f"{{ {aliases} }}")).json()
    assert len(result["data"]) == 100


def test_graphiqls_introspection_is_within_the_limits(shop: Client) -> None:
    depth = "{ kind name " + "ofType { kind name " * 9 + "}" * 9 + " }"
    query = f"{{ __schema {{ types {{ fields {{ args {{ type {depth} }} }} }} }} }}"
    assert shop.ask(query)["__schema"]["types"]

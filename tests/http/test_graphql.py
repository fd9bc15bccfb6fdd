"""GraphQL over HTTP: methods, media types, bodies and their limits.

This module is long because it sends every kind of request that must be refused.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.client import SIZE, connect_tcp, read_to_end
from tests.http.requests import ANY_RULE, SHOP, error_codes, refused_codes, to_body
from tests.schema.operations import send
from tests.support import Client, Server, serving

GRAPHQL, JSON = "application/graphql-response+json", "application/json"
TYPENAME = "query ($x: Int) { __typename }"

pytestmark = pytest.mark.usefixtures("no_logged_errors")


def _get(shop: Client, **params: str) -> httpx.Response:
    return shop.get("/graphql", params=params)


def test_queries_may_be_sent_by_get(shop: Client) -> None:
    assert _get(shop, query=SHOP).json() == {"data": {"shop": {"handle": shop.shop.handle}}}
    result = _get(shop, query=SIZE, variables=json.dumps({"rule": {"all": []}})).json()
    assert result["data"]["segmentSize"]["members"] == 0
    named = "query A { __typename } query B { shop { handle } }"
    result = _get(shop, query=named, operationName="B").json()
    assert result["data"]["shop"]["handle"] == shop.shop.handle


def test_a_mutation_by_get_changes_nothing(shop: Client) -> None:
    mutation = 'mutation { contactsUpsert(contacts: [{id: "1"}]) { recorded } }'
    both = f"query A {{ __typename }} {mutation.replace('mutation', 'mutation B')}"
    for response in (_get(shop, query=mutation), _get(shop, query=both, operationName="B")):
        assert response.status_code in {400, 405}
        assert error_codes(response) == {"BAD_REQUEST"}
    assert shop.size({"all": []})["contacts"] == 0


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"query": ""},
        {"query": "{"},
        {"query": SHOP, "variables": "{"},
        {"query": SHOP, "variables": "[1]"},
        {"query": SHOP, "variables": "5"},
        {"query": SHOP, "operationName": "Nothing"},
        {"query": SHOP, "extensions": "{"},
        {"query": SHOP, "variables": "[" * 5_000},
        {"query": TYPENAME, "variables": '{"x": ' + "9" * 5_000 + "}"},
    ],
)
def test_an_invalid_get_request_is_a_coded_error(shop: Client, params: dict[str, str]) -> None:
    assert error_codes(_get(shop, **params)) == {"BAD_REQUEST"}


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("{", "in the query string is not JSON: line 1, column 2."),
        ('{"a":\n}', "in the query string is not JSON: line 2, column 1."),
        ("{'a': 1}", "in the query string is not JSON: line 1, column 2."),
        ("[1]", "must be an object."),
        ("5", "must be an object."),
        ("", "must be an object."),
        ('{"a": NaN}', "in the query string is not JSON."),
        ("[" * 5_000, "is nested deeper than 100 levels."),
        ('{"a":' * 150 + "1" + "}" * 150, "is nested deeper than 100 levels."),
    ],
)
def test_a_bad_parameter_is_named(shop: Client, name: str, value: str, problem: str) -> None:
    errors = _get(shop, query=SHOP, **{name: value}).json()["errors"]
    assert [error["message"] for error in errors] == [f"{name} {problem}"]


@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_a_parameter_may_be_null(shop: Client, name: str) -> None:
    assert _get(shop, query=SHOP, **{name: " null"}).json()["data"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(shop: Client, method: str) -> None:
    response = shop.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"
    assert error_codes(response) == {"BAD_REQUEST"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/xml"},
        {"Content_Type": "multipart/form-data; boundary=x"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Type": "application/graphql"},
        {"Content_Type": "application/jsonp"},
        {"Content_Type": ""},
        {"Content_Type": "application/json; charset=utf-16"},
        {"Content_Encoding": "gzip"},
    ],
)
def test_other_media_types_are_refused(shop: Client, headers: dict[str, str]) -> None:
    response = send(shop, to_body(SHOP), **headers)
    assert response.status_code == 415
    assert error_codes(response) == {"UNSUPPORTED_MEDIA_TYPE"}


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_in_utf_8_is_accepted(shop: Client, kind: str) -> None:
    assert send(shop, to_body(SHOP), Content_Type=kind).json()["data"]


def test_a_body_of_another_media_type_is_not_read(shop: Client) -> None:
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {shop.token}\r\n"
        "Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
    )
    with connect_tcp(shop.address) as connection:
        connection.sendall(head.encode())
        response = read_to_end(connection)
    assert response.startswith(b"HTTP/1.1 415")
    assert b"UNSUPPORTED_MEDIA_TYPE" in response


def test_a_long_query_string_is_refused_for_every_token(
    services: Services, settings: Settings, shop: Client
) -> None:
    with serving(services, settings.model_copy(update={"max_query_bytes": 2_000})) as address:
        limited = replace(shop, address=address)
        assert _get(limited, query=SHOP.ljust(500)).json()["data"]
        assert send(limited, to_body(SHOP).ljust(5_000)).json()["data"]  # has facts:write
        response = _get(limited, query=SHOP.ljust(2_000))
        assert response.status_code == 413
        assert error_codes(response) == {"BODY_TOO_LARGE"}


MALFORMED: Mapping[str, str | bytes] = {
    "empty": b"",
    "not JSON": b"{query",
    "not UTF-8": b'{"query": "\xff\xfe"}',
    "UTF-16": json.dumps({"query": SHOP}).encode("utf-16"),
    "null": b"null",
    "a number": b"5",
    "a string": b'"query"',
    "a list": b"[]",
    "a batch": json.dumps([{"query": SHOP}]),
    "NaN": b'{"query": "{ shop { handle } }", "variables": {"x": NaN}}',
    "Infinity": b'{"query": "{ shop { handle } }", "variables": {"x": -Infinity}}',
    "an empty object": b"{}",
    "query null": b'{"query": null}',
    "query number": b'{"query": 5}',
    "query list": b'{"query": ["{ shop { handle } }"]}',
    "query object": b'{"query": {"a": 1}}',
    "variables list": json.dumps({"query": SHOP, "variables": [1]}),
    "variables string": json.dumps({"query": SHOP, "variables": "x"}),
    "variables number": json.dumps({"query": SHOP, "variables": 5}),
    "variables true": json.dumps({"query": SHOP, "variables": True}),
    "operation unknown": json.dumps({"query": SHOP, "operationName": "Nothing"}),
    "operation number": json.dumps({"query": SHOP, "operationName": 5}),
    "operation list": json.dumps({"query": SHOP, "operationName": ["a"]}),
    "operation object": json.dumps({"query": SHOP, "operationName": {}}),
    "extensions list": json.dumps({"query": SHOP, "extensions": [1]}),
    "5,000 deep": '{"query": "{ shop { handle } }", "variables": '
    + '{"a":' * 5_000 + "1" + "}" * 5_000 + "}",
    "100,000 lists": b"[" * 100_000,
    "100,000 lists, closed": b'{"query": "{ __typename }", "variables": {"x": '
    + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "5,000 digits": '{"query": "query ($x: Int) { __typename }", "variables": {"x": '
    + "9" * 5_000 + "}}",
    "surrogate": b'{"query": "{ \\ud800 }"}',
    "surrogate in a string": b'{"query": "{ criterion(key: \\"\\ud800\\") { key } x }"}',
    "NUL": b'{"query": "{ shop \\u0000 { handle } }"}',
}  # fmt: skip


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{shop", "Unable to parse request body as JSON: line 1, column 2."),
        (b'{"query":\n  "Anna', "Unable to parse request body as JSON: line 2, column 3."),
        (
            b'{"qurey": "{ shop { handle } }"}',
            (
                "The request has no query; its fields can be query, documentId, operationName, "
                "variables, extensions."
            ),
        ),
    ],
)
def test_a_malformed_body_gets_a_helpful_message(shop: Client, body: bytes, message: str) -> None:
    assert [error["message"] for error in send(shop, body).json()["errors"]] == [message]


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_body_is_a_coded_error(shop: Client, name: str) -> None:
    assert refused_codes(shop, MALFORMED[name]) == {"BAD_REQUEST"}


def test_the_limit_of_a_body_depends_on_the_scopes_of_its_token(server: Server) -> None:
    shop = server.shop()
    reader = server.client(shop.shop, [TokenScope.SEGMENTS_READ, TokenScope.CONTACTS_READ])
    padding = " " * 262_144
    for content in (to_body(SHOP + padding), to_body(SHOP) + padding):
        response = send(reader, content)
        assert response.status_code == 413
        assert error_codes(response) == {"BODY_TOO_LARGE"}
    assert send(shop, to_body(SHOP) + padding).json()["data"]["shop"]["handle"] == shop.shop.handle

    def chunks() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    headers = {"Content-Type": "application/json"}
    response = reader.request("POST", "/graphql", headers, content=chunks())
    assert response.status_code == 413
    assert error_codes(response) == {"BODY_TOO_LARGE"}
    largest = to_body(SHOP).ljust(262_144)
    assert send(reader, largest).json()["data"]["shop"]["handle"] == shop.shop.handle


def test_only_variables_may_be_long(shop: Client) -> None:
    for query in ("#" + "x" * 262_144 + f"\n{SHOP}", "," * 262_144 + SHOP):
        response = send(shop, to_body(query))
        assert response.status_code == 413
        assert error_codes(response) == {"BODY_TOO_LARGE"}
    upsert = "mutation ($c: [ContactInput!]!) { contactsUpsert(contacts: $c) { recorded } }"
    for contact in ("[]", "{}", "1"):
        contacts = ",".join([contact] * 1_000_001)
        response = send(shop, f'{{"query": "{upsert}", "variables": {{"c": [{contacts}]}}}}')
        assert response.status_code == 413
        assert error_codes(response) == {"BODY_TOO_LARGE"}
    many = [{"id": str(number), "tags": ["a"] * 20} for number in range(10_000)]
    assert shop.ask(upsert, c=many)["contactsUpsert"]["recorded"] == 10_000


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{", {}),
        ("{ nothing }", {}),
        (ANY_RULE, {}),
        (ANY_RULE, {"rule": {"nothing": {}}}),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(101)) + " }", {}),
    ],
)
def test_the_newer_media_type_has_status_400_for_refused_requests(
    shop: Client, query: str, variables: dict[str, Any]
) -> None:
    content = to_body(query, variables)
    newer = send(shop, content, Accept=GRAPHQL)
    assert newer.status_code == 400
    assert newer.headers["content-type"].startswith(GRAPHQL)
    assert "data" not in newer.json()
    older = send(shop, content, Accept="application/json")
    assert older.status_code == 200
    assert older.headers["content-type"].startswith("application/json")
    assert error_codes(older) == error_codes(newer)


def test_the_newer_media_type_has_status_200_for_executed_operations(shop: Client) -> None:
    good = send(shop, to_body(SHOP), Accept=f"{GRAPHQL}, application/json;q=0.9")
    assert (good.status_code, "errors" in good.json()) == (200, False)
    assert good.headers["content-type"].startswith(GRAPHQL)
    assert good.json()["data"]["shop"]["handle"] == shop.shop.handle
    bad = send(shop, to_body(ANY_RULE, {"rule": {"any": []}}), Accept=GRAPHQL)
    assert bad.status_code == 200
    assert bad.json()["data"] is None
    assert bad.json()["errors"][0]["extensions"] == {"code": "INVALID", "path": ["rule", "any"]}


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/html", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, {JSON}", GRAPHQL),
        (f"{JSON}, {GRAPHQL}", JSON),
        (f"{GRAPHQL};q=0.9, {JSON}", JSON),
        (f"{JSON};q=0.2, {GRAPHQL};q=0.3", GRAPHQL),
        (f"{JSON};q=0.2, {GRAPHQL};q=0.1, */*", JSON),
        (f"{GRAPHQL}, */*", GRAPHQL),
        (f"*/*, {GRAPHQL}", GRAPHQL),
        (f"{GRAPHQL};q=0.5, */*", JSON),
        (f"{JSON};q=0.5, */*;q=0.6", GRAPHQL),
        (f"{GRAPHQL};q=0, */*", JSON),
        (f"{JSON};q=0, */*", GRAPHQL),
        (f"{JSON};q=0", GRAPHQL),
        (f"{JSON};Q=0.000 , application/*;q=0.001", GRAPHQL),
        (f"{JSON.upper()}; charset=utf-8; q=1, {GRAPHQL};q=0.9", JSON),
        (f"{JSON};q=x, {GRAPHQL};q=0.5", JSON),
        (f"{JSON};q=0, application/*;q=0, */*", None),
        (f"{JSON};q=0, {GRAPHQL};q=0.0, text/html", None),
        ("*/*;q=0", None),
    ],
)
def test_the_media_type_is_the_one_that_the_client_prefers(
    shop: Client, accept: str, expected: str | None
) -> None:
    upsert = 'mutation { contactsUpsert(contacts: [{id: "1"}]) { recorded } }'
    response = send(shop, to_body(upsert), Accept=accept)
    if expected is None:
        assert response.status_code == 406
        assert error_codes(response) == {"BAD_REQUEST"}
        assert GRAPHQL in response.json()["errors"][0]["message"]
    else:
        assert response.headers["content-type"] == f"{expected}; charset=utf-8"
    assert shop.size({"all": []})["contacts"] == (expected is not None)


def test_partial_data_comes_with_the_errors(shop: Client) -> None:
    query = '{ shop { handle } node(id: "x") { id } }'
    response = send(shop, to_body(query), Accept=GRAPHQL)
    assert response.status_code == 200
    assert response.json()["data"] == {"shop": {"handle": shop.shop.handle}, "node": None}
    assert error_codes(response) == {"INVALID"}

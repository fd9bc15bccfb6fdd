"""The HTTP edge: whatever is sent, the answer is a coded error or what was asked for."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.schema.operations import send
from tests.support import SIZE, Client, Server, serving

GRAPHQL = "application/graphql-response+json"
SHOP = "{ shop { handle } }"
TYPENAME = "query ($x: Int) { __typename }"
ANY_RULE = "query ($rule: RuleInput!) { segmentSize(rule: $rule) { members } }"


@pytest.fixture(autouse=True)
def _no_tracebacks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client sends may be an unexpected error in the log."""
    yield
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def _codes(response: httpx.Response) -> set[str]:
    """The codes of an answer that must be a foreseen refusal."""
    assert response.status_code < 500
    answer = response.json()
    assert answer["errors"]
    assert all(error["message"] for error in answer["errors"])
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert "INTERNAL" not in codes, answer
    return codes


def _refused(shop: Client, content: str | bytes) -> set[str]:
    """The codes of the answer to a body, for which the client waits a minute at most."""
    response = send(shop, content)
    codes = _codes(response)
    assert not any((response.json().get("data") or {}).values())
    return codes


def _body(query: str, variables: Mapping[str, Any] | None = None) -> str:
    return json.dumps({"query": query, "variables": variables or {}})


def _get(shop: Client, **params: str) -> httpx.Response:
    return shop.http.get(
        f"{shop.address}/graphql",
        params=params,
        headers={"Authorization": f"Bearer {shop.token}"},
    )


def test_queries_may_be_asked_by_get(shop: Client) -> None:
    assert _get(shop, query=SHOP).json() == {"data": {"shop": {"handle": shop.shop.handle}}}
    answer = _get(shop, query=SIZE, variables=json.dumps({"rule": {"all": []}})).json()
    assert answer["data"]["segmentSize"]["members"] == 0
    named = "query A { __typename } query B { shop { handle } }"
    answer = _get(shop, query=named, operationName="B").json()
    assert answer["data"]["shop"]["handle"] == shop.shop.handle


def test_a_mutation_by_get_changes_nothing(shop: Client) -> None:
    mutation = 'mutation { contactsUpsert(contacts: [{id: "1"}]) { recorded } }'
    both = f"query A {{ __typename }} {mutation.replace('mutation', 'mutation B')}"
    for response in (_get(shop, query=mutation), _get(shop, query=both, operationName="B")):
        assert response.status_code in {400, 405}
        assert _codes(response) == {"BAD_REQUEST"}
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
def test_what_is_wrong_with_a_get_is_a_coded_error(shop: Client, params: dict[str, str]) -> None:
    assert _codes(_get(shop, **params)) == {"BAD_REQUEST"}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(shop: Client, method: str) -> None:
    response = shop.http.request(
        method, f"{shop.address}/graphql", headers={"Authorization": f"Bearer {shop.token}"}
    )
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"
    assert _codes(response) == {"BAD_REQUEST"}


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
def test_other_types_of_body_are_refused(shop: Client, headers: dict[str, str]) -> None:
    response = send(shop, _body(SHOP), **headers)
    assert response.status_code == 415
    assert _codes(response) == {"UNSUPPORTED_MEDIA_TYPE"}


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_in_utf_8_is_read(shop: Client, kind: str) -> None:
    assert send(shop, _body(SHOP), Content_Type=kind).json()["data"]


def test_a_body_of_another_type_is_not_waited_for(shop: Client) -> None:
    host, _, port = shop.address.removeprefix("http://").partition(":")
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {shop.token}\r\n"
        "Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))  # until the server closes
    assert answer.startswith(b"HTTP/1.1 415")
    assert b"UNSUPPORTED_MEDIA_TYPE" in answer


def test_an_address_over_the_limit_is_refused_whatever_its_token_may_send(
    services: Services, settings: Settings, shop: Client
) -> None:
    with serving(services, settings.model_copy(update={"max_query_bytes": 2_000})) as address:
        limited = replace(shop, address=address)
        assert _get(limited, query=SHOP.ljust(500)).json()["data"]
        assert send(limited, _body(SHOP).ljust(5_000)).json()["data"]  # it may write facts
        response = _get(limited, query=SHOP.ljust(2_000))
        assert response.status_code == 413
        assert _codes(response) == {"BODY_TOO_LARGE"}


MALFORMED: Mapping[str, str | bytes] = {
    "empty": b"",
    "no JSON": b"{query",
    "not UTF-8": b'{"query": "\xff\xfe"}',
    "UTF-16": json.dumps({"query": SHOP}).encode("utf-16"),
    "null": b"null",
    "a number": b"5",
    "a text": b'"query"',
    "a list": b"[]",
    "a batch": json.dumps([{"query": SHOP}]),
    "NaN": b'{"query": "{ shop { handle } }", "variables": {"x": NaN}}',
    "Infinity": b'{"query": "{ shop { handle } }", "variables": {"x": -Infinity}}',
    "nothing asked": b"{}",
    "query null": b'{"query": null}',
    "query number": b'{"query": 5}',
    "query list": b'{"query": ["{ shop { handle } }"]}',
    "query object": b'{"query": {"a": 1}}',
    "variables list": json.dumps({"query": SHOP, "variables": [1]}),
    "variables text": json.dumps({"query": SHOP, "variables": "x"}),
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
    "100,000 lists, whole": b'{"query": "{ __typename }", "variables": {"x": '
    + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "5,000 digits": '{"query": "query ($x: Int) { __typename }", "variables": {"x": '
    + "9" * 5_000 + "}}",
    "surrogate": b'{"query": "{ \\ud800 }"}',
    "surrogate in text": b'{"query": "{ criterion(key: \\"\\ud800\\") { key } x }"}',
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
                "No GraphQL query found in the request: send its text as query; known are query, "
                "documentId, operationName, variables, extensions."
            ),
        ),
    ],
)
def test_what_is_to_mend_in_a_request_is_said(shop: Client, body: bytes, message: str) -> None:
    assert [error["message"] for error in send(shop, body).json()["errors"]] == [message]


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_request_is_a_coded_error(shop: Client, name: str) -> None:
    assert _refused(shop, MALFORMED[name]) == {"BAD_REQUEST"}


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        "#",
        "{",
        "}",
        "{ shop { handle }",
        "{ shop }",
        "{ nothing }",
        "{ shop { nothing } }",
        "{ shop(x: 1) { handle } }",
        "{ ...Nothing }",
        "query ($rule: Nothing) { __typename }",
        "query ($rule: RuleInput!) { segmentSize(rule: $other) { members } }",
        "{ segmentSize { members } }",
        "{ segmentSize(rule: {}) { members } }",
        "{ segmentSize(rule: {all: [], any: []}) { members } }",
        "{ segmentSize(rule: {nothing: {}}) { members } }",
        "{ segmentSize(rule: null) { members } }",
        "{ segmentSize(rule: {spend: {operator: LIKE, amount: 5}}) { members } }",
        "mutation { shop { handle } }",
        "subscription { segmentSize(rule: {all: []}) { members } }",
        "type Query { a: Int }",
        "fragment A on Shop { handle }",
        "query A { __typename } query A { __typename }",
        "{ a: shop { handle } a: criteria { key } }",
        "fragment A on Shop { ...A } { shop { ...A } }",
        "fragment A on Shop { ...B } fragment B on Shop { ...A } { shop { ...B } }",
        "{ shop @nothing { handle } }",
        "{ shop @include { handle } }",
        "\ufeff{",
        '{ criterion(key: """) { key } }',
        "{ segments(first: 99999999999) { totalCount } }",
        "{ segments(sortKey: SIZE) { totalCount } }",
    ],
)
def test_what_is_no_graphql_of_this_schema_is_a_coded_error(shop: Client, query: str) -> None:
    assert _refused(shop, _body(query)) == {"BAD_REQUEST"}


@pytest.mark.parametrize("query", ["{}", "{ ...{} }", "query Q {}"])
def test_who_asks_for_nothing_gets_nothing(shop: Client, query: str) -> None:
    # The specification has no such operation, and the parser lets it pass.
    assert send(shop, _body(query)).json() == {"data": {}}


@pytest.mark.parametrize("digits", [20, 400, 4_000, 5_000])
@pytest.mark.parametrize(
    "query",
    [
        "{{ segmentSize(rule: {{ordersPlaced: {{operator: EQUALS, count: {}}}}}) {{ members }} }}",
        "{{ segmentSize(rule: {{spend: {{operator: EQUALS, amount: {}}}}}) {{ members }} }}",
        "{{ segmentSize(rule: {{lastOrderDate: {{operator: ON, date: {}}}}}) {{ members }} }}",
        "{{ segments(first: {}) {{ totalCount }} }}",
        "{{ node(id: {}) {{ id }} }}",
        "{{ node(id: {}.5e{}) {{ id }} }}",
        "{{ segmentSize(rule: {{spend: {{operator: EQUALS, amount: {}e{}}}}}) {{ members }} }}",
    ],
)
def test_huge_numbers_in_a_query_are_refused(shop: Client, query: str, digits: int) -> None:
    number = "9" * digits
    codes = _refused(shop, _body(query.format(number, number)))
    assert codes <= {"BAD_REQUEST", "INVALID"}


@pytest.mark.parametrize("number", [10**19, 10**399, 10**3_999, 1e300, -(10**399)])
@pytest.mark.parametrize(
    "rule",
    [
        {"ordersPlaced": {"operator": "EQUALS", "count": None}},
        {"spend": {"operator": "EQUALS", "amount": None}},
        {"lastOrderDate": {"operator": "ON", "date": None}},
        {"keyword": {"operator": "ANY_OF", "keywords": [None]}},
    ],
)
def test_huge_numbers_in_variables_are_refused(
    shop: Client, rule: dict[str, Any], number: float
) -> None:
    ((key, body),) = rule.items()
    filled = {
        key: {
            name: number if value is None else [number] if isinstance(value, list) else value
            for name, value in body.items()
        }
    }
    assert _refused(shop, _body(ANY_RULE, {"rule": filled})) <= {"BAD_REQUEST", "INVALID"}


def _nested(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"ordersPlaced": {"operator": "EQUALS", "count": 0}}
    for _ in range(depth - 1):
        rule = {"not": rule}
    return rule


def _many(count: int) -> list[dict[str, Any]]:
    return [{"ordersPlaced": {"operator": "AT_LEAST", "count": n}} for n in range(count)]


BETWEEN = {"operator": "BETWEEN"}


@pytest.mark.parametrize(
    ("rule", "code", "path"),
    [
        ({"any": []}, "INVALID", "rule.any"),
        ({"all": [{"any": []}]}, "INVALID", "rule.all.0.any"),
        (
            {
                "all": [
                    {"all": []},
                    {"textsReceived": {"operator": "EQUALS", "count": -1}},
                ]
            },
            "INVALID",
            "rule.all.1.textsReceived.count",
        ),
        (
            {"not": {"lastOrderDate": {"operator": "IN_LAST", "days": 36_501}}},
            "INVALID",
            "rule.not.lastOrderDate.days",
        ),
        (
            {"spend": {"operator": "EQUALS", "amount": "1.00000"}},
            "INVALID",
            "rule.spend.amount",
        ),
        ({"spend": {"operator": "EQUALS", "amount": 5}}, "INVALID", "rule.spend.amount"),
        ({"spend": {**BETWEEN, "amount": "2", "upTo": "1"}}, "INVALID", "rule.spend.upTo"),
        (
            {"ordersPlaced": {**BETWEEN, "count": 2, "upTo": 1}},
            "INVALID",
            "rule.ordersPlaced.upTo",
        ),
        (
            {"lastOrderDate": {**BETWEEN, "date": "2024-05-02", "upTo": "2024-05-01"}},
            "INVALID",
            "rule.lastOrderDate.upTo",
        ),
        (
            {
                "spend": {
                    "operator": "EQUALS",
                    "amount": "1",
                    "within": {"between": {"from": "2024-05-02", "to": "2024-05-01"}},
                }
            },
            "INVALID",
            "rule.spend.within.between.to",
        ),
        (
            {
                "spend": {
                    "operator": "EQUALS",
                    "amount": "1",
                    "within": {"last": {"count": 1001, "unit": "DAYS"}},
                }
            },
            "INVALID",
            "rule.spend.within.last.count",
        ),
        (
            {"location": {"operator": "ANY_OF", "countries": ["US", "us"]}},
            "INVALID",
            "rule.location.countries.1",
        ),
        (
            {"keyword": {"operator": "ANY_OF", "keywords": ["x"] * 1001}},
            "INVALID",
            "rule.keyword.keywords",
        ),
        ({"spend": {"operator": "EQUALS"}}, "BAD_REQUEST", "rule.spend"),
        ({"spend": {"operator": "LIKE", "amount": "1"}}, "BAD_REQUEST", "rule.spend.operator"),
        ({"spend": {"operator": "EQUALS", "amount": "1", "x": 1}}, "BAD_REQUEST", "rule.spend"),
        ({"nothing": {"operator": "EQUALS"}}, "BAD_REQUEST", None),
        ({}, "BAD_REQUEST", None),
        ({"all": [], "any": [{"all": []}]}, "BAD_REQUEST", None),
        ({"all": None}, "BAD_REQUEST", None),
        (
            {"ordersPlaced": {"operator": "EQUALS", "count": 2**31}},
            "BAD_REQUEST",
            "rule.ordersPlaced.count",
        ),
        (
            {"ordersPlaced": {"operator": "EQUALS", "count": "5"}},
            "BAD_REQUEST",
            "rule.ordersPlaced.count",
        ),
        (_nested(11), "LIMIT_EXCEEDED", ".".join(["rule", *["not"] * 10])),
        (_nested(40), "LIMIT_EXCEEDED", ".".join(["rule", *["not"] * 10])),
        ({"any": _many(101)}, "LIMIT_EXCEEDED", "rule.any"),
        ({"all": [{"any": _many(51)}, {"any": _many(50)}]}, "LIMIT_EXCEEDED", "rule"),
    ],
)
def test_what_a_rule_cannot_be(
    shop: Client, rule: dict[str, Any], code: str, path: str | None
) -> None:
    assert _refused(shop, _body(ANY_RULE, {"rule": rule})) == {code}
    (error, *_) = shop.errors(ANY_RULE, rule=rule)
    assert error["extensions"].get("path") == (
        None
        if path is None
        else [int(step) if step.isdigit() else step for step in path.split(".")]
    )


def test_rules_at_their_limits_are_accepted(shop: Client) -> None:
    for rule in (_nested(10), {"any": _many(100)}):
        assert shop.ask(ANY_RULE, rule=rule)["segmentSize"]["members"] == 0


def test_every_problem_of_a_rule_is_its_own_error(shop: Client) -> None:
    rule = {
        "all": [
            {"spend": {"operator": "EQUALS", "amount": "x"}},
            {"any": []},
            {"textsReceived": {"operator": "BETWEEN", "count": 1}},
        ]
    }
    errors = shop.errors(ANY_RULE, rule=rule)
    assert [error["extensions"]["path"] for error in errors] == [
        ["rule", "all", 0, "spend", "amount"],
        ["rule", "all", 1, "any"],
        ["rule", "all", 2, "textsReceived", "upTo"],
    ]
    for error in errors:
        assert error["path"] == ["segmentSize"]
        dotted = ".".join(map(str, error["extensions"]["path"]))
        assert error["message"].startswith(f"{dotted} ")


def test_a_body_over_the_limit_is_refused_by_the_scopes_of_its_token(server: Server) -> None:
    shop = server.shop()
    reader = server.client(shop.shop, [TokenScope.SEGMENTS_READ, TokenScope.CONTACTS_READ])
    padding = " " * 262_144
    for content in (_body(SHOP + padding), _body(SHOP) + padding):
        response = send(reader, content)
        assert response.status_code == 413
        assert _codes(response) == {"BODY_TOO_LARGE"}
    assert send(shop, _body(SHOP) + padding).json()["data"]["shop"]["handle"] == shop.shop.handle

    def chunks() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * 1024

    response = reader.http.post(
        f"{reader.address}/graphql",
        content=chunks(),
        headers={"Authorization": f"Bearer {reader.token}", "Content-Type": "application/json"},
    )
    assert response.status_code == 413
    assert _codes(response) == {"BODY_TOO_LARGE"}
    fits = _body(SHOP).ljust(262_144)
    assert send(reader, fits).json()["data"]["shop"]["handle"] == shop.shop.handle


def test_of_facts_it_is_the_variables_that_may_be_long(shop: Client) -> None:
    for query in ("#" + "x" * 262_144 + f"\n{SHOP}", "," * 262_144 + SHOP):
        response = send(shop, _body(query))
        assert response.status_code == 413
        assert _codes(response) == {"BODY_TOO_LARGE"}
    upsert = "mutation ($c: [ContactInput!]!) { contactsUpsert(contacts: $c) { recorded } }"
    for contact in ("[]", "{}", "1"):
        contacts = ",".join([contact] * 1_000_001)
        response = send(shop, f'{{"query": "{upsert}", "variables": {{"c": [{contacts}]}}}}')
        assert response.status_code == 413
        assert _codes(response) == {"BODY_TOO_LARGE"}
    many = [{"id": str(number), "tags": ["a"] * 20} for number in range(10_000)]
    assert shop.ask(upsert, c=many)["contactsUpsert"]["recorded"] == 10_000


def _bomb(levels: int, width: int = 2) -> str:
    """A short query that stands for a long one: each fragment spreads the next several times."""
    fragments = [
        f"fragment F{level} on Query {{ {f'...F{level + 1} ' * width}}}" for level in range(levels)
    ]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{levels} on Query {{ shop {{ id }} }}"])


def _chain(length: int) -> str:
    """Fragments that each spread the next."""
    fragments = [f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(length)]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{length} on Query {{ shop {{ id }} }}"])


TOO_MUCH: Mapping[str, str] = {
    "fragment bomb": _bomb(24),
    "fragment bomb of objects": _bomb(12, 4),
    "fragment chain": _chain(1_500),
    "many tokens": "{ " + "shop { id } " * 10_000 + "}",
    "50,000 names": "{ " + "a " * 50_000 + "}",
    "deep fields": "{a" * 5_000 + "}" * 5_000,
    "deep fields, open": "{a" * 5_000,
    "deep inline fragments": "{..." * 3_000 + "{ shop { id } }" + "}" * 3_000,
    "deep lists": "{ nodes(ids: " + "[" * 5_000 + "]" * 5_000 + ") { id } }",
    "deep objects": "{ segmentSize(rule: " + "{not: " * 3_000 + "{all: []}" + "}" * 3_000
    + ") { members } }",
    "deep types": "query ($x: " + "[" * 5_000 + "Int" + "]" * 5_000 + ") { __typename }",
    "deeper than a form": "{ contact(id: \"x\") " + "{ segments { members { nodes " * 6
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
    "one field again and again": "{ " + "shop { id } " * 400 + "}",
    "one field in many fragments": "{ " + " ".join(f"...F{n}" for n in range(300)) + " } "
    + " ".join(f"fragment F{n} on Query {{ shop {{ id }} }}" for n in range(300)),
    "pages in pages": "{ segments(first: 250) { nodes { members(first: 250) { nodes { id } } } } }",
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_MUCH)
def test_a_query_that_asks_too_much_is_refused_at_once(shop: Client, name: str) -> None:
    assert len(_refused(shop, _body(TOO_MUCH[name]))) == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("fragment bomb", "TOO_MANY_FIELDS"),
        ("many tokens", "TOO_MANY_TOKENS"),
        ("deep fields", "QUERY_TOO_DEEP"),
        ("deep fields, open", "QUERY_TOO_DEEP"),
        ("deeper than a form", "QUERY_TOO_DEEP"),
        ("aliases", "TOO_MANY_ALIASES"),
        ("aliases in fragments", "TOO_MANY_ALIASES"),
        ("fields", "TOO_MANY_FIELDS"),
        ("directives", "TOO_MANY_DIRECTIVES"),
        ("directives of an operation", "TOO_MANY_DIRECTIVES"),
        ("directives in fragments", "TOO_MANY_DIRECTIVES"),
        ("directives of fragments", "TOO_MANY_DIRECTIVES"),
        ("pages in pages", "QUERY_TOO_COSTLY"),
        ("one field again and again", "TOO_MANY_REPEATS"),
        ("one field in many fragments", "TOO_MANY_REPEATS"),
    ],
)
def test_a_limit_has_its_own_code(shop: Client, name: str, code: str) -> None:
    assert _refused(shop, _body(TOO_MUCH[name])) == {code}


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
def test_a_query_within_the_limits_costs_little(shop: Client, query: str) -> None:
    response = send(shop, _body(query))
    answer = response.json()
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
    assert codes <= {"QUERY_TOO_COSTLY", "TOO_MANY_REPEATS", "BAD_REQUEST"}
    assert codes or answer["data"]


def test_many_aliases_of_a_costly_field_end_in_time(shop: Client) -> None:
    aliases = " ".join(f"a{n}: segmentSize(rule: {{all: []}}) {{ members }}" for n in range(100))
    answer = send(shop, _body(f"{{ {aliases} }}")).json()
    assert len(answer["data"]) == 100


def test_introspection_as_graphiql_asks_for_it_is_within_the_limits(shop: Client) -> None:
    depth = "{ kind name " + "ofType { kind name " * 9 + "}" * 9 + " }"
    query = f"{{ __schema {{ types {{ fields {{ args {{ type {depth} }} }} }} }} }}"
    assert shop.ask(query)["__schema"]["types"]


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
def test_the_newer_media_type_tells_refused_requests_by_status(
    shop: Client, query: str, variables: dict[str, Any]
) -> None:
    content = _body(query, variables)
    newer = send(shop, content, Accept=GRAPHQL)
    assert newer.status_code == 400
    assert newer.headers["content-type"].startswith(GRAPHQL)
    assert "data" not in newer.json()
    older = send(shop, content, Accept="application/json")
    assert older.status_code == 200
    assert older.headers["content-type"].startswith("application/json")
    assert _codes(older) == _codes(newer)


def test_the_newer_media_type_answers_200_to_what_was_executed(shop: Client) -> None:
    good = send(shop, _body(SHOP), Accept=f"{GRAPHQL}, application/json;q=0.9")
    assert (good.status_code, "errors" in good.json()) == (200, False)
    assert good.headers["content-type"].startswith(GRAPHQL)
    assert good.json()["data"]["shop"]["handle"] == shop.shop.handle
    bad = send(shop, _body(ANY_RULE, {"rule": {"any": []}}), Accept=GRAPHQL)
    assert bad.status_code == 200
    assert bad.json()["data"] is None
    assert bad.json()["errors"][0]["extensions"] == {"code": "INVALID", "path": ["rule", "any"]}


def test_part_of_an_answer_comes_with_the_error_of_the_rest(shop: Client) -> None:
    query = '{ shop { handle } node(id: "x") { id } }'
    answer = send(shop, _body(query), Accept=GRAPHQL)
    assert answer.status_code == 200
    assert answer.json()["data"] == {"shop": {"handle": shop.shop.handle}, "node": None}
    assert _codes(answer) == {"INVALID"}

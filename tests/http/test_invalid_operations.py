"""Invalid documents and invalid rules: every mistake is an error with a code."""

from typing import Any

import pytest

from tests.http.requests import ANY_RULE, refused_codes, to_body
from tests.schema.operations import send
from tests.support import Client

pytestmark = pytest.mark.usefixtures("no_logged_errors")


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
def test_an_invalid_document_is_a_coded_error(shop: Client, query: str) -> None:
    assert refused_codes(shop, to_body(query)) == {"BAD_REQUEST"}


@pytest.mark.parametrize("query", ["{}", "{ ...{} }", "query Q {}"])
def test_an_empty_selection_gets_empty_data(shop: Client, query: str) -> None:
    # The specification does not allow it, but the parser accepts it.
    assert send(shop, to_body(query)).json() == {"data": {}}


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
    codes = refused_codes(shop, to_body(query.format(number, number)))
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
    assert refused_codes(shop, to_body(ANY_RULE, {"rule": filled})) <= {"BAD_REQUEST", "INVALID"}


def nest_rule(depth: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"ordersPlaced": {"operator": "EQUALS", "count": 0}}
    for _ in range(depth - 1):
        rule = {"not": rule}
    return rule


def rules(count: int) -> list[dict[str, Any]]:
    return [{"ordersPlaced": {"operator": "AT_LEAST", "count": n}} for n in range(count)]


BETWEEN = {"operator": "BETWEEN"}
ONE = {"operator": "EQUALS", "amount": "1"}


@pytest.mark.parametrize(
    ("rule", "code", "path"),
    [
        ({"any": []}, "INVALID", "rule.any"),
        ({"all": [{"any": []}]}, "INVALID", "rule.all.0.any"),
        (
            {"all": [{"all": []}, {"textsReceived": {"operator": "EQUALS", "count": -1}}]},
            "INVALID",
            "rule.all.1.textsReceived.count",
        ),
        (
            {"not": {"lastOrderDate": {"operator": "IN_LAST", "days": 36_501}}},
            "INVALID",
            "rule.not.lastOrderDate.days",
        ),
        ({"spend": {"operator": "EQUALS", "amount": "1.00000"}}, "INVALID", "rule.spend.amount"),
        ({"spend": {"operator": "EQUALS", "amount": 5}}, "INVALID", "rule.spend.amount"),
        ({"spend": {**BETWEEN, "amount": "2", "upTo": "1"}}, "INVALID", "rule.spend.upTo"),
        ({"ordersPlaced": {**BETWEEN, "count": 2, "upTo": 1}}, "INVALID", "rule.ordersPlaced.upTo"),
        (
            {"lastOrderDate": {**BETWEEN, "date": "2024-05-02", "upTo": "2024-05-01"}},
            "INVALID",
            "rule.lastOrderDate.upTo",
        ),
        (
            {"spend": {**ONE, "within": {"between": {"from": "2024-05-02", "to": "2024-05-01"}}}},
            "INVALID",
            "rule.spend.within.between.to",
        ),
        (
            {"spend": {**ONE, "within": {"last": {"count": 36_501, "unit": "DAYS"}}}},
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
        ({"spend": {**ONE, "x": 1}}, "BAD_REQUEST", "rule.spend"),
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
        (nest_rule(11), "LIMIT_EXCEEDED", ".".join(["rule", *["not"] * 10])),
        (nest_rule(40), "LIMIT_EXCEEDED", ".".join(["rule", *["not"] * 10])),
        ({"any": rules(101)}, "LIMIT_EXCEEDED", "rule.any"),
        ({"all": [{"any": rules(51)}, {"any": rules(50)}]}, "LIMIT_EXCEEDED", "rule"),
    ],
)
def test_an_invalid_rule_is_refused_with_a_code_and_a_path(
    shop: Client, rule: dict[str, Any], code: str, path: str | None
) -> None:
    assert refused_codes(shop, to_body(ANY_RULE, {"rule": rule})) == {code}
    (error, *_) = shop.errors(ANY_RULE, rule=rule)
    assert error["extensions"].get("path") == (
        None
        if path is None
        else [int(step) if step.isdigit() else step for step in path.split(".")]
    )


def test_rules_at_their_limits_are_accepted(shop: Client) -> None:
    for rule in (nest_rule(10), {"any": rules(100)}):
        assert shop.ask(ANY_RULE, rule=rule)["segmentSize"]["members"] == 0


def test_each_problem_of_a_rule_is_an_error(shop: Client) -> None:
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

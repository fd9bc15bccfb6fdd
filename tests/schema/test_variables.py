"""Scopes and limits are checked before variables are converted."""

from typing import Any

import pytest

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.schema.facts import MAX_ITEMS
from graphql_app.schema.variables import FEW_VALUES, MAX_CONTAINERS, MAX_VALUES
from tests.client import SIZE, connected
from tests.factories import contact, contacts
from tests.http.live import COUNT
from tests.schema.operations import LIST
from tests.support import Client, Server

RECORD = """
mutation ($contacts: [ContactInput!]!) {
  contactsUpsert(contacts: $contacts) { recorded userErrors { code path } }
}
"""
RECORD_TWICE = """
mutation ($first: [ContactInput!]!, $contacts: [ContactInput!]!) {
  first: contactsUpsert(contacts: $first) { recorded }
  contactsUpsert(contacts: $contacts) { recorded }
}
"""
CREATE_AND_RECORD = """
mutation ($input: SegmentCreateInput!, $contacts: [ContactInput!]!) {
  segmentCreate(input: $input) { segment { id } }
  contactsUpsert(contacts: $contacts) { recorded }
}
"""


def groups(count: int) -> Any:
    return {"all": [{"all": []}] * count}


def tagged(*tags: Any) -> Any:
    return {"tag": {"operator": "ANY_OF", "tags": [*tags]}}


MANY_TAGS = [f"t{number}" for number in range(FEW_VALUES + 1)]


@pytest.mark.parametrize(
    "rule",
    [
        groups(MAX_CONTAINERS),
        tagged(*["a"] * (MAX_ITEMS + 1)),
        {"all": [tagged(*["a"] * MAX_ITEMS)] * (MAX_VALUES // MAX_ITEMS)},
        {"not": {"all": [tagged("a"), *[groups(20)] * 500]}},
        [[[]]] * MAX_CONTAINERS,
        {"nonsense": [{}] * MAX_CONTAINERS},
    ],
)
def test_a_rule_far_beyond_the_limits_is_refused_as_a_whole(shop: Client, rule: Any) -> None:
    [error] = shop.errors(SIZE, rule=rule)
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["rule"]}
    assert error["message"].startswith("$rule has ")


def test_a_rule_slightly_beyond_the_limits_is_refused_at_its_place(shop: Client) -> None:
    [error] = shop.errors(SIZE, rule={"not": groups(101)})
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["rule", "not", "all"]}


@pytest.mark.parametrize("operation", [RECORD, RECORD_TWICE])
def test_a_batch_beyond_the_limit_records_nothing(shop: Client, operation: str) -> None:
    many = contacts(*range(1, MAX_ITEMS + 2))
    [error] = shop.errors(operation, first=many[:FEW_VALUES], contacts=many)
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["contacts"]}
    assert error["message"] == (
        f"$contacts has {MAX_ITEMS + 1} items in a list or more; the limit is {MAX_ITEMS}."
    )
    assert shop.size({"all": []})["contacts"] == 0


@pytest.mark.parametrize("rule", [groups(1), groups(MAX_CONTAINERS), {"nonsense": 1}])
def test_scopes_are_checked_before_variables(server: Server, rule: Any) -> None:
    client = server.shop(scopes=[TokenScope.SEGMENTS_READ])
    answer = client.post(SIZE, {"rule": rule}).json()
    [error] = answer["errors"]
    assert answer["data"] is None
    assert error["path"] == ["segmentSize"]
    assert error["extensions"] == {"code": "FORBIDDEN"}


def test_an_operation_without_all_of_its_scopes_changes_nothing(server: Server) -> None:
    client = server.shop(scopes=[TokenScope.SEGMENTS_READ, TokenScope.SEGMENTS_WRITE])
    before = client.ask(LIST)["segments"]["totalCount"]
    draft = {"name": "Everyone", "rule": {"all": []}}
    answer = client.post(CREATE_AND_RECORD, {"input": draft, "contacts": contacts(1)}).json()
    assert answer["data"] is None
    assert [error["path"] for error in answer["errors"]] == [["contactsUpsert"]]
    assert client.ask(LIST)["segments"]["totalCount"] == before


@pytest.mark.parametrize(
    ("query", "variables", "allowed"),
    [
        ("query ($yes: Boolean!) { shop { id } segments @skip(if: $yes) { totalCount } }", 1, True),
        (
            "query ($no: Boolean!) { segments @include(if: $no) { totalCount } shop { id } }",
            0,
            True,
        ),
        ("query ($yes: Boolean!) { segments @include(if: $yes) { totalCount } }", 1, False),
        ("{ shop { id } ... @skip(if: true) { segments { totalCount } } }", None, True),
        ("{ shop { id } ... @include(if: true) { segments { totalCount } } }", None, False),
        (
            "fragment F on Query { segments { totalCount } } { ...F @include(if: false) }",
            None,
            True,
        ),
        ("fragment F on Query { s: segments { totalCount } } { ...F ...F }", None, False),
        ("query A { shop { id } } query B { segments { totalCount } }", None, True),
    ],
)
def test_fields_that_are_left_out_require_no_scope(
    server: Server, query: str, variables: int | None, allowed: bool
) -> None:
    client = server.shop(scopes=[])
    sent = {} if variables is None else {"yes": bool(variables), "no": bool(variables)}
    name = "A" if "query A" in query else None
    answer = client.post(query, sent, operationName=name).json()
    codes = [error["extensions"]["code"] for error in answer.get("errors", ())]
    assert codes == ([] if allowed else ["FORBIDDEN"])


@pytest.mark.parametrize("tags", [["t0"], MANY_TAGS])
def test_long_variables_mean_the_same_as_short_ones(shop: Client, tags: list[str]) -> None:
    shop.record("contactsUpsert", [contact(1, tags=["t0"]), contact(2)])
    assert shop.members(tagged(*tags)) == 1
    errors = [
        shop.errors(SIZE, rule=tagged(*tags, 5)),
        shop.errors(SIZE, rule={"tag": {"operator": "ANY_OF", "tags": tags, "more": 1}}),
        shop.errors(SIZE, rule={"tag": {"operator": "SOME_OF", "tags": tags}}),
    ]
    found = [(error["extensions"]["code"], error["extensions"]["path"]) for [error] in errors]
    assert found == [
        ("BAD_REQUEST", ["rule", "tag", "tags", len(tags)]),
        ("BAD_REQUEST", ["rule", "tag"]),
        ("BAD_REQUEST", ["rule", "tag", "operator"]),
    ]


def test_long_variables_are_converted_for_each_operation_of_a_websocket(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1, tags=["t0"]))
    with connected(shop) as stream:
        stream.subscribe(COUNT, rule=tagged(*MANY_TAGS))
        assert stream.next()["segmentSize"]["members"] == 1
        stream.subscribe(SIZE, "2", rule=tagged(*MANY_TAGS))
        assert stream.next("2")["segmentSize"]["members"] == 1

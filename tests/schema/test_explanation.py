"""Explanations of memberships, for one contact and for pages of members."""

from collections.abc import Sequence
from typing import Any

import pytest

from graphql_app.criteria import MoneyCriterion
from graphql_app.runtime.services import Services
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.rules.tree import Rule
from tests.factories import contacts, order, text
from tests.schema.operations import EVERYONE, create
from tests.support import Client, Server

explain = ShopEngine.explain

WHY = """
query ($rule: RuleInput!, $contact: ID!) {
  membershipExplanation(rule: $rule, contactId: $contact) {
    isMember asOf parts { path summary matches measured }
  }
  segmentSize(rule: $rule) { asOf parts { path summary } }
}
"""
PAGE = """
query ($rule: RuleInput!, $first: Int, $after: String) {
  segmentMembers(rule: $rule, first: $first, after: $after) {
    edges { node { sourceId } explanation { isMember asOf parts { path matches measured } } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
SEGMENT_PAGE = """
query ($id: ID!) {
  segment(id: $id) { members { edges { node { id } explanation { parts { measured } } } } }
}
"""
SPENT: dict[str, Any] = {"spend": {"operator": "AT_MOST", "amount": "30"}}
NEVER: dict[str, Any] = {"textsReceived": {"operator": "NOT_EQUALS", "count": 1}}


@pytest.fixture(scope="module")
def people(server: Server) -> Client:
    """Return a shop with six contacts: contact n spent 10 times n, and contact 6 nothing."""
    shop = server.shop("Europe/London", "GBP")
    shop.record("contactsUpsert", contacts(*range(1, 7)))
    shop.record("ordersUpsert", [order(number, total=f"{number}0.00") for number in range(1, 6)])
    shop.record("textsRecord", [text(1)])
    return shop


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Record the contacts of each statement that explains memberships."""
    explained: list[list[int]] = []

    def recorded(engine: ShopEngine, rule: Rule, ids: Sequence[int]) -> Any:
        explained.append([*ids])
        return explain(engine, rule, ids)

    monkeypatch.setattr(ShopEngine, "explain", recorded)
    return explained


def ids(shop: Client) -> list[str]:
    query = "{ segmentMembers(rule: {all: []}) { nodes { id } } }"
    return [node["id"] for node in shop.ask(query)["segmentMembers"]["nodes"]]


def test_every_part_has_its_summary_and_the_measured_value(people: Client) -> None:
    fourth = ids(people)[3]
    answer = people.ask(WHY, rule={"any": [SPENT, {"not": NEVER}]}, contact=fourth)
    found, size = answer["membershipExplanation"], answer["segmentSize"]
    assert not found["isMember"]
    either = "Has spent at most £30.00 or has received exactly 1 text"
    # The path, the summary, whether it matches and the measured value.
    assert [tuple(part.values()) for part in found["parts"]] == [
        (["rule"], either, False, None),
        (["rule", "any", "0"], "Has spent at most £30.00", False, "£40.00"),
        (["rule", "any", "1"], "Has received exactly 1 text", False, None),
        (["rule", "any", "1", "not"], "Has not received exactly 1 text", True, "0"),
    ]
    parts = [{key: part[key] for key in ("path", "summary")} for part in found["parts"]]
    assert parts == size["parts"]
    assert found["asOf"] == size["asOf"]


def test_one_statement_explains_a_page_of_members(
    people: Client, statements: list[list[int]]
) -> None:
    rule = {"all": [SPENT, NEVER]}
    seen, cursor, more = [], None, True
    while more:
        page = people.ask(PAGE, rule=rule, first=2, after=cursor)["segmentMembers"]
        for edge in page["edges"]:
            explanation = edge["explanation"]
            assert explanation["isMember"]
            assert all(part["matches"] for part in explanation["parts"])
            _, spent, received = (part["measured"] for part in explanation["parts"])
            seen.append((edge["node"]["sourceId"], spent, received))
        cursor, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == [("2", "£20.00", "0"), ("3", "£30.00", "0"), ("6", "£0.00", "0")]
    assert [sorted(contacts) for contacts in statements] == [[2, 3], [6]]


def test_a_page_without_explanations_runs_no_extra_statement(
    people: Client, statements: list[list[int]]
) -> None:
    people.ask("{ segmentMembers(rule: {all: []}) { edges { cursor node { id } } } }")
    assert statements == []


def test_each_page_of_a_request_is_explained_by_its_own_rule(people: Client) -> None:
    answer = people.ask(
        """
        query ($one: RuleInput!, $two: RuleInput!) {
          one: segmentMembers(rule: $one) { edges { explanation { parts { measured } } } }
          two: segmentMembers(rule: $two, first: 1) { edges { explanation { parts { measured } } } }
        }
        """,
        one=SPENT,
        two=NEVER,
    )
    assert [edge["explanation"]["parts"] for edge in answer["one"]["edges"]] == [
        [{"measured": f"£{amount}.00"}] for amount in (10, 20, 30, 0)
    ]
    assert answer["two"]["edges"] == [{"explanation": {"parts": [{"measured": "0"}]}}]


def test_members_of_saved_segments_are_explained(people: Client) -> None:
    segment = create(people, "Spent little", SPENT)
    edges = people.ask(SEGMENT_PAGE, id=segment["id"])["segment"]["members"]["edges"]
    measured = [edge["explanation"]["parts"][0]["measured"] for edge in edges]
    assert measured[:2] == ["£10.00", "£20.00"]
    inside = {"inSegment": {"operator": "IS_NOT", "segment": segment["id"]}}
    found = people.ask(WHY, rule=inside, contact=ids(people)[3])["membershipExplanation"]
    assert found["isMember"]
    assert found["parts"][0]["summary"] == 'Is not in the segment "Spent little"'


def test_another_shops_contact_looks_like_a_missing_one(people: Client, server: Server) -> None:
    other = server.shop()
    other.record("contactsUpsert", contacts(77))
    [foreign] = ids(other)
    answers = {}
    segment = create(people, "Anybody")["id"]
    for name, contact in (("foreign", foreign), ("segment", segment)):
        answers[name] = people.errors(WHY, rule=EVERYONE, contact=contact)
    people.record("contactsUpsert", contacts(78))
    gone = ids(people)[-1]
    people.forget("78")
    answers["gone"] = people.errors(WHY, rule=EVERYONE, contact=gone)
    for errors in answers.values():
        assert errors == answers["foreign"]
        assert errors[0]["extensions"] == {"code": "NOT_FOUND", "path": ["contactId"]}
    [error] = people.errors(WHY, rule=EVERYONE, contact="5")
    assert error["extensions"] == {"code": "INVALID", "path": ["contactId"]}


def test_an_invalid_rule_gets_the_same_error_as_for_a_size(people: Client) -> None:
    wrong = {"all": [{"spend": {"operator": "BETWEEN", "amount": "5"}}]}
    errors = people.errors(WHY, rule=wrong, contact=ids(people)[0])
    path = ["rule", "all", 0, "spend", "upTo"]
    assert errors[0]["extensions"] == {"code": "INVALID", "path": path}


def test_a_contact_that_is_forgotten_meanwhile_is_not_listed(
    shop: Client, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.record("contactsUpsert", contacts(1, 2))
    forgotten: list[int] = []

    def explain_a_moment_later(engine: ShopEngine, rule: Rule, ids: Sequence[int]) -> Any:
        if not forgotten:
            services.recorder.forget(shop.shop_id, ["1"])
            forgotten.append(1)
        return explain(engine, rule, ids)

    monkeypatch.setattr(ShopEngine, "explain", explain_a_moment_later)
    edges = shop.ask(PAGE, rule=EVERYONE)["segmentMembers"]["edges"]
    assert [edge["node"]["sourceId"] for edge in edges] == ["2"]
    assert all(edge["explanation"] for edge in edges)


def test_a_page_is_listed_even_if_it_cannot_be_explained(
    people: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> str:
        raise LookupError("no words")

    monkeypatch.setattr(MoneyCriterion, "describe_value", fail)
    answer = people.post(PAGE, {"rule": SPENT, "first": 2}).json()
    edges = answer["data"]["segmentMembers"]["edges"]
    assert [edge["node"]["sourceId"] for edge in edges] == ["1", "2"]
    assert [edge["explanation"] for edge in edges] == [None, None]
    for error in answer["errors"]:
        assert error["extensions"] == {"code": "CRITERION_FAILED", "path": ["rule", "spend"]}
        assert "no words" not in error["message"]


def test_one_page_may_ask_for_explanations_and_many_may_not(people: Client) -> None:
    page = people.ask(PAGE, rule=SPENT, first=250)["segmentMembers"]
    assert len(page["edges"]) == 4
    fields = "edges { explanation { parts { path summary matches measured } } }"
    pages = " ".join(
        f"p{number}: segmentMembers(rule: {{all: []}}, first: 250) {{ {fields} }}"
        for number in range(4)
    )
    [error] = people.errors(f"{{ {pages} }}")
    assert error["extensions"]["code"] == "QUERY_TOO_COSTLY"

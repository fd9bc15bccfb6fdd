"""Members of segments: pages of contacts, and whether a segment contains a contact."""

import asyncio
import threading
from typing import Any

import pytest

from graphql_app.runtime.context import Context
from graphql_app.schema import executor
from graphql_app.schema.build import build_schema
from graphql_app.schema.contact import Contact
from tests.factories import order
from tests.schema.operations import ARCHIVE, EVERYONE, LIST, MEMBERS, ORDERED, create
from tests.support import Client, Server

CONTACT = """
query ($id: ID!) { contact(id: $id) { id sourceId subscribed textable segments { id name } } }
"""
CONTAINS = """
query ($id: ID!, $contact: ID!) {
  segment(id: $id) {
    contains(contactId: $contact) size { members textable contacts share parts { path members } }
  }
}
"""
SEGMENT_MEMBERS = """
query (
  $id: ID!, $first: Int, $after: String, $last: Int, $before: String,
  $sortKey: MemberSortKey!, $reverse: Boolean!
) {
  segment(id: $id) {
    members(
      first: $first, after: $after, last: $last, before: $before,
      sortKey: $sortKey, reverse: $reverse
    ) {
      totalCount nodes { id sourceId }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""
EPOCH = "1970-01-01T00:00:00.000Z"
DAY_ONE, DAY_TWO = "2024-05-01T00:00:00.000Z", "2024-05-01T00:00:00.001Z"
PEOPLE: list[dict[str, Any]] = [
    {"id": "0"},
    {"id": "1", "createdAt": DAY_TWO, "subscribedAt": DAY_ONE, "phone": "+12125550100"},
    {"id": "2", "createdAt": DAY_ONE, "subscribedAt": DAY_ONE},
    {"id": "3", "createdAt": DAY_ONE, "subscribedAt": "2026-01-01T00:00:00.000Z"},
    {"id": "4", "subscribedAt": EPOCH},
    {"id": "9", "createdAt": EPOCH},
    {"id": "10", "createdAt": "1970-01-01T00:00:00.001Z"},
    {"id": str(2**53 + 1)},
    {"id": str(2**63), "subscribedAt": DAY_TWO},
    {"id": str(2**64 - 1), "createdAt": DAY_TWO},
]
FIELDS = {"ID": None, "CREATED_AT": "createdAt", "SUBSCRIBED_AT": "subscribedAt"}


@pytest.fixture(scope="module")
def people(server: Server) -> Client:
    shop = server.shop()
    shop.record("contactsUpsert", PEOPLE)
    return shop


def _expected(key: str, reverse: bool) -> list[str]:
    field = FIELDS[key]

    def position(person: dict[str, Any]) -> tuple[str, int]:
        when = "" if field is None else person.get(field, EPOCH)
        return when, int(person["id"])

    return [person["id"] for person in sorted(PEOPLE, key=position, reverse=reverse)]


@pytest.mark.parametrize("size", [1, 3, 250])
@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("key", ["ID", "CREATED_AT", "SUBSCRIBED_AT"])
def test_pages_list_each_member_once_in_order(
    people: Client, key: str, reverse: bool, backward: bool, size: int
) -> None:
    length, bound = ("last", "before") if backward else ("first", "after")
    given = {"rule": EVERYONE, length: size, "sortKey": key, "reverse": reverse}
    found: list[str] = []
    cursor = None
    for _ in range(len(PEOPLE) + 1):
        page = people.ask(MEMBERS, **{bound: cursor}, **given)["segmentMembers"]
        info = page["pageInfo"]
        assert page["totalCount"] == len(PEOPLE)
        assert len(page["nodes"]) <= size
        listed = [edge["node"]["id"] for edge in page["edges"]]
        assert listed == [node["id"] for node in page["nodes"]]
        assert info["hasNextPage" if backward else "hasPreviousPage"] == (cursor is not None)
        assert info["startCursor"] == page["edges"][0]["cursor"]
        assert info["endCursor"] == page["edges"][-1]["cursor"]
        sources = [node["sourceId"] for node in page["nodes"]]
        found = sources + found if backward else found + sources
        cursor = info["startCursor" if backward else "endCursor"]
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            break
    assert found == _expected(key, reverse)


def test_after_and_before_together_select_members(people: Client) -> None:
    edges = people.ask(MEMBERS, rule=EVERYONE, first=9)["segmentMembers"]["edges"]
    bounds = {"after": edges[0]["cursor"], "before": edges[4]["cursor"]}
    inner = [edge["node"]["id"] for edge in edges[1:4]]
    for size, expected in (
        ({"first": 9}, inner),
        ({"last": 9}, inner),
        ({"first": 2}, inner[:2]),
        ({"last": 2}, inner[1:]),
    ):
        found = people.ask(MEMBERS, rule=EVERYONE, **bounds, **size)["segmentMembers"]
        assert [node["id"] for node in found["nodes"]] == expected


@pytest.mark.parametrize("key", ["ID", "CREATED_AT", "SUBSCRIBED_AT"])
def test_pages_list_each_member_once_while_contacts_are_recorded(shop: Client, key: str) -> None:
    shop.record("contactsUpsert", PEOPLE)
    found: list[str] = []
    cursor = None
    for page in range(20):
        given = {"rule": EVERYONE, "first": 3, "after": cursor, "sortKey": key}
        members = shop.ask(MEMBERS, **given)["segmentMembers"]
        found += [node["sourceId"] for node in members["nodes"]]
        cursor = members["pageInfo"]["endCursor"]
        if not members["pageInfo"]["hasNextPage"]:
            break
        shop.record("contactsUpsert", [{"id": str(100 + page), "createdAt": DAY_ONE}])
        shop.record("contactsUpsert", [{"id": str(2**62 + page), "subscribedAt": DAY_ONE}])
    own = {person["id"] for person in PEOPLE}
    assert [number for number in found if number in own] == _expected(key, reverse=False)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("argument", ["after", "before"])
def test_a_cursor_from_another_list_is_refused(people: Client, argument: str) -> None:
    pages = {key: people.ask(MEMBERS, rule=EVERYONE, first=1, sortKey=key) for key in FIELDS}
    cursors = {key: page["segmentMembers"]["pageInfo"]["endCursor"] for key, page in pages.items()}
    segments = people.ask(LIST, first=1)["segments"]["pageInfo"]["endCursor"]
    for key in FIELDS:
        others = [cursor for name, cursor in cursors.items() if name != key]
        for cursor in (*others, segments, "", "x", "A" * 1000, people.token):
            [error] = people.errors(MEMBERS, rule=EVERYONE, sortKey=key, **{argument: cursor})
            assert error["extensions"] == {"code": "INVALID", "path": [argument]}


@pytest.mark.parametrize("argument", ["first", "last"])
@pytest.mark.parametrize("size", [0, -1, 251])
def test_the_size_of_a_page_of_members_is_limited(people: Client, size: int, argument: str) -> None:
    errors = people.errors(MEMBERS, rule=EVERYONE, **{argument: size})
    assert errors[0]["extensions"] == {"code": "LIMIT_EXCEEDED", "path": [argument]}


def test_a_page_of_members_has_one_direction(people: Client) -> None:
    errors = people.errors(MEMBERS, rule=EVERYONE, first=1, last=1)
    assert errors[0]["extensions"] == {"code": "INVALID", "path": ["last"]}


def test_a_saved_segment_has_the_members_of_its_rule(people: Client) -> None:
    rule = {"contactType": {"operator": "IS", "type": "SUBSCRIBER"}}
    segment = create(people, "Subscribers", rule)
    given = {"first": 2, "sortKey": "SUBSCRIBED_AT", "reverse": True}
    live = people.ask(MEMBERS, rule=rule, **given)["segmentMembers"]
    saved = people.ask(SEGMENT_MEMBERS, id=segment["id"], **given)["segment"]["members"]
    assert [node["sourceId"] for node in saved["nodes"]] == ["3", str(2**63)]
    assert saved["totalCount"] == live["totalCount"] == 5
    assert saved["pageInfo"] == live["pageInfo"]
    cursor = saved["pageInfo"]["endCursor"]
    rest = people.ask(SEGMENT_MEMBERS, id=segment["id"], after=cursor, **given)["segment"]
    assert [node["sourceId"] for node in rest["members"]["nodes"]] == ["2", "1"]
    back = {"last": 1, "before": rest["members"]["pageInfo"]["startCursor"], **given, "first": None}
    before = people.ask(SEGMENT_MEMBERS, id=segment["id"], **back)["segment"]["members"]
    assert [node["sourceId"] for node in before["nodes"]] == [str(2**63)]
    assert before["pageInfo"]["hasPreviousPage"]


def test_a_contact_lists_its_segments_and_they_contain_it(shop: Client) -> None:
    shop.record("contactsUpsert", [{"id": "1", "phone": "+12125550100"}, {"id": str(2**64 - 1)}])
    shop.record("ordersUpsert", [order(1)])
    buyers = create(shop, "Buyers", ORDERED)
    others = create(shop, "Others", {"not": ORDERED})
    everyone = create(shop, "All", EVERYONE)
    archived = create(shop, "Archived", EVERYONE)
    shop.ask(ARCHIVE, id=archived["id"])
    members = shop.ask(MEMBERS, rule=EVERYONE)["segmentMembers"]["nodes"]
    first, last = (node["id"] for node in members)
    for contact, source, names in (
        (first, "1", ["All", "Buyers"]),
        (last, str(2**64 - 1), ["All", "Others"]),
    ):
        found = shop.ask(CONTACT, id=contact)["contact"]
        assert (found["id"], found["sourceId"]) == (contact, source)
        assert [segment["name"] for segment in found["segments"]] == names
    for segment, inside, count in (
        (buyers, [True, False], 1),
        (others, [False, True], 1),
        (everyone, [True, True], 2),
        (archived, [True, True], 2),
    ):
        answers = [
            shop.ask(CONTAINS, id=segment["id"], contact=contact)["segment"]
            for contact in (first, last)
        ]
        assert [answer["contains"] for answer in answers] == inside
        size = answers[0]["size"]
        assert (size["members"], size["contacts"], size["share"]) == (count, 2, count / 2)
        assert size["parts"][0] == {"path": ["rule"], "members": count}
    shop.forget("1")
    assert shop.ask(CONTACT, id=first)["contact"] is None
    assert not shop.ask(CONTAINS, id=everyone["id"], contact=first)["segment"]["contains"]


def test_contains_is_false_for_other_ids_and_refuses_malformed_ones(shop: Client) -> None:
    id = create(shop, "All", EVERYONE)["id"]
    assert not shop.ask(CONTAINS, id=id, contact=id)["segment"]["contains"]
    errors = shop.errors(CONTAINS, id=id, contact="5")
    assert errors[0]["extensions"] == {"code": "INVALID", "path": ["contactId"]}


def test_parts_match_the_rows_of_a_form(people: Client) -> None:
    subscriber = {"contactType": {"operator": "IS", "type": "SUBSCRIBER"}}
    textable = {"contactType": {"operator": "IS", "type": "TEXTABLE"}}
    size = people.size({"any": [textable, {"not": {"all": [subscriber, textable]}}]})
    assert [(part["path"], part["members"]) for part in size["parts"]] == [
        (["rule"], 10),
        (["rule", "any", "0"], 1),
        (["rule", "any", "1"], 9),
        (["rule", "any", "1", "not"], 1),
        (["rule", "any", "1", "not", "all", "0"], 5),
        (["rule", "any", "1", "not", "all", "1"], 1),
    ]
    assert (size["members"], size["textable"], size["contacts"]) == (10, 1, 10)


def test_a_page_is_completed_in_slices(
    server: Server, people: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "SLICE", 0)
    monkeypatch.setattr(executor, "LONG_LIST", 1)
    loaded = threading.Event()
    of = Contact.of

    def last_loaded(person: Any) -> Contact:  # nothing is awaited before the contacts are completed
        loaded.set()
        return of(person)

    monkeypatch.setattr(Contact, "of", last_loaded)

    async def turns_of_others() -> int:
        context = await Context.admit(server.services, f"Bearer {people.token}")
        query = "{ segmentMembers(rule: {all: []}) { nodes { id properties } } }"
        schema = build_schema(server.services.registry)
        operation = asyncio.ensure_future(schema.execute(query, context_value=context))
        turns = 0
        while not operation.done():
            await asyncio.sleep(0)
            turns += loaded.is_set()
        result = operation.result()
        assert result.errors is None
        assert result.data is not None
        assert len(result.data["segmentMembers"]["nodes"]) == len(PEOPLE)
        return turns

    assert asyncio.run(turns_of_others()) >= len(PEOPLE)

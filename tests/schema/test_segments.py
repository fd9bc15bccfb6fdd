"""Saved segments: creating, changing, archiving, deleting and listing them."""

import base64
import json
from typing import Any

import pytest

from graphql_app.catalog.token_scope import TokenScope
from tests.catalogs import on_both
from tests.factories import contacts, keyword, order
from tests.schema.operations import (
    ARCHIVE,
    CREATE,
    DELETE,
    DUPLICATE,
    EVERYONE,
    GET,
    LIST,
    ORDERED,
    UNARCHIVE,
    UPDATE,
    create,
    everything,
    refused,
    send_escaped,
)
from tests.support import Client, Server

server = on_both

TEMPLATES = "{ segmentTemplates { key name description rule summary } }"
NODE = """
query ($id: ID!) {
  node(id: $id) { __typename id ... on Segment { name } ... on Shop { name } }
}
"""
CONTAINS = """
query ($id: ID!, $person: ID!) { segment(id: $id) { contains(contactId: $person) } }
"""
SUGGEST = """
query ($criterion: String!, $field: String!, $search: String!) {
  fieldSuggestions(criterion: $criterion, field: $field, search: $search) { value }
}
"""
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


@pytest.fixture
def other(server: Server) -> Client:
    return server.shop()


def _forged(*parts: Any) -> str:
    text = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_summary_has_the_labels_of_now(server: Server) -> None:
    shop = server.shop()
    segments_only = server.client(shop.shop, [TokenScope.SEGMENTS_READ])
    rule = {"productPurchased": {"operator": "ANY_OF", "products": ["85123A"]}}
    made = create(shop, "Hearts", rule)
    assert made["summary"] == "Has bought any of 85123A"
    for title in ("WHITE HEART", "Red heart"):
        shop.record("productsUpsert", [{"id": "85123A", "title": title}])
        sentence = f"Has bought any of {title} (85123A)"
        assert shop.ask(GET, id=made["id"])["segment"]["summary"] == sentence
        listed = shop.ask('{ segments(search: "Hearts") { nodes { summary } } }')["segments"]
        assert listed["nodes"] == [{"summary": sentence}]
        assert shop.size(rule)["parts"][0]["summary"] == sentence
    found = segments_only.ask(GET, id=made["id"])["segment"]
    assert found["summary"] == "Has bought any of 85123A"


def test_a_segment_is_created_and_read_back(shop: Client) -> None:
    made = create(shop, "  Big   spenders ", ORDERED, description="Who pays.")
    assert made["name"] == "Big spenders"
    assert made["description"] == "Who pays."
    assert made["rule"] == ORDERED
    assert made["summary"] == "Has placed at least 1 order"
    assert (made["version"], made["isDefault"], made["archived"]) == (1, False, False)
    assert made["createdAt"].endswith("Z")
    assert shop.ask(GET, id=made["id"])["segment"] == {**made, "problems": []}


def test_the_rule_is_returned_canonical_and_is_accepted_again(shop: Client) -> None:
    sent = {
        "any": [
            {"spend": {"amount": "50", "operator": "AT_LEAST"}},
            {"not": {"keyword": {"operator": "ANY_OF", "keywords": [" Join ", "JOIN", "Stop"]}}},
            {
                "all": [
                    {
                        "textsReceived": {
                            "within": {"last": {"unit": "DAYS", "count": 30}},
                            "count": 5.0,
                            "operator": "EQUALS",
                        }
                    }
                ]
            },
        ]
    }
    canonical = {
        "any": [
            {"spend": {"operator": "AT_LEAST", "amount": "50.00"}},
            {"not": {"keyword": {"operator": "ANY_OF", "keywords": ["join", "stop"]}}},
            {
                "all": [
                    {
                        "textsReceived": {
                            "operator": "EQUALS",
                            "count": 5,
                            "within": {"last": {"count": 30, "unit": "DAYS"}},
                        }
                    }
                ]
            },
        ]
    }
    made = create(shop, "One", sent)
    assert made["rule"] == canonical
    again = create(shop, "Two", made["rule"])
    assert json.dumps(again["rule"], sort_keys=True) == json.dumps(canonical, sort_keys=True)
    assert again["summary"] == made["summary"]


def test_an_update_changes_the_given_fields_and_increments_the_version(shop: Client) -> None:
    made = create(shop, "First", ORDERED, description="Kept")
    renamed = shop.ask(UPDATE, id=made["id"], input={"name": "Second"})["segmentUpdate"]["segment"]
    assert renamed == {**made, "name": "Second", "version": 2, "updatedAt": renamed["updatedAt"]}
    assert renamed["updatedAt"] >= made["updatedAt"]
    changed = shop.ask(
        UPDATE, id=made["id"], input={"rule": EVERYONE, "description": "", "expectedVersion": 2}
    )["segmentUpdate"]["segment"]
    assert (changed["rule"], changed["summary"]) == (EVERYONE, "Everyone")
    assert (changed["description"], changed["version"]) == ("", 3)
    assert shop.ask(GET, id=made["id"])["segment"]["version"] == 3


def test_an_update_with_an_old_version_is_refused(shop: Client) -> None:
    made = create(shop, "Shared")
    first = {"name": "Mine", "expectedVersion": 1}
    second = {"name": "Yours", "expectedVersion": 1}
    assert shop.ask(UPDATE, id=made["id"], input=first)["segmentUpdate"]["segment"]["version"] == 2
    answer = shop.ask(UPDATE, id=made["id"], input=second)
    assert refused(answer) == [("VERSION_CONFLICT", ["input", "expectedVersion"])]
    assert shop.ask(GET, id=made["id"])["segment"]["name"] == "Mine"


def test_names_are_unique_ignoring_case_and_space(shop: Client, other: Client) -> None:
    create(shop, "Straße  Café")
    for same in ("straße café", "STRASSE CAFÉ", " Strasse\tCafe\u0301 "):
        sent = {"name": same, "rule": EVERYONE}
        assert refused(shop.ask(CREATE, input=sent)) == [("NAME_TAKEN", ["input", "name"])]
    second = create(shop, "Another")
    answer = shop.ask(UPDATE, id=second["id"], input={"name": "STRASSE café", "rule": ORDERED})
    assert refused(answer) == [("NAME_TAKEN", ["input", "name"])]
    assert shop.ask(GET, id=second["id"])["segment"] == {**second, "problems": []}
    assert create(other, "straße café")["name"] == "straße café"
    recased = shop.ask(UPDATE, id=second["id"], input={"name": "ANOTHER"})
    assert recased["segmentUpdate"]["segment"]["name"] == "ANOTHER"


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": ""}, "INVALID", ["input", "name"]),
        ({"name": " \t "}, "INVALID", ["input", "name"]),
        ({"name": "x" * 256}, "INVALID", ["input", "name"]),
        ({"name": "a\x00b"}, "INVALID", ["input", "name"]),
        ({"description": "x" * 2001}, "INVALID", ["input", "description"]),
        ({"rule": {"any": []}}, "INVALID", ["input", "rule", "any"]),
        (
            {"rule": {"all": [{"lastOrderDate": {"operator": "IN_LAST", "days": 0}}]}},
            "INVALID",
            ["input", "rule", "all", "0", "lastOrderDate", "days"],
        ),
    ],
)
def test_invalid_segments_are_refused(
    shop: Client, given: dict[str, Any], code: str, path: list[str]
) -> None:
    new = {"name": "Fine", "rule": ORDERED, **given}
    assert refused(shop.ask(CREATE, input=new)) == [(code, path)]
    assert "Fine" not in {segment["name"] for segment in everything(shop)}
    made = create(shop, "Fine", ORDERED)
    assert refused(shop.ask(UPDATE, id=made["id"], input=given)) == [(code, path)]
    assert shop.ask(GET, id=made["id"])["segment"] == {**made, "problems": []}


def test_all_problems_of_an_input_are_reported_together(shop: Client) -> None:
    sent = {"name": " ", "description": "x" * 2001, "rule": {"any": []}}
    assert refused(shop.ask(CREATE, input=sent)) == [
        ("INVALID", ["input", "name"]),
        ("INVALID", ["input", "description"]),
        ("INVALID", ["input", "rule", "any"]),
    ]


def test_a_deleted_segment_is_gone(shop: Client) -> None:
    made = create(shop, "Short-lived")
    payload = shop.ask(DELETE, id=made["id"])["segmentDelete"]
    assert payload == {"deletedId": made["id"], "userErrors": []}
    assert shop.ask(GET, id=made["id"])["segment"] is None
    assert refused(shop.ask(DELETE, id=made["id"])) == [("NOT_FOUND", ["id"])]
    assert create(shop, "Short-lived")["id"] != ""


def test_copies_get_their_own_names(shop: Client) -> None:
    made = create(shop, "Original", ORDERED, description="Text")

    def copy(name: str | None = None) -> Any:
        return shop.ask(DUPLICATE, id=made["id"], name=name)["segmentDuplicate"]["segment"]

    copies = [copy(), copy(), copy("Mine")]
    assert [found["name"] for found in copies] == ["Original (copy)", "Original (copy 2)", "Mine"]
    for found in copies:
        assert (found["rule"], found["summary"]) == (made["rule"], made["summary"])
        assert (found["description"], found["version"]) == ("Text", 1)
    assert shop.ask(GET, id=made["id"])["segment"] == {**made, "problems": []}
    long = create(shop, "x" * 255)
    name = shop.ask(DUPLICATE, id=long["id"])["segmentDuplicate"]["segment"]["name"]
    assert name.endswith(" (copy)")
    assert len(name) <= 255


def test_an_invalid_name_for_a_copy_is_reported_at_its_argument(shop: Client) -> None:
    made = create(shop, "Original")
    for name, code in (("ORIGINAL", "NAME_TAKEN"), ("x" * 256, "INVALID")):
        assert refused(shop.ask(DUPLICATE, id=made["id"], name=name)) == [(code, ["name"])]
    assert len(everything(shop)) == 3


def test_archived_segments_can_be_restored(shop: Client) -> None:
    made = create(shop, "Seasonal")
    away = shop.ask(ARCHIVE, id=made["id"])["segmentArchive"]["segment"]
    assert (away["archived"], away["version"]) == (True, 2)
    listed = shop.ask(LIST)["segments"]
    assert made["id"] not in {found["id"] for found in listed["nodes"]}
    assert listed["totalCount"] == 2
    listed = shop.ask(LIST, archived=True)["segments"]
    assert [found["id"] for found in listed["nodes"]] == [made["id"]]
    assert listed["totalCount"] == 1
    assert shop.ask(ARCHIVE, id=made["id"])["segmentArchive"]["segment"] == away
    sent = {"name": "seasonal", "rule": EVERYONE}
    assert refused(shop.ask(CREATE, input=sent)) == [("NAME_TAKEN", ["input", "name"])]
    back = shop.ask(UNARCHIVE, id=made["id"])["segmentUnarchive"]["segment"]
    assert (back["archived"], back["version"]) == (False, 3)
    assert shop.ask(LIST, archived=True)["segments"]["nodes"] == []


def test_each_template_becomes_a_segment_in_one_call(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1))
    coral, lime = {"productId": "coral", "title": "Coral bottle"}, {"productId": "lime"}
    orders = [order(1, lines=[coral, lime]), order(2, 1, lines=[coral])]
    shop.record("ordersUpsert", orders)
    shop.record("keywordsRecord", [keyword(1, "VIP")])
    templates = {found["key"]: found for found in shop.ask(TEMPLATES)["segmentTemplates"]}
    names = {found["name"] for found in templates.values()}
    assert names == {"VIPs", "At-Risk", "Cross-Sells", "Keywords"}
    for key, template in templates.items():
        answer = shop.ask(CREATE, input={"template": key})["segmentCreate"]
        assert answer["userErrors"] == []
        for field in ("name", "description", "rule", "summary"):
            assert answer["segment"][field] == template[field]
        assert shop.size(template["rule"])["contacts"] == 1
    bought, not_bought = templates["cross-sells"]["rule"]["all"]
    assert bought["productPurchased"]["products"] == ["coral"]
    assert not_bought["productPurchased"]["products"] == ["lime"]
    assert templates["keywords"]["rule"]["keyword"]["keywords"] == ["vip"]
    given = {"template": "vips", "name": "Best", "description": "Ours"}
    named = shop.ask(CREATE, input=given)["segmentCreate"]["segment"]
    assert (named["name"], named["description"]) == ("Best", "Ours")


def test_templates_work_in_a_shop_without_facts(shop: Client) -> None:
    for template in shop.ask(TEMPLATES)["segmentTemplates"]:
        answer = shop.ask(CREATE, input={"template": template["key"]})["segmentCreate"]
        assert answer["segment"]["rule"] == template["rule"]


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"name": "Both", "rule": EVERYONE, "template": "vips"}, "INVALID", ["input"]),
        ({"name": "Neither"}, "INVALID", ["input"]),
        ({"rule": EVERYONE}, "INVALID", ["input", "name"]),
        ({"template": "nothing"}, "NOT_FOUND", ["input", "template"]),
    ],
)
def test_a_new_segment_needs_a_rule_or_a_template(
    shop: Client, given: dict[str, Any], code: str, path: list[str]
) -> None:
    assert refused(shop.ask(CREATE, input=given)) == [(code, path)]
    assert len(everything(shop)) == 2


def test_every_shop_has_the_default_segments(shop: Client, other: Client) -> None:
    for client in (shop, other):
        found = everything(client)
        assert {segment["name"]: segment["rule"] for segment in found} == {
            "All US/Canada Customers and Subscribers": {
                "location": {"operator": "ANY_OF", "countries": ["US", "CA"]}
            },
            "Customers Texted More Than Once": {
                "all": [
                    {"contactType": {"operator": "IS", "type": "CUSTOMER"}},
                    {"textsReceived": {"operator": "GREATER_THAN", "count": 1}},
                ]
            },
        }
        assert all(segment["isDefault"] for segment in found)
    own, others = ({found["id"] for found in everything(client)} for client in (shop, other))
    assert not own & others


def test_default_segments_can_be_copied_but_not_changed(shop: Client) -> None:
    before = everything(shop)
    for segment in before:
        number = segment["id"]
        for answer in (
            shop.ask(UPDATE, id=number, input={"name": "Mine"}),
            shop.ask(UPDATE, id=number, input={"rule": EVERYONE, "expectedVersion": 1}),
            shop.ask(UPDATE, id=number, input={}),
            shop.ask(ARCHIVE, id=number),
            shop.ask(UNARCHIVE, id=number),
            shop.ask(DELETE, id=number),
        ):
            assert refused(answer) == [("DEFAULT_SEGMENT", ["id"])]
    assert everything(shop) == before
    for segment in before:
        copy = shop.ask(DUPLICATE, id=segment["id"])["segmentDuplicate"]["segment"]
        assert not copy["isDefault"]
        assert copy["rule"] == segment["rule"]
        changed = shop.ask(UPDATE, id=copy["id"], input={"rule": EVERYONE})["segmentUpdate"]
        assert changed["segment"]["rule"] == EVERYONE
        assert shop.ask(DELETE, id=copy["id"])["segmentDelete"]["deletedId"] == copy["id"]
    assert everything(shop) == before


def _walk(shop: Client, backward: bool, between: Any, **given: Any) -> list[str]:
    """Return the ids on all pages in order; call ``between`` between two pages."""
    names = ("last", "before") if backward else ("first", "after")
    cursor, ids = None, list[str]()
    for page in range(100):
        found = shop.ask(LIST, **{names[0]: 3, names[1]: cursor}, **given)["segments"]
        info, edges = found["pageInfo"], found["edges"]
        listed = [edge["node"]["id"] for edge in edges]
        assert listed == [node["id"] for node in found["nodes"]]
        assert info["startCursor"] == edges[0]["cursor"]
        assert info["endCursor"] == edges[-1]["cursor"]
        assert info["hasNextPage" if backward else "hasPreviousPage"] == (page > 0)
        ids = listed + ids if backward else ids + listed
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return ids
        assert len(listed) == 3
        cursor = info["startCursor" if backward else "endCursor"]
        between(page)
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("key", ["NAME", "CREATED_AT", "UPDATED_AT"])
def test_pages_list_each_segment_once_while_others_are_added(
    shop: Client, key: str, reverse: bool, backward: bool
) -> None:
    for name in "hBfDeAcG":
        create(shop, name)
    shop.ask(UPDATE, id=create(shop, "early")["id"], input={"description": "x"})
    given = {"sortKey": key, "reverse": reverse}
    all_on_one = shop.ask(LIST, first=250, **given)["segments"]
    expected = [found["id"] for found in all_on_one["nodes"]]
    assert all_on_one["totalCount"] == len(set(expected)) == 11
    field = {"NAME": "name", "CREATED_AT": "createdAt", "UPDATED_AT": "updatedAt"}[key]
    values = [found[field].casefold() for found in all_on_one["nodes"]]
    assert values == sorted(values, reverse=reverse)

    added = set()

    def add(page: int) -> None:
        for name in (f"  a{page} new", f"zz{page} new"):
            added.add(create(shop, name)["id"])

    walked = _walk(shop, backward, add, **given)
    assert [found for found in walked if found not in added] == expected
    assert len(walked) == len(set(walked))


def test_paging_continues_after_the_segment_of_the_cursor_is_deleted(shop: Client) -> None:
    ids = [create(shop, f"s{number}")["id"] for number in range(5)]
    page = shop.ask(LIST, first=2, sortKey="NAME", search="s")["segments"]
    shop.ask(DELETE, id=page["nodes"][-1]["id"])
    cursor = page["pageInfo"]["endCursor"]
    rest = shop.ask(LIST, first=9, sortKey="NAME", search="s", after=cursor)["segments"]
    found = {node["id"] for node in rest["nodes"]}
    assert set(ids) - {node["id"] for node in page["nodes"]} <= found


def test_after_and_before_together_select_a_range(shop: Client) -> None:
    for name in "abcdef":
        create(shop, f"range {name}")
    edges = shop.ask(LIST, first=9, sortKey="NAME", search="range ")["segments"]["edges"]
    given = {"sortKey": "NAME", "search": "range "}
    bounds = {"after": edges[0]["cursor"], "before": edges[4]["cursor"]}
    inner = [edge["node"]["id"] for edge in edges[1:4]]
    for size, expected in (
        ({"first": 9}, inner),
        ({"last": 9}, inner),
        ({"first": 2}, inner[:2]),
        ({"last": 2}, inner[1:]),
    ):
        found = shop.ask(LIST, **given, **bounds, **size)["segments"]
        assert [node["id"] for node in found["nodes"]] == expected


def test_a_search_matches_every_character_literally(shop: Client) -> None:
    names = ["100% cotton", "100 cotton", "a_b", "axb", "back\\slash", "É clair", "x%_y"]
    for name in names:
        create(shop, name)

    def found(search: str) -> list[str]:
        page = shop.ask(LIST, search=search, sortKey="NAME")["segments"]
        assert page["totalCount"] == len(page["nodes"])
        return sorted(node["name"] for node in page["nodes"])

    assert found("%") == ["100% cotton", "x%_y"]
    assert found("_") == ["a_b", "x%_y"]
    assert found("A_B") == ["a_b"]
    assert found("\\") == ["back\\slash"]
    assert found("é CLAIR") == ["É clair"]
    assert found("e\u0301 clair") == ["É clair"]
    assert found("'; DROP TABLE segment; --") == []
    assert len(found("")) == len(names) + 2


def test_an_empty_page_has_no_cursors(shop: Client) -> None:
    assert shop.ask(LIST, search="nothing is called so")["segments"] == {
        "totalCount": 0,
        "nodes": [],
        "edges": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
    }


@pytest.mark.parametrize("argument", ["after", "before"])
@pytest.mark.parametrize("key", ["NAME", "CREATED_AT", "UPDATED_AT"])
def test_a_cursor_from_another_list_is_a_coded_error(shop: Client, key: str, argument: str) -> None:
    cursors = {
        name: shop.ask(LIST, first=1, sortKey=name)["segments"]["pageInfo"]["endCursor"]
        for name in ("NAME", "CREATED_AT", "UPDATED_AT")
    }
    del cursors[key]
    for cursor in (
        *cursors.values(),
        *("", "x", "é", "====", "A" * 10_000, "null"),
        _forged(),
        _forged(key),
        _forged(key, None, 1),
        _forged(key, 5, 1),
        _forged(key, "2024-05-01T00:00:00+00:00", "1"),
        _forged(key, "2024-05-01T00:00:00+00:00", 2**63),
        _forged(key, "2024-05-01T00:00:00+00:00", 1, 1),
    ):
        [error] = shop.errors(LIST, **{argument: cursor, "sortKey": key})
        assert error["extensions"] == {"code": "INVALID", "path": [argument]}


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        "a\x00b",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2024-05-01",
        "2024-05-01T00:00:00",
        "not a time",
    ],
)
@pytest.mark.parametrize("key", ["NAME", "UPDATED_AT"])
def test_forged_cursors_cause_at_most_a_coded_error(shop: Client, key: str, value: str) -> None:
    answer = shop.post(LIST, {"after": _forged(key, value, 1), "sortKey": key}).json()
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
    assert codes <= {"INVALID"}


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"first": 0}, "LIMIT_EXCEEDED", ["first"]),
        ({"first": -1}, "LIMIT_EXCEEDED", ["first"]),
        ({"first": 251}, "LIMIT_EXCEEDED", ["first"]),
        ({"last": 0}, "LIMIT_EXCEEDED", ["last"]),
        ({"last": 251}, "LIMIT_EXCEEDED", ["last"]),
        ({"first": 1, "last": 1}, "INVALID", ["last"]),
    ],
)
def test_page_sizes_are_limited(
    shop: Client, given: dict[str, Any], code: str, path: list[str]
) -> None:
    [error] = shop.errors(LIST, **given)
    assert error["extensions"] == {"code": code, "path": path}


def test_node_finds_every_kind_of_object(shop: Client) -> None:
    shop.record("contactsUpsert", [{"id": "18446744073709551615"}])
    segment = create(shop, "Mine")
    own = shop.ask("{ shop { id } }")["shop"]["id"]
    contact = shop.ask("{ segmentMembers(rule: {all: []}) { nodes { id } } }")
    contact_id = contact["segmentMembers"]["nodes"][0]["id"]
    ids = [contact_id, segment["id"], own]
    kinds = ["Contact", "Segment", "Shop"]
    for number, kind in zip(ids, kinds, strict=True):
        found = shop.ask(NODE, id=number)["node"]
        assert (found["__typename"], found["id"]) == (kind, number)
    found = shop.ask(NODES, ids=[*ids, ids[0]])["nodes"]
    assert [node["id"] for node in found] == [*ids, ids[0]]
    assert [node["__typename"] for node in found] == [*kinds, "Contact"]


def test_an_id_of_another_kind_finds_nothing(shop: Client) -> None:
    segment = create(shop, "Mine")
    own = shop.ask("{ shop { id } }")["shop"]["id"]
    assert shop.ask(GET, id=own)["segment"] is None
    contact = "query ($id: ID!) { contact(id: $id) { id } }"
    assert shop.ask(contact, id=segment["id"])["contact"] is None
    assert refused(shop.ask(DELETE, id=own)) == [("NOT_FOUND", ["id"])]


@pytest.mark.parametrize(
    "number",
    [
        "", "1", "x", "é", "\x00", "A" * 10_000, "W10", _forged(), _forged("Segment"),
        _forged("Segment", "1"), _forged("Segment", -1), _forged("Segment", 1.0),
        _forged("Segment", True), _forged("Segment", 2**64), _forged("Segment", 1, 1),
        _forged("Segment", 1) + "=",
    ],
)  # fmt: skip
def test_invalid_ids_are_coded_errors_everywhere(shop: Client, number: str) -> None:
    contact = "query ($id: ID!) { contact(id: $id) { id } }"
    for query in (GET, NODE, contact):
        [error] = shop.errors(query, id=number)
        assert error["extensions"] == {"code": "INVALID", "path": ["id"]}
    [error] = shop.errors(NODES, ids=[number])
    assert error["extensions"]["path"] == ["ids", "0"]
    for mutation, variables in (
        (UPDATE, {"input": {"name": "x"}}),
        (DELETE, {}),
        (DUPLICATE, {}),
        (ARCHIVE, {}),
        (UNARCHIVE, {}),
    ):
        assert refused(shop.ask(mutation, id=number, **variables)) == [("INVALID", ["id"])]


def test_another_shops_ids_look_like_missing_ones(shop: Client, other: Client) -> None:
    other.record("contactsUpsert", [{"id": "77"}])
    secret = create(other, "Secret", ORDERED)
    nothing = _forged("Segment", 2**31 - 1)
    contact = other.ask("{ segmentMembers(rule: {all: []}) { nodes { id } } }")
    theirs = contact["segmentMembers"]["nodes"][0]["id"]
    own = create(shop, "Own")
    shop_id = other.ask("{ shop { id } }")["shop"]["id"]

    def answers(segment: str, person: str, owner: str) -> list[Any]:
        queries: list[tuple[str, dict[str, Any]]] = [
            (GET, {"id": segment}),
            (NODE, {"id": segment}),
            (NODE, {"id": owner}),
            (NODES, {"ids": [segment, person, owner]}),
            ("query ($id: ID!) { contact(id: $id) { id email } }", {"id": person}),
            (CONTAINS, {"id": own["id"], "person": person}),
            (UPDATE, {"id": segment, "input": {"name": "Taken over"}}),
            (UPDATE, {"id": segment, "input": {"name": "Taken over", "expectedVersion": 7}}),
            (UPDATE, {"id": segment, "input": {"rule": {"any": []}}}),
            (DUPLICATE, {"id": segment}),
            (ARCHIVE, {"id": segment}),
            (UNARCHIVE, {"id": segment}),
            (DELETE, {"id": segment}),
        ]
        return [shop.post(query, variables).json() for query, variables in queries]

    found = answers(secret["id"], theirs, shop_id)
    assert found == answers(nothing, _forged("Contact", 404), _forged("Shop", 2**31 - 1))
    assert "errors" not in found[0]
    assert other.ask(GET, id=secret["id"])["segment"] == {**secret, "problems": []}


def test_the_number_of_nodes_is_limited(shop: Client) -> None:
    own = shop.ask("{ shop { id } }")["shop"]["id"]
    assert len(shop.ask(NODES, ids=[own] * 250)["nodes"]) == 250
    errors = shop.errors(NODES, ids=[own] * 251)
    assert errors[0]["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["ids"]}


def test_invalid_text_is_refused_in_every_field(shop: Client) -> None:
    surrogate = "a\ud800"
    made = create(shop, "Fine")
    rule = {"keyword": {"operator": "ANY_OF", "keywords": [surrogate]}}
    for query, variables, path in (
        (CREATE, {"input": {"name": surrogate, "rule": EVERYONE}}, ["input", "name"]),
        (UPDATE, {"id": made["id"], "input": {"name": surrogate}}, ["input", "name"]),
        (UPDATE, {"id": made["id"], "input": {"description": surrogate}}, ["input", "description"]),
        (
            UPDATE,
            {"id": made["id"], "input": {"rule": rule}},
            ["input", "rule", "keyword", "keywords", "0"],
        ),
        (DUPLICATE, {"id": made["id"], "name": surrogate}, ["name"]),
        (DUPLICATE, {"id": surrogate}, ["id"]),
        (CREATE, {"input": {"template": surrogate}}, ["input", "template"]),
    ):
        found = refused(send_escaped(shop, query, variables)["data"])
        assert [where for _, where in found] == [path]
    assert shop.ask(GET, id=made["id"])["segment"] == {**made, "problems": []}


@pytest.mark.parametrize("search", ["a\ud800", "a\x00b"])
@pytest.mark.parametrize(
    ("query", "given"),
    [
        (LIST, {}),
        ("query ($search: String!) { criteria(search: $search) { key } }", {}),
        (SUGGEST, {"criterion": "keyword", "field": "keywords"}),
        (SUGGEST, {"criterion": "location", "field": "countries"}),
        (SUGGEST, {"criterion": "productPurchased", "field": "products"}),
    ],
)
def test_a_search_for_invalid_text_causes_at_most_a_coded_error(
    shop: Client, query: str, given: dict[str, Any], search: str
) -> None:
    answer = send_escaped(shop, query, {**given, "search": search})
    errors = answer.get("errors", ())
    assert all(error["extensions"]["code"] == "INVALID" for error in errors), errors
    assert errors or not any(node for node in answer["data"].values() if isinstance(node, list))

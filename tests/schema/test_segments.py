"""Saved segments: creating, changing, copying, archiving and deleting them.

This module is long because it tries every mutation with what it refuses.
"""

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


@pytest.fixture
def other(server: Server) -> Client:
    return server.shop()


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
            {
                "not": {
                    "keyword": {
                        "operator": "ANY_OF",
                        "keywords": [" Join ", "JOIN", "Stop", "JOIN"],
                    }
                }
            },
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
            {"not": {"keyword": {"operator": "ANY_OF", "keywords": [" Join ", "JOIN", "Stop"]}}},
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


def test_keywords_are_shown_as_they_were_given(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1))
    shop.record("keywordsRecord", [keyword(1, " JOIN Straße\n")])
    rule = {"keyword": {"operator": "ANY_OF", "keywords": ["Join STRASSE"]}}
    made = create(shop, "Joined", rule)
    assert (made["rule"], made["summary"]) == (rule, "Has texted any of Join STRASSE")
    assert shop.members(rule) == 1
    query = (
        '{ fieldSuggestions(criterion: "keyword", field: "keywords", search: "strasse") { value } }'
    )
    assert shop.ask(query)["fieldSuggestions"] == [{"value": "JOIN Straße"}]


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
    assert templates["keywords"]["rule"]["keyword"]["keywords"] == ["VIP"]
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

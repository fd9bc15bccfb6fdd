"""Mutations that record facts: a batch is recorded whole or not at all, and errors have paths.

This module is long because of the tables of valid and invalid values of each kind of fact.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from graphql_app.audience.value_parsers import INSTANT_REQUIRED
from graphql_app.schema.facts import MAX_ITEMS, MAX_LINES
from tests.client import FACT_INPUTS, argument, record_mutation
from tests.factories import AT, contact, contacts, event, keyword, order, text
from tests.schema.operations import EVERYONE, refused, send, send_escaped
from tests.support import Client, Server

CONTACT = """
query ($rule: RuleInput!) {
  segmentMembers(rule: $rule, first: 250) {
    nodes {
      sourceId phone email firstName lastName country region city tags
      subscribedAt unsubscribedAt createdAt properties subscribed textable
    }
  }
}
"""
FORGET = """
mutation ($ids: [ID!]!) {
  contactsForget(ids: $ids) { recorded userErrors { code message path } }
}
"""
REQUIRED = """
query ($name: String!) { __type(name: $name) { inputFields { name type { kind } } } }
"""

# A complete item for each mutation, and rules that match its contact.
ITEMS: Mapping[str, Mapping[str, Any]] = {
    "contactsUpsert": contact(1, phone="+12125550100", subscribedAt=AT, country="US"),
    "ordersUpsert": order(
        1,
        refunded="10.0001",
        lines=[{"productId": "coral", "title": "Coral", "quantity": 2, "price": "30"}],
    ),
    "productsUpsert": {"id": "coral", "title": "Coral bottle"},
    "textsRecord": text(1, clickedAt=AT),
    "keywordsRecord": keyword(1, " JOIN "),
    "eventsRecord": event(1, page="/"),
}
RULES: Sequence[Mapping[str, Any]] = (
    EVERYONE,
    {"spend": {"operator": "EQUALS", "amount": "49.9999"}},
    {"ordersPlaced": {"operator": "EQUALS", "count": 1}},
    {"productPurchased": {"operator": "ANY_OF", "products": ["coral"], "minimumUnits": 2}},
    {"textsReceived": {"operator": "EQUALS", "count": 1}},
    {"keyword": {"operator": "ANY_OF", "keywords": ["join"]}},
)


def sizes_of_rules(shop: Client) -> list[int]:
    return shop.members_each(RULES)


def _products(shop: Client) -> list[dict[str, str]]:
    query = '{ fieldSuggestions(criterion: "productPurchased", field: "products") { value label } }'
    found: list[dict[str, str]] = shop.ask(query)["fieldSuggestions"]
    return found


def all_people(shop: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.ask(CONTACT, rule=EVERYONE)["segmentMembers"]["nodes"]
    return found


def test_repeating_a_mutation_changes_nothing(shop: Client) -> None:
    assert sizes_of_rules(shop) == [0] * len(RULES)
    for _ in range(2):
        for mutation, item in ITEMS.items():
            shop.record(mutation, [item])
        assert sizes_of_rules(shop) == [1] * len(RULES)
        assert _products(shop) == [{"value": "coral", "label": "Coral"}]
    kinds = ("contacts", "subscribers", "customers", "textable")
    counts = shop.ask(f"{{ shop {{ contactCounts {{ {' '.join(kinds)} }} }} }}")
    assert counts["shop"]["contactCounts"] == dict.fromkeys(kinds, 1)


def test_of_repeated_items_in_a_batch_the_last_one_wins(shop: Client) -> None:
    for mutation, item in ITEMS.items():
        shop.record(mutation, [item] * 3)
    assert sizes_of_rules(shop) == [1] * len(RULES)
    shop.record("contactsUpsert", [contact(1, city="A"), contact(2), contact(1, city="B")])
    assert [person["city"] for person in all_people(shop)] == ["B", None]


def test_an_upsert_replaces_the_whole_row(shop: Client) -> None:
    for mutation, item in ITEMS.items():
        shop.record(mutation, [item])
    shop.record("contactsUpsert", contacts(1, email="a@b.c"))
    (person,) = all_people(shop)
    assert (person["email"], person["phone"], person["country"]) == ("a@b.c", None, None)
    assert (person["subscribedAt"], person["subscribed"]) == (None, False)
    shop.record("ordersUpsert", [order(1, total="49.9999")])
    assert sizes_of_rules(shop) == [1, 1, 1, 0, 1, 1]


def test_facts_count_once_their_contact_is_recorded(shop: Client) -> None:
    for mutation in reversed([*ITEMS]):
        if mutation != "contactsUpsert":
            shop.record(mutation, [ITEMS[mutation]])
    assert sizes_of_rules(shop) == [0] * len(RULES)
    shop.record("contactsUpsert", [ITEMS["contactsUpsert"]])
    assert sizes_of_rules(shop) == [1] * len(RULES)


def test_forgetting_erases_all_facts_of_that_contact_only(shop: Client) -> None:
    for mutation, item in ITEMS.items():
        other = {**item, **{name: "2" for name in ("id", "contactId") if name in item}}
        shop.record(mutation, [item, other if mutation != "productsUpsert" else item])
    assert sizes_of_rules(shop) == [2] * len(RULES)
    shop.forget("1", "404")
    assert sizes_of_rules(shop) == [1] * len(RULES)
    shop.record("contactsUpsert", [ITEMS["contactsUpsert"]])
    assert sizes_of_rules(shop) == [2, 1, 1, 1, 1, 1]
    assert shop.ask(FORGET, ids=["1"])["contactsForget"]["recorded"] == 1
    assert refused(shop.ask(FORGET, ids=["2", " ", "1", "x" * 256])) == [
        ("INVALID", ["ids", "1"]),
        ("INVALID", ["ids", "3"]),
    ]
    assert sizes_of_rules(shop) == [1] * len(RULES)


BAD: Sequence[tuple[str, Mapping[str, Any], list[str]]] = (
    ("contactsUpsert", {"id": ""}, ["id"]),
    ("contactsUpsert", {"id": "9" * 4_000}, ["id"]),
    ("contactsUpsert", {"id": "1E+5"}, ["id"]),
    ("contactsUpsert", {"country": "us"}, ["country"]),
    ("contactsUpsert", {"country": "UK"}, ["country"]),
    ("contactsUpsert", {"email": "x" * 256}, ["email"]),
    ("contactsUpsert", {"firstName": "x" * 100_000}, ["firstName"]),
    ("contactsUpsert", {"subscribedAt": "2024-05-01T09:58:12"}, ["subscribedAt"]),
    ("contactsUpsert", {"subscribedAt": "2024-05-01"}, ["subscribedAt"]),
    ("contactsUpsert", {"unsubscribedAt": "2024-02-30T00:00:00Z"}, ["unsubscribedAt"]),
    ("contactsUpsert", {"createdAt": "1969-12-31T23:59:59Z"}, ["createdAt"]),
    ("contactsUpsert", {"createdAt": "2200-01-01T00:00:00Z"}, ["createdAt"]),
    ("contactsUpsert", {"createdAt": "0001-01-01T00:00:00+23:59"}, ["createdAt"]),
    ("contactsUpsert", {"createdAt": "yesterday"}, ["createdAt"]),
    ("contactsUpsert", {"createdAt": 1714557492}, ["createdAt"]),
    ("contactsUpsert", {"createdAt": True}, ["createdAt"]),
    ("contactsUpsert", {"createdAt": {"at": AT}}, ["createdAt"]),
    ("contactsUpsert", {"properties": [1]}, ["properties"]),
    ("contactsUpsert", {"properties": "no JSON"}, ["properties"]),
    ("contactsUpsert", {"properties": {"x": "y" * 16_384}}, ["properties"]),
    ("contactsUpsert", {"tags": ["x"] * 251}, ["tags"]),
    ("contactsUpsert", {"tags": ["fine", "x" * 256]}, ["tags", "1"]),
    ("ordersUpsert", {"total": "1.00000"}, ["total"]),
    ("ordersUpsert", {"total": "-1.00"}, ["total"]),
    ("ordersUpsert", {"total": "1e3"}, ["total"]),
    ("ordersUpsert", {"total": 1.5}, ["total"]),
    ("ordersUpsert", {"total": True}, ["total"]),
    ("ordersUpsert", {"total": "$5"}, ["total"]),
    ("ordersUpsert", {"total": "1,000.00"}, ["total"]),
    ("ordersUpsert", {"total": "100000000000000"}, ["total"]),
    ("ordersUpsert", {"total": ""}, ["total"]),
    ("ordersUpsert", {"total": [5]}, ["total"]),
    ("ordersUpsert", {"refunded": "0.00001"}, ["refunded"]),
    ("ordersUpsert", {"orderedAt": "2024-05-01 09:58"}, ["orderedAt"]),
    ("ordersUpsert", {"cancelledAt": "2024-05-01T24:00:01Z"}, ["cancelledAt"]),
    ("ordersUpsert", {"contactId": " "}, ["contactId"]),
    ("ordersUpsert", {"lines": [{"productId": "a"}, {"productId": " "}]},
     ["lines", "1", "productId"]),
    ("ordersUpsert", {"lines": [{"productId": "a", "price": "1.23456"}]}, ["lines", "0", "price"]),
    ("ordersUpsert", {"lines": [{"productId": "a", "title": "x" * 256}]}, ["lines", "0", "title"]),
    ("productsUpsert", {"id": " "}, ["id"]),
    ("productsUpsert", {"title": ""}, ["title"]),
    ("textsRecord", {"sentAt": "2024-05-01T00:00:00"}, ["sentAt"]),
    ("textsRecord", {"clickedAt": "never"}, ["clickedAt"]),
    ("textsRecord", {"contactId": "x" * 256}, ["contactId"]),
    ("keywordsRecord", {"keyword": "\u2003"}, ["keyword"]),
    ("keywordsRecord", {"keyword": "x" * 256}, ["keyword"]),
    ("keywordsRecord", {"receivedAt": "now"}, ["receivedAt"]),
    ("eventsRecord", {"name": ""}, ["name"]),
    ("eventsRecord", {"occurredAt": "2024-05-01T00:00:00"}, ["occurredAt"]),
    ("eventsRecord", {"properties": 5}, ["properties"]),
)  # fmt: skip


@pytest.mark.parametrize("mutation", ITEMS)
def test_one_invalid_item_rejects_the_whole_batch(shop: Client, mutation: str) -> None:
    good = [dict(ITEMS[mutation]) for _ in range(3)]
    for bad, path in [(bad, path) for name, bad, path in BAD if name == mutation]:
        answer = shop.ask(record_mutation(mutation), items=[*good[:2], {**good[2], **bad}, *good])
        assert refused(answer) == [("INVALID", [argument(mutation), "2", *path])], bad
        assert path[-1] in answer[mutation]["userErrors"][0]["message"], bad
    if mutation != "contactsUpsert":
        shop.record("contactsUpsert", [ITEMS["contactsUpsert"]])
    seen = 0 if mutation == "contactsUpsert" else 1
    assert sizes_of_rules(shop) == [seen, 0, 0, 0, 0, 0]
    assert _products(shop) == []


@pytest.mark.parametrize("mutation", ITEMS)
def test_a_missing_or_null_required_field_is_refused(shop: Client, mutation: str) -> None:
    name = FACT_INPUTS[argument(mutation)]
    fields = shop.ask(REQUIRED, name=name)["__type"]["inputFields"]
    needed = [field["name"] for field in fields if field["type"]["kind"] == "NON_NULL"]
    assert needed
    for field in needed:
        without = {key: value for key, value in ITEMS[mutation].items() if key != field}
        for item in (without, {**without, field: None}):
            errors = shop.errors(record_mutation(mutation), items=[item])
            assert {error["extensions"]["code"] for error in errors} == {"BAD_REQUEST"}
            assert field in errors[0]["message"]
    nullable = {field["name"]: None for field in fields if field["name"] not in needed}
    nullable.pop("contactId", None)  # or else an email or phone is required
    shop.record(mutation, [{**ITEMS[mutation], **nullable}])


def test_every_invalid_value_of_every_item_is_reported(shop: Client) -> None:
    items = [
        {"id": "", "country": "us"},
        {"id": "1"},
        {"id": "2", "subscribedAt": "x", "properties": [1], "email": "x" * 300},
    ]
    assert refused(shop.ask(record_mutation("contactsUpsert"), items=items)) == [
        ("INVALID", ["contacts", "0", "id"]),
        ("INVALID", ["contacts", "0", "country"]),
        ("INVALID", ["contacts", "2", "email"]),
        ("INVALID", ["contacts", "2", "subscribedAt"]),
        ("INVALID", ["contacts", "2", "properties"]),
    ]


def test_invalid_orders_and_lines_are_reported_together(shop: Client) -> None:
    valid = ITEMS["ordersUpsert"]
    items = [{**valid, "lines": [{"productId": "a", "price": "-1"}]}, {**valid, "total": "x"}]
    assert sorted(refused(shop.ask(record_mutation("ordersUpsert"), items=items))) == [
        ("INVALID", ["orders", "0", "lines", "0", "price"]),
        ("INVALID", ["orders", "1", "total"]),
    ]


def test_only_the_first_hundred_errors_are_reported(shop: Client) -> None:
    items = [{"id": str(number) if number < 20 else ""} for number in range(300)]
    found = refused(shop.ask(record_mutation("contactsUpsert"), items=items))
    assert found == [("INVALID", ["contacts", str(20 + n), "id"]) for n in range(100)]
    assert all_people(shop) == []


def test_a_batch_has_at_most_ten_thousand_items(shop: Client) -> None:
    items = contacts(*range(10_001))
    [error] = shop.errors(record_mutation("contactsUpsert"), items=items)
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["items"]}
    assert shop.members(EVERYONE) == 0
    shop.record("contactsUpsert", items[:10_000])
    assert shop.members(EVERYONE) == 10_000
    ids = [item["id"] for item in items]
    [error] = shop.errors(FORGET, ids=ids)
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["ids"]}
    assert shop.members(EVERYONE) == 10_000
    assert shop.ask(FORGET, ids=ids[:10_000])["contactsForget"]["recorded"] == 10_000
    assert shop.members(EVERYONE) == 0


def test_an_empty_batch_succeeds(shop: Client) -> None:
    for mutation in ITEMS:
        shop.record(mutation, [])
    shop.forget()
    assert sizes_of_rules(shop) == [0] * len(RULES)


@pytest.mark.parametrize("orders", [21, 600])
def test_order_lines_have_their_own_limit(shop: Client, orders: int) -> None:
    lines = [{"productId": "a"}] * (MAX_LINES // orders + 1)
    items = [{**ITEMS["ordersUpsert"], "id": str(n), "lines": lines} for n in range(orders)]
    [error] = shop.errors(record_mutation("ordersUpsert"), items=items)
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "path": ["items"]}
    assert error["message"] == (
        f"{len(lines) * orders} lines in one call; send at most {MAX_LINES}."
    )


def test_lines_in_several_variables_have_the_same_limit(shop: Client) -> None:
    names = [f"lines{number}" for number in range(11)]
    order = 'id: {}, contactId: 1, orderedAt: "2024-05-01T09:58:12Z", total: "1", lines: ${}'
    orders = " ".join(f"{{ {order.format(n, name)} }}" for n, name in enumerate(names))
    declared = " ".join(f"${name}: [OrderLineInput!]" for name in names)
    query = (
        f"mutation ({declared}) {{ ordersUpsert(orders: [{orders}]) "
        "{ recorded userErrors { code message path } } }"
    )
    answer = shop.ask(query, **dict.fromkeys(names, [{"productId": "a"}] * MAX_ITEMS))
    assert refused(answer) == [("LIMIT_EXCEEDED", ["orders"])]


@pytest.mark.parametrize("orders", [1, 501])
def test_an_order_may_have_more_lines_than_a_call_has_orders(shop: Client, orders: int) -> None:
    items = [{**ITEMS["ordersUpsert"], "id": str(n)} for n in range(orders)]
    items[-1]["lines"] = [{"productId": "a"}] * (MAX_ITEMS + 1)
    shop.record("ordersUpsert", items)


HOSTILE = (
    "Robert'); DROP TABLE contacts; --",
    "\\' OR 1=1 --",
    "back\\slash \\n \\t \\0 \\x41 \\",
    "a\x00b",
    "tab\tline\nreturn\rbell\x07",
    "{contact:Identifier} %(name)s %s {{x}} ${x} :name ?",
    "<script>alert(1)</script>",
    "日本語 العربية עברית",
    "👩‍👩‍👧‍👦 é e\u0301",
    "\u202eright to left",
    "\ufeffmark",
    "\U0010ffff\ufffe",
    " leading and trailing ",
    "NULL",
    "\\N",
    "'\"`",
    "x" * 255,
    "😀" * 255,
)


def test_hostile_text_is_returned_unchanged(shop: Client) -> None:
    names = ("phone", "email", "firstName", "lastName", "region", "city")
    people = [
        {
            "id": str(number),
            **dict.fromkeys(names, text),
            "properties": {text: [text, {"deep": text}]},
            "tags": [text.strip(), "plain"],
        }
        for number, text in enumerate(HOSTILE)
    ]
    shop.record("contactsUpsert", people)
    found = all_people(shop)
    assert len(found) == len(HOSTILE)
    for sent, person in zip(people, found, strict=True):
        del sent["id"]
        assert {name: person[name] for name in sent} == sent


def test_rules_match_hostile_keywords_products_and_regions(shop: Client) -> None:
    people = [contact(n, country="US", region=x) for n, x in enumerate(HOSTILE)]
    shop.record("contactsUpsert", people)
    shop.record("keywordsRecord", [keyword(n, x) for n, x in enumerate(HOSTILE)])
    shop.record("ordersUpsert", [order(n, n, x) for n, x in enumerate(HOSTILE)])
    for number, value in enumerate(HOSTILE):
        for rule in (
            {"keyword": {"operator": "ANY_OF", "keywords": [value]}},
            {"productPurchased": {"operator": "ANY_OF", "products": [value]}},
            {"location": {"operator": "ANY_OF", "countries": ["US"], "regions": [value]}},
        ):
            nodes = shop.ask(CONTACT, rule=rule)["segmentMembers"]["nodes"]
            assert [node["sourceId"] for node in nodes] == [str(number)], (rule, value)


def test_properties_accept_any_json_object(shop: Client) -> None:
    properties = {
        "n": [0, -1, 1.5, 1e-7, 2**53 + 1, 2**64],
        "b": [True, False, None],
        "": {"": {}},
        "s": "\x00\u2028",
    }
    shop.record("contactsUpsert", [contact(1, properties=properties), contact(2)])
    assert [person["properties"] for person in all_people(shop)] == [properties, {}]


def test_whole_numbers_in_properties_keep_every_digit(shop: Client) -> None:
    whole = [2**53 + 1, -(2**53) - 1, 2**64 - 1, 2**64 + 1, -(2**63) - 1, 10**40 + 1]
    shop.record("contactsUpsert", contacts(1, properties={"n": whole}))
    shop.ask(
        "mutation { contactsUpsert(contacts: [{ id: 2, properties: "
        f"{{ n: {whole} }} }}]) {{ recorded }} }}"
    )
    found = [person["properties"]["n"] for person in all_people(shop)]
    assert [[*map(repr, numbers)] for numbers in found] == [[*map(repr, whole)]] * 2


IMPOSSIBLE_OFFSETS = ["+14:01", "+14:60", "-12:01", "-1300", "+09:60", "+24:00", "-99", "+5:30"]
IMPOSSIBLE_TIMES = [
    "2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "2024-05-01T24:00:00Z",
    "2024-05-01T09:60:00+01:00", "2024-05-01T23:59:60Z", "0000-01-01T00:00:00Z",
]  # fmt: skip


def test_a_refused_time_is_explained_without_words_of_python(shop: Client) -> None:
    refused_times = {
        **{f"2024-05-01T09:58:12{offset}": INSTANT_REQUIRED for offset in IMPOSSIBLE_OFFSETS},
        **dict.fromkeys(
            IMPOSSIBLE_TIMES,
            "is not a time that exists; check the month, day, hour, minute and second",
        ),
    }
    items = [contact(n, createdAt=time) for n, time in enumerate(refused_times)]
    errors = shop.try_record("contactsUpsert", items)["userErrors"]
    assert [error["message"] for error in errors] == [
        f"createdAt {message}." for message in refused_times.values()
    ]


def test_times_with_different_offsets_are_the_same_instant(shop: Client) -> None:
    times = {
        "1": ("2024-05-01T09:58:12Z", "2024-05-01T09:58:12.000Z"),
        "2": ("2024-05-01T09:58:12.345678+05:30", "2024-05-01T04:28:12.345Z"),
        "3": ("2024-05-01 09:58:12-0800", "2024-05-01T17:58:12.000Z"),
        "4": ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
        "5": ("2199-12-31T23:59:59.999Z", "2199-12-31T23:59:59.999Z"),
        "6": ("1970-01-01T05:00:00+05:00", "1970-01-01T00:00:00.000Z"),
        "7": ("2024-05-01T09:58:12+14:00", "2024-04-30T19:58:12.000Z"),
        "8": ("2024-05-01T09:58:12-12", "2024-05-01T21:58:12.000Z"),
    }
    shop.record("contactsUpsert", [contact(id, createdAt=sent) for id, (sent, _) in times.items()])
    found = {person["sourceId"]: person["createdAt"] for person in all_people(shop)}
    assert found == {id: expected for id, (_, expected) in times.items()}


def test_subscribing_and_unsubscribing_at_once_is_no_subscription(shop: Client) -> None:
    person = contact(1, phone="+12125550100", subscribedAt=AT)
    for unsubscribed, expected in (
        (AT, False),
        ("2024-05-01T09:58:11.999Z", True),
        ("2024-05-01T09:58:12.001Z", False),
    ):
        shop.record("contactsUpsert", [{**person, "unsubscribedAt": unsubscribed}])
        (found,) = all_people(shop)
        assert (found["subscribed"], found["textable"]) == (expected, expected)


def test_amounts_are_exact(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1))
    amounts = ["99999999999999.9999", "0.0001"]
    for number, total in enumerate(amounts):
        shop.record("ordersUpsert", [order(number, 1, total=total)])
    assert shop.members({"spend": {"operator": "GREATER_THAN", "amount": amounts[0]}}) == 1
    shop.record("ordersUpsert", [order(0, 1, total="0.1")])
    assert shop.members({"spend": {"operator": "EQUALS", "amount": "0.1001"}}) == 1


SURROGATES: Sequence[tuple[str, Mapping[str, Any], list[str]]] = (
    *(
        ("contactsUpsert", {name: "a\ud800"}, [name])
        for name in ("id", "phone", "email", "firstName", "country", "city", "createdAt")
    ),
    ("contactsUpsert", {"tags": ["a\udfff"]}, ["tags", "0"]),
    ("contactsUpsert", {"properties": {"a": ["\ud800"]}}, ["properties", "a", "0"]),
    ("contactsUpsert", {"properties": {"\ud800": 1}}, ["properties", "\ud800"]),
    ("contactsUpsert", {"properties": '{"a": "\\ud800"}'}, ["properties", "a"]),
    ("ordersUpsert", {"total": "\ud800"}, ["total"]),
    ("ordersUpsert", {"lines": [{"productId": "\ud800"}]}, ["lines", "0", "productId"]),
    ("ordersUpsert", {"lines": [{"productId": "a", "title": "\ud800"}]}, ["lines", "0", "title"]),
    ("productsUpsert", {"id": "\ud800"}, ["id"]),
    ("productsUpsert", {"title": "\ud800"}, ["title"]),
    ("keywordsRecord", {"keyword": "\ud800"}, ["keyword"]),
    ("eventsRecord", {"name": "\ud800"}, ["name"]),
)


def test_lone_surrogates_are_refused_with_their_path(shop: Client) -> None:
    for mutation, bad, path in SURROGATES:
        items = [ITEMS[mutation], {**ITEMS[mutation], **bad}]
        answer = send_escaped(shop, record_mutation(mutation), {"items": items})
        assert refused(answer["data"]) == [("INVALID", [argument(mutation), "1", *path])], bad
    shop.record("contactsUpsert", [ITEMS["contactsUpsert"]])
    assert sizes_of_rules(shop) == [1, *[0] * (len(RULES) - 1)]
    assert _products(shop) == []


NOT_A_NUMBER = "must be a number, not NaN or infinite"


BAD_PROPERTIES: Sequence[tuple[str, list[str], str]] = (
    ('{"a": 1e999}', ["a"], f"properties.a {NOT_A_NUMBER}."),
    ('{"a": [0, {"b": -1e999}]}', ["a", "1", "b"], f"properties.a[1].b {NOT_A_NUMBER}."),
    (f'{{"a": {"9" * 400}}}', ["a"], "properties.a must be a number of fewer than 400 digits."),
    ('"{\\"a\\": [NaN]}"', ["a", "0"], f"properties.a[0] {NOT_A_NUMBER}."),
    (
        '"{\\"a\\": "',
        [],
        "properties must be a JSON object; the text is not JSON at line 1, column 7.",
    ),
    ('"[1]"', [], "properties must be a JSON object."),
    ("[1]", [], "properties must be a JSON object."),
    (f'{{"{"x" * 99}": 1e999}}', ["x" * 99], f"properties.{'x' * 50} {NOT_A_NUMBER}."),
)


def test_a_bad_value_in_properties_is_named_with_its_path(shop: Client) -> None:
    query = json.dumps(record_mutation("contactsUpsert"))
    for properties, path, message in BAD_PROPERTIES:
        contact = f'{{"id": "1", "tags": [], "properties": {properties}}}'
        body = f'{{"query": {query}, "variables": {{"items": [{contact}]}}}}'
        [error] = send(shop, body).json()["data"]["contactsUpsert"]["userErrors"]
        assert error["path"] == ["contacts", "0", "properties", *path], properties
        assert error["message"] == message, properties


def test_a_surrogate_pair_is_one_character(shop: Client) -> None:
    body = json.dumps(
        {"query": record_mutation("contactsUpsert"), "variables": {"items": contacts(1, city="😀")}}
    )
    assert "\\ud83d\\ude00" in body
    assert send(shop, body).json()["data"]["contactsUpsert"]["recorded"] == 1
    assert all_people(shop)[0]["city"] == "😀"


def test_shops_with_the_same_ids_have_separate_facts(server: Server) -> None:
    shop, other = server.shop(), server.shop()
    for mutation, item in ITEMS.items():
        shop.record(mutation, [item])
    assert sizes_of_rules(other) == [0] * len(RULES)
    assert _products(other) == []
    other.record("contactsUpsert", contacts(1, city="Elsewhere"))
    assert sizes_of_rules(other) == [1, 0, 0, 0, 0, 0]
    other.forget("1")
    assert sizes_of_rules(shop) == [1] * len(RULES)
    assert [person["city"] for person in all_people(shop)] == [None]

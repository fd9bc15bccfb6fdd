"""contactsPatch changes what is given and leaves the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.factories import AT, contact
from tests.schema.operations import EVERYONE, refused
from tests.schema.test_facts import CONTACT
from tests.support import Client

PATCH = """
mutation ($contacts: [ContactPatchInput!]!, $key: String) {
  contactsPatch(contacts: $contacts, idempotencyKey: $key) {
    recorded userErrors { code message path } warnings { code path }
  }
}
"""
FULL: Mapping[str, Any] = contact(
    "anna",
    phone="+12125550100",
    email="anna@example.com",
    firstName="Anna",
    country="US",
    city="Rome",
    tags=["vip", "early"],
    subscribedAt=AT,
    createdAt=AT,
    properties={"size": "M", "wide": 10**20, "pet": {"name": "Rex", "age": 3}},
)


def patch(shop: Client, *contacts: Mapping[str, Any], key: str | None = None) -> Any:
    return shop.ask(PATCH, contacts=list(contacts), key=key)


def patched(shop: Client, *contacts: Mapping[str, Any]) -> dict[str, Any]:
    """Patch contacts without an error; return the only contact."""
    payload = patch(shop, *contacts)["contactsPatch"]
    assert (payload["recorded"], payload["userErrors"]) == (len(contacts), [])
    [person] = shop.ask(CONTACT, rule=EVERYONE)["segmentMembers"]["nodes"]
    found: dict[str, Any] = person
    return found


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        ({}, {}),
        ({"city": "Bern"}, {"city": "Bern"}),
        ({"city": None, "firstName": ""}, {"city": None, "firstName": None}),
        ({"email": "a@b.c", "lastName": "Li"}, {"email": "a@b.c", "lastName": "Li"}),
        ({"phone": None}, {"phone": None, "phoneE164": None, "textable": False}),
        ({"subscribedAt": None}, {"subscribedAt": None, "subscribed": False, "textable": False}),
        ({"tags": ["new"]}, {"tags": ["new"]}),
        ({"tags": None}, {"tags": []}),
        ({"addTags": ["b", "vip", "b"]}, {"tags": ["vip", "early", "b"]}),
        ({"removeTags": ["vip", "unknown"]}, {"tags": ["early"]}),
        ({"tags": ["x"], "addTags": ["y", "z"], "removeTags": ["x", "z"]}, {"tags": ["y"]}),
        ({"addTags": None, "removeTags": None}, {}),
        ({"properties": None}, {"properties": {}}),
        (
            {"properties": {"size": None, "color": "red", "pet": {"age": 4, "toy": {"a": None}}}},
            {
                "properties": {
                    "wide": 10**20,
                    "pet": {"name": "Rex", "age": 4, "toy": {}},
                    "color": "red",
                }
            },
        ),
        ({"properties": {"pet": "none"}}, {"properties": {**FULL["properties"], "pet": "none"}}),
    ],
)
def test_only_what_is_given_changes(
    shop: Client, change: Mapping[str, Any], changed: Mapping[str, Any]
) -> None:
    shop.record("contactsUpsert", [FULL])
    [before] = shop.ask(CONTACT, rule=EVERYONE)["segmentMembers"]["nodes"]
    after = patched(shop, {"id": "anna", **change})
    known = {name: value for name, value in changed.items() if name in before}
    assert after == {**before, **known}


def test_changes_of_one_contact_follow_each_other(shop: Client) -> None:
    shop.record("contactsUpsert", [contact(7, tags=["a"])])
    changes: Sequence[Mapping[str, Any]] = [
        {"id": "7", "addTags": ["b"]},
        {"id": "07", "removeTags": ["a"], "city": "Bern"},
        {"id": "7", "addTags": ["c"], "city": None},
    ]
    person = patched(shop, *changes)
    assert (person["tags"], person["city"]) == (["b", "c"], None)


def test_a_refused_change_changes_nothing(shop: Client) -> None:
    many = [f"tag {number}" for number in range(250)]
    shop.record("contactsUpsert", [contact(1, tags=many, properties={"text": "x" * 10_000})])
    good = {"id": "1", "city": "Bern"}
    bad = {"addTags": ["one more"], "properties": {"more": "y" * 10_000}}
    found = refused(patch(shop, good, {"id": "2", "city": "Bern"}, {"id": "1", **bad}, good))
    assert found == [
        ("INVALID", ["contacts", "1", "id"]),
        ("INVALID", ["contacts", "2", "addTags"]),
        ("INVALID", ["contacts", "2", "properties"]),
    ]
    assert refused(patch(shop, good, {"id": "1", "country": "us"})) == [
        ("INVALID", ["contacts", "1", "country"])
    ]
    [person] = shop.ask(CONTACT, rule=EVERYONE)["segmentMembers"]["nodes"]
    assert person["city"] is None


def test_a_change_can_warn_and_be_repeated(shop: Client) -> None:
    shop.record("contactsUpsert", [contact(1)])
    change = {"id": "1", "phone": "12"}
    for _ in range(2):
        payload = patch(shop, change, key="k")["contactsPatch"]
        assert payload["recorded"] == 1
    payload = patch(shop, change)["contactsPatch"]
    assert payload["warnings"] == [{"code": "UNUSABLE_PHONE", "path": ["contacts", "0", "phone"]}]


def test_a_new_address_gets_the_facts_that_wait_for_it(shop: Client) -> None:
    shop.record("contactsUpsert", [contact(1)])
    shop.record("textsRecord", [{"id": "m", "email": "anna@example.com", "sentAt": AT}])
    texted = {"textsReceived": {"operator": "EQUALS", "count": 1}}
    assert shop.members(texted) == 0
    patched(shop, {"id": "1", "email": "anna@example.com"})
    assert shop.members(texted) == 1

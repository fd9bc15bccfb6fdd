"""Which contact a fact belongs to: by id, email address or phone number, and after a merge."""

from tests.client import MERGE, record_mutation
from tests.factories import AT, contact, contacts, order
from tests.schema.operations import EVERYONE, ORDERED, refused
from tests.schema.test_facts import CONTACT, RULES, all_people, sizes_of_rules
from tests.support import Client


def test_ids_have_up_to_64_bits(shop: Client) -> None:
    ids = ["0", "1", str(2**31), str(2**53 + 1), str(2**63), str(2**64 - 1)]
    shop.record("contactsUpsert", contacts(*ids))
    shop.record("ordersUpsert", [order(id) for id in ids])
    nodes = shop.ask(CONTACT, rule=ORDERED)["segmentMembers"]["nodes"]
    assert [node["sourceId"] for node in nodes] == ids
    # JSON numbers are accepted as ids, without loss of precision.
    shop.record("textsRecord", [{"id": 2**64 - 1, "contactId": 2**53 + 1, "sentAt": AT}])
    rule = {"textsReceived": {"operator": "EQUALS", "count": 1}}
    nodes = shop.ask(CONTACT, rule=rule)["segmentMembers"]["nodes"]
    assert [node["sourceId"] for node in nodes] == [str(2**53 + 1)]
    shop.forget(str(2**64 - 1))
    assert shop.members(EVERYONE) == 5


def test_ids_are_any_text(shop: Client) -> None:
    ids = [
        "9",
        "01J9Z8",
        "#1001/a",
        "0b8a6f3e-5d0b-4f6e-9a57-0c3f4b6f4a11",
        "anna@example.com",
        "é",
    ]
    shop.record("contactsUpsert", contacts(*ids))
    shop.record("ordersUpsert", [{**order(f"of {id}"), "contactId": id} for id in ids[1:]])
    nodes = shop.ask(CONTACT, rule=ORDERED)["segmentMembers"]["nodes"]
    assert sorted(node["sourceId"] for node in nodes) == sorted(ids[1:])
    # An order that moves leaves its first contact; 09 is 9.
    shop.record("ordersUpsert", [{**order(f"of {ids[1]}"), "contactId": "09"}])
    nodes = shop.ask(CONTACT, rule=ORDERED)["segmentMembers"]["nodes"]
    assert sorted(node["sourceId"] for node in nodes) == sorted([ids[0], *ids[2:]])
    shop.forget("#1001/a", "é")
    assert shop.members(EVERYONE) == 4
    shop.record("contactsUpsert", contacts("é"))
    assert (shop.members(EVERYONE), shop.members(ORDERED)) == (5, 3)


def test_facts_name_their_contact_by_an_address(shop: Client) -> None:
    shop.record(
        "contactsUpsert", [contact(1, email="anna@example.com"), contact(2, phone="+12125550100")]
    )
    at = {"orderedAt": AT, "total": "60"}
    shop.record("ordersUpsert", [{"id": "a", "email": " Anna@Example.com", **at}])
    shop.record("textsRecord", [{"id": "b", "phone": "+1 212 555 0100", "sentAt": AT}])
    assert sizes_of_rules(shop) == [2, 0, 1, 0, 1, 0]
    # A fact about nobody waits for the first contact with the address.
    used = {"keyword": "JOIN", "receivedAt": AT}
    shop.record("keywordsRecord", [{"email": "bob@example.com", **used}])
    assert shop.members(RULES[5]) == 0
    shop.record("contactsUpsert", [contact(3, email="BOB@example.com")])
    assert shop.members(RULES[5]) == 1
    # Several contacts have the address.
    shop.record("contactsUpsert", [contact(4, email="bob@example.com")])
    items = [{"email": "anna@example.com", **used}, {"email": "bob@example.com", **used}]
    answer = shop.ask(record_mutation("keywordsRecord"), items=[*items, used])
    assert refused(answer) == [("INVALID", ["keywords", "2", "contactId"])]
    answer = shop.ask(record_mutation("keywordsRecord"), items=items)
    assert refused(answer) == [("INVALID", ["keywords", "1", "email"])]
    [error] = answer["keywordsRecord"]["userErrors"]
    assert error["message"] == "email belongs to several contacts: 3, 4; name one by its id."
    assert shop.members(RULES[5]) == 1


def test_merged_contacts_have_one_history(shop: Client) -> None:
    shop.record("contactsUpsert", [contact(1, country="US"), contact("b", email="b@example.com")])
    shop.record("ordersUpsert", [order(1, contact=1), order(2, contact="b")])
    assert shop.members({"ordersPlaced": {"operator": "AT_LEAST", "count": 1}}) == 2
    for _ in range(2):
        shop.merge("1", into="b")
        assert shop.members({"ordersPlaced": {"operator": "EQUALS", "count": 2}}) == 1
    [person] = all_people(shop)
    assert (person["sourceId"], person["country"], person["email"]) == ("b", "US", "b@example.com")
    for bad, into, path in ((" ", "b", "from"), ("b", "x" * 256, "into"), ("b", " b", "into")):
        answer = shop.ask(MERGE, id=bad, into=into)
        assert refused(answer) == [("INVALID", [path])]

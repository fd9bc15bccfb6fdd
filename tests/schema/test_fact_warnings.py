"""Facts in the future are recorded with a warning, and count when their time comes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.client import connected, record_mutation
from tests.factories import contact, contacts, event, keyword, order, text
from tests.http.live import COUNT
from tests.support import Client, Server

FIELDS = "recorded userErrors { code } warnings { code message path }"
MEMBERS = "{ segmentMembers(rule: {all: []}) { nodes { phone phoneE164 textable } } }"
ORDERED = {"ordersPlaced": {"operator": "AT_LEAST", "count": 1}}


def at(**since: float) -> str:
    return (datetime.now(UTC) + timedelta(**since)).isoformat()


def record(shop: Client, mutation: str, *items: Any) -> Any:
    return shop.ask(record_mutation(mutation, FIELDS), items=items)[mutation]


@pytest.mark.parametrize(
    ("mutation", "item", "field"),
    [
        ("contactsUpsert", contact(1, subscribedAt=at(days=2)), "subscribedAt"),
        ("contactsUpsert", contact(1, unsubscribedAt=at(days=2)), "unsubscribedAt"),
        ("ordersUpsert", order(1, at=at(days=2)), "orderedAt"),
        ("ordersUpsert", order(1, cancelledAt=at(days=2)), "cancelledAt"),
        ("textsRecord", text(1, at=at(days=2)), "sentAt"),
        ("keywordsRecord", keyword(1, "join", at=at(days=2)), "receivedAt"),
        ("eventsRecord", event(1, at=at(days=2)), "occurredAt"),
    ],
)
def test_a_time_in_the_future_is_recorded_with_a_warning(
    shop: Client, mutation: str, item: dict[str, Any], field: str
) -> None:
    past = {name: at(days=-1) if name == field else value for name, value in item.items()}
    assert record(shop, mutation, past) == {"recorded": 1, "userErrors": [], "warnings": []}
    payload = record(shop, mutation, past, {**item, "id": "2"} if "id" in item else item)
    [warning] = payload["warnings"]
    assert (payload["recorded"], payload["userErrors"]) == (2, [])
    assert warning["code"] == "IN_THE_FUTURE"
    assert warning["message"].startswith(f"{field} is in the future: 20")
    assert warning["path"][1:] == ["1", field]


def test_only_the_first_hundred_warnings_are_reported(shop: Client) -> None:
    items = [contact(n, subscribedAt=at(days=1)) for n in range(1, 200)]
    assert len(record(shop, "contactsUpsert", *items)["warnings"]) == 100


def test_a_phone_number_that_cannot_be_texted_is_recorded_with_a_warning(server: Server) -> None:
    shop = server.shop(country="US")
    phones = [
        {"phone": "5550100"},
        {"phone": "(212) 555-0100"},
        {"phone": "n/a", "country": "GB"},
        {"phone": "+1 555 010 0001"},
        {},
    ]
    items = [contact(id, **item, subscribedAt=at(days=-1)) for id, item in enumerate(phones)]
    payload = record(shop, "contactsUpsert", *items)
    assert (payload["recorded"], payload["userErrors"]) == (5, [])
    cannot = "so the contact cannot be texted: correct it"
    with_code = ", or start it with + and its country code"
    messages = {
        "0": f'phone "5550100" is not a valid phone number in US, {cannot}{with_code}.',
        "2": f'phone "n/a" is not a valid phone number in GB, {cannot}{with_code}.',
        "3": f'phone "+1 555 010 0001" is not a valid phone number, {cannot}.',
    }
    assert payload["warnings"] == [
        {"code": "UNUSABLE_PHONE", "message": message, "path": ["contacts", row, "phone"]}
        for row, message in messages.items()
    ]
    found = shop.ask(MEMBERS)["segmentMembers"]["nodes"]
    assert [(node["phone"], node["phoneE164"], node["textable"]) for node in found] == [
        ("5550100", None, False),
        ("(212) 555-0100", "+12125550100", True),
        ("n/a", None, False),
        ("+1 555 010 0001", None, False),
        (None, None, False),
    ]


def test_a_phone_number_without_any_country_is_recorded_with_a_warning(shop: Client) -> None:
    [warning] = record(shop, "contactsUpsert", contact(1, phone="\n212 555 0100"))["warnings"]
    assert warning["message"].startswith('phone "\\n212 555 0100" does not say its country')
    assert record(shop, "contactsUpsert", contact(1, phone="+1 212 555 0100"))["warnings"] == []


def test_a_live_size_changes_when_the_time_of_a_fact_comes(shop: Client) -> None:
    shop.record("contactsUpsert", contacts(1))
    with connected(shop) as stream:
        stream.subscribe(COUNT, rule=ORDERED)
        assert stream.next()["segmentSize"]["members"] == 0
        comes = datetime.now(UTC) + timedelta(seconds=2)
        assert record(shop, "ordersUpsert", order(1, at=comes.isoformat()))["warnings"]
        members = shop.members(ORDERED)
        assert members == 0 or datetime.now(UTC) >= comes
        assert stream.next()["segmentSize"]["members"] == 1
    assert shop.members(ORDERED) == 1

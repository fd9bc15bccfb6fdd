"""Merging contacts: attributes, facts in every table, and facts that arrive later."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from graphql_app.audience import facts
from graphql_app.audience.facts import FactType
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.errors import AppError
from tests.fact_tables import checked

DAY, NEXT = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


class Shop:
    """Shop 1 of an audience."""

    def __init__(self, audience: Audience, recorder: Recorder) -> None:
        self.audience = audience
        self.recorder = recorder

    def record(self, fact: FactType, *rows: Mapping[str, Any]) -> None:
        columns = {field.name: [row.get(field.name) for row in rows] for field in fact.fields}
        self.recorder.record(1, fact, checked(fact, columns))

    def order(self, id: str, contact: str, *products: str) -> None:
        values = {"id": [id], "contact_id": [contact], "ordered_at": [DAY], "total": ["9"]}
        lines = checked(facts.LINES, {"product_id": [*products]})
        lines = lines.append_column("row", pa.array([0] * len(products), pa.int64()))
        self.recorder.record_orders(1, checked(facts.ORDERS, values), lines)

    def merge(self, source: str, target: str) -> None:
        self.recorder.merge(1, source, target)

    def contacts(self, *columns: str) -> dict[str, Any]:
        """Return columns of all contacts, by id."""
        rows = self.audience.query_unfiltered(
            f"SELECT coalesce(source_id, toString(id)) AS name, {', '.join(columns)} "
            "FROM contacts FINAL WHERE NOT deleted"
        ).to_pylist()
        assert len(rows) == len({row["name"] for row in rows})
        return {row.pop("name"): row for row in rows}

    def owners(self, table: str, *columns: str) -> Sequence[tuple[Any, ...]]:
        """Return the id of the contact of each row of a table, with columns of the row."""
        rows = self.audience.query_unfiltered(
            f"SELECT contact_id, {', '.join(columns)} FROM {table} FINAL WHERE NOT deleted"
        )
        ids = self.audience.query_unfiltered(
            "SELECT id, coalesce(source_id, toString(id)) AS name FROM contacts FINAL "
            "WHERE NOT deleted"
        )
        names = dict(zip(*(ids[name].to_pylist() for name in ("id", "name")), strict=True))
        return sorted(
            (names.get(row["contact_id"]), *(row[name] for name in columns))
            for row in rows.to_pylist()
        )


@pytest.fixture
def shop(audience: Audience, recorder: Recorder) -> Shop:
    return Shop(audience, recorder)


EMBEDDED = pytest.mark.parametrize("store", ["embedded"], indirect=True)
TWO = pytest.mark.parametrize("store", ["embedded", "cluster"], indirect=True)


@TWO
@pytest.mark.parametrize(("source", "target"), [("1", "2"), ("a", "b"), ("1", "b"), ("a", "2")])
def test_all_facts_follow(shop: Shop, source: str, target: str) -> None:
    shop.record(facts.CONTACTS, {"id": source}, {"id": target}, {"id": "other"})
    shop.order("s", source, "mug", "cup")
    shop.order("t", target, "mug")
    keyword = {"keyword": "JOIN", "received_at": DAY}
    shop.record(
        facts.KEYWORDS,
        *({**keyword, "contact_id": id} for id in (source, target, "other")),
        {"contact_id": source, "keyword": "VIP", "received_at": DAY},
    )
    shop.merge(source, target)
    # Those that arrive later, too: of the old id, and an order of it that is sent again.
    shop.record(facts.EVENTS, *(_event(n, id) for n, id in enumerate((source, target, "other"))))
    shop.order("s", source, "mug", "cup", "pot")
    shop.merge(source, target)
    assert set(shop.contacts("tags")) == {target, "other"}
    assert shop.owners("events", "id") == sorted([("other", 2), (target, 0), (target, 1)])
    expected = [("other", "JOIN"), (target, "JOIN"), (target, "VIP")]
    assert shop.owners("keywords", "keyword") == sorted(expected)
    assert [owner for owner, *_ in shop.owners("orders", "id")] == [target] * 2
    products = [product for _, product in shop.owners("order_lines", "product_id")]
    assert products == ["cup", "mug", "mug", "pot"]
    # The old id means the contact who remains, also as a contact.
    shop.record(facts.CONTACTS, {"id": source, "city": "Rome"})
    assert shop.contacts("city")[target] == {"city": "Rome"}
    assert len(shop.contacts("city")) == 2


def _event(number: int, contact: str) -> Mapping[str, Any]:
    return {"id": number, "contact_id": contact, "name": "seen", "occurred_at": DAY}


@EMBEDDED
def test_attributes_are_the_survivors_or_else_the_others(shop: Shop) -> None:
    survivor = {"id": "b", "email": "b@example.com", "properties": {"size": "M", "wide": 10**20}}
    other = {
        "id": "a",
        "email": "a@example.com",
        "first_name": "Anna",
        "phone": "030 901820",
        "country": "DE",
        "tags": ["vip"],
        "created_at": DAY,
        "properties": {"size": "L", "color": "red"},
    }
    shop.record(facts.CONTACTS, {**survivor, "country": "US"}, other)
    shop.merge("a", "b")
    columns = ("email", "first_name", "phone_e164", "country", "tags", "properties")
    assert shop.contacts(*columns) == {
        "b": {
            "email": "b@example.com",
            "first_name": "Anna",
            "phone_e164": "+4930901820",
            "country": "US",
            "tags": ["vip"],
            "properties": '{"size":"M","color":"red","wide":100000000000000000000e0}',
        }
    }


@EMBEDDED
@pytest.mark.parametrize(
    ("of_source", "of_target", "subscribed"),
    [
        ({"subscribed_at": DAY}, {}, True),
        ({}, {"subscribed_at": DAY}, True),
        ({"unsubscribed_at": NEXT}, {"subscribed_at": DAY}, False),
        ({"subscribed_at": NEXT}, {"unsubscribed_at": DAY}, True),
        ({"subscribed_at": DAY}, {"unsubscribed_at": DAY}, False),
    ],
)
def test_the_latest_statement_of_consent_counts(
    shop: Shop, of_source: Mapping[str, str], of_target: Mapping[str, str], subscribed: bool
) -> None:
    shop.record(facts.CONTACTS, {"id": "a", **of_source}, {"id": "b", **of_target})
    shop.merge("a", "b")
    assert shop.contacts("subscribed") == {"b": {"subscribed": subscribed}}


@EMBEDDED
def test_contacts_may_be_merged_repeatedly_and_in_chains(shop: Shop) -> None:
    shop.record(facts.CONTACTS, *({"id": id} for id in ("a", "b", "c", "7")))
    shop.merge("a", "b")
    shop.merge("b", "7")
    shop.merge("7", "c")
    shop.merge("c", "a")  # the same contact by now
    shop.record(facts.EVENTS, *(_event(n, id) for n, id in enumerate(("a", "b", "c", "7"))))
    assert shop.owners("events", "id") == [("c", number) for number in range(4)]
    assert set(shop.contacts("tags")) == {"c"}


@EMBEDDED
def test_an_id_that_was_merged_can_be_merged_again(shop: Shop) -> None:
    shop.record(facts.CONTACTS, *({"id": id} for id in ("17", "42", "c", "99")))
    shop.merge("17", "42")
    shop.merge("17", "99")  # merges 42, which 17 means
    shop.record(facts.EVENTS, *(_event(n, id) for n, id in enumerate(("17", "42", "99"))))
    assert shop.owners("events", "id") == [("99", number) for number in range(3)]
    assert set(shop.contacts("tags")) == {"99", "c"}


@EMBEDDED
def test_contacts_who_are_not_recorded_can_be_merged(shop: Shop) -> None:
    shop.record(facts.EVENTS, _event(1, "a"), _event(2, "5"))
    shop.merge("a", "5")
    shop.merge("5", "b")
    shop.record(facts.EVENTS, _event(3, "a"))
    shop.record(facts.CONTACTS, {"id": "b"})
    assert shop.owners("events", "id") == [("b", 1), ("b", 2), ("b", 3)]
    # One of them is recorded.
    shop.record(facts.CONTACTS, {"id": "x", "city": "Rome"})
    shop.merge("x", "y")
    assert shop.contacts("city") == {"b": {"city": None}, "y": {"city": "Rome"}}


@EMBEDDED
def test_a_merged_contact_is_forgotten_under_either_id(shop: Shop) -> None:
    shop.record(facts.CONTACTS, {"id": "a"}, {"id": "9"})
    shop.record(facts.EVENTS, _event(1, "a"), _event(2, "9"))
    shop.merge("9", "a")
    shop.recorder.forget(1, ["9"])
    assert shop.contacts("tags") == {}
    assert shop.owners("events", "id") == []
    left = shop.audience.query_unfiltered("SELECT source_id FROM identities FINAL")["source_id"]
    assert {*left.to_pylist()} == {""}
    # Both ids mean new contacts, who have nothing to do with each other.
    shop.record(facts.CONTACTS, {"id": "a"}, {"id": "9"})
    shop.record(facts.EVENTS, _event(1, "a"), _event(2, "9"))
    assert shop.owners("events", "id") == [("9", 2), ("a", 1)]


@EMBEDDED
def test_a_failed_merge_is_finished_before_ids_are_resolved(shop: Shop) -> None:
    shop.record(facts.CONTACTS, {"id": "5"}, {"id": "7"})
    shop.record(facts.EVENTS, _event(1, "5"))
    shop.audience.command("ALTER TABLE events ADD CONSTRAINT full CHECK 0")
    with pytest.raises(AppError):
        shop.merge("5", "7")
    shop.audience.command("ALTER TABLE events DROP CONSTRAINT full")
    shop.record(facts.EVENTS, _event(2, "5"))
    assert shop.owners("events", "id") == [("7", 1), ("7", 2)]
    assert set(shop.contacts("tags")) == {"7"}

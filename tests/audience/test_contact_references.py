"""Facts that name their contact by an email address or a phone number."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from graphql_app.audience import facts
from graphql_app.audience.facts import BadFactsError
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from tests.fact_tables import checked

DAY = "2026-01-01T00:00:00Z"


class Shop:
    """Shop 1 of an audience."""

    def __init__(self, audience: Audience, recorder: Recorder) -> None:
        self.audience = audience
        self.recorder = recorder

    def contacts(self, *rows: Mapping[str, Any]) -> None:
        names = [field.name for field in facts.CONTACTS.fields]
        columns = {name: [row.get(name) for row in rows] for name in names}
        self.recorder.record(1, facts.CONTACTS, checked(facts.CONTACTS, columns))

    def texts(self, **texts: Mapping[str, Any]) -> None:
        """Record a text for each reference, by the text's id."""
        columns = {
            "id": [*texts],
            "sent_at": [DAY] * len(texts),
            **{name: [text.get(name) for text in texts.values()] for name in facts.NAMES},
        }
        self.recorder.record(1, facts.TEXTS, checked(facts.TEXTS, columns))

    def owners(self, table: str = "texts") -> dict[str, str | None]:
        """Return the id of the contact of each row; ``None`` while it waits."""
        rows = self.audience.query_unfiltered(
            "SELECT i.source_id AS row, c.id AS number, c.source_id AS id "
            f"FROM (SELECT * FROM {table} FINAL WHERE NOT deleted) AS t "
            "INNER JOIN (SELECT * FROM identities FINAL) AS i "
            f"ON i.number = t.id AND i.of_table = '{table}' "
            "LEFT JOIN (SELECT * FROM contacts FINAL WHERE NOT deleted) AS c "
            "ON c.id = t.contact_id SETTINGS join_use_nulls = 1"
        ).to_pylist()
        assert len(rows) == len({row["row"] for row in rows})
        return {
            row["row"]: None if row["number"] is None else row["id"] or str(row["number"])
            for row in rows
        }


@pytest.fixture
def shop(audience: Audience, recorder: Recorder) -> Shop:
    return Shop(audience, recorder)


@pytest.fixture(params=["embedded"])
def store(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.mark.parametrize("store", ["embedded", "cluster"], indirect=True)
def test_a_reference_means_the_contact_with_the_address(shop: Shop) -> None:
    shop.contacts(
        {"id": "a", "email": "Anna@Example.com", "phone": "+12125550100"},
        {"id": "7", "email": "bob@example.com", "phone": "(212) 555-0101", "country": "US"},
    )
    shop.texts(
        m1={"email": " ANNA@example.COM "},
        m2={"phone": "+1 212 555 0100"},
        m3={"phone": "+12125550101"},
        m4={"contact_id": "7", "email": "anna@example.com"},
        m5={"email": "bob@example.com", "phone": "+12125550100"},
        m6={"email": "nobody@example.com", "phone": "+12125550100"},
    )
    assert shop.owners() == {"m1": "a", "m2": "a", "m3": "7", "m4": "7", "m5": "7", "m6": "a"}


@pytest.mark.parametrize("store", ["embedded", "cluster"], indirect=True)
def test_facts_wait_for_the_first_contact_with_the_address(shop: Shop) -> None:
    shop.texts(
        m1={"email": "anna@example.com"},
        m2={"phone": "+12125550100"},
        m3={"email": "anna@example.com", "phone": "+12125550100"},
        m4={"email": "other@example.com"},
    )
    shop.contacts({"id": "x", "email": "somebody@example.com"})
    assert set(shop.owners().values()) == {None}
    shop.contacts(
        {"id": "x", "email": "ANNA@example.com"}, {"id": "y", "email": "anna@example.com"}
    )
    assert shop.owners() == {"m1": "x", "m2": None, "m3": "x", "m4": None}
    shop.contacts({"id": "z", "phone": "+12125550100"})
    assert shop.owners() == {"m1": "x", "m2": "z", "m3": "x", "m4": None}
    # Later changes of an address move nothing.
    shop.contacts({"id": "x"}, {"id": "y", "email": "other2@example.com"}, {"id": "z"})
    assert shop.owners() == {"m1": "x", "m2": "z", "m3": "x", "m4": None}
    # Nobody has these addresses anymore, so facts wait for the next contact with them.
    shop.texts(m5={"email": "anna@example.com"}, m6={"phone": "+12125550100"})
    shop.contacts({"id": "y", "email": "anna@example.com", "phone": "+12125550100"})
    assert shop.owners() == {
        "m1": "x", "m2": "z", "m3": "x", "m4": None, "m5": "y", "m6": "y"
    }  # fmt: skip


def test_either_address_of_a_waiting_fact_will_do(shop: Shop) -> None:
    both = {"email": "anna@example.com", "phone": "+12125550100"}
    shop.texts(m1=both)
    shop.contacts({"id": "x", "phone": "+12125550100"})
    assert shop.owners() == {"m1": "x"}
    shop.contacts({"id": "y", "email": "anna@example.com"})
    assert shop.owners() == {"m1": "x"}


def test_strangers_with_one_address_in_common_stay_apart(shop: Shop) -> None:
    phone = "+12125550100"
    shop.texts(
        alice={"email": "alice@example.com", "phone": phone},
        bob={"email": "bob@example.com", "phone": phone},
        alone={"phone": phone},
    )
    shop.contacts({"id": "b", "email": "bob@example.com"})
    assert shop.owners() == {"alice": None, "bob": "b", "alone": None}
    shop.contacts({"id": "a", "email": "alice@example.com", "phone": "+12125550101"})
    assert shop.owners() == {"alice": "a", "bob": "b", "alone": None}
    shop.contacts({"id": "p", "phone": phone})
    assert shop.owners() == {"alice": "a", "bob": "b", "alone": "p"}


def test_a_repeated_fact_stays_with_its_contact(shop: Shop) -> None:
    shop.texts(m1={"email": "anna@example.com"})
    shop.texts(m1={"email": "anna@example.com"})
    shop.contacts({"id": "x", "email": "anna@example.com"})
    shop.texts(m1={"email": "anna@example.com"})
    assert shop.owners() == {"m1": "x"}
    # Nobody has these addresses, which may be former ones of the contact.
    shop.contacts({"id": "x", "email": "new@example.com"}, {"id": "y", "email": "y@example.com"})
    for former in ("anna@example.com", "bob@example.com"):
        shop.texts(m1={"email": former})
        assert shop.owners() == {"m1": "x"}
    shop.texts(m1={"email": "y@example.com"})
    assert shop.owners() == {"m1": "y"}


def test_ambiguous_references_are_refused(shop: Shop) -> None:
    shop.contacts(
        *({"id": f"c{number}", "email": "info@example.com"} for number in range(7)),
        {"id": "p1", "phone": "+12125550100"},
        {"id": "p2", "phone": "+12125550100"},
        {"id": "single", "phone": "+12125550101"},
    )
    with pytest.raises(BadFactsError) as refused:
        shop.texts(
            m0={"contact_id": "c1"},
            m1={"email": "info@example.com"},
            m2={"phone": "+12125550100"},
            m3={"phone": "n/a"},
            m4={"email": "info@example.com", "phone": "+12125550101"},
        )
    assert [(bad.row, bad.field) for bad in refused.value.problems] == [
        (1, "email"), (2, "phone"), (3, "phone")
    ]  # fmt: skip
    first, second, third = (bad.message for bad in refused.value.problems)
    assert first.startswith("belongs to several contacts: c")
    assert first.count(", ") == 5
    assert {*second.partition(": ")[2].partition(";")[0].split(", ")} == {"p1", "p2"}
    assert third == "is not a valid phone number, so it names no contact"
    assert shop.owners() == {}
    # One of the two addresses fits one contact only.
    shop.texts(m4={"email": "info@example.com", "phone": "+12125550101"})
    assert shop.owners() == {"m4": "single"}


@pytest.mark.parametrize(
    ("columns", "field", "message"),
    [
        ({}, "contact_id", "is required, or else an email or phone"),
        ({"email": ["n/a"]}, "email", "must be an email address"),
        ({"contact_id": ["x" * 256]}, "contact_id", "must have at most 255 characters"),
    ],
)
def test_a_fact_names_somebody(
    columns: Mapping[str, Sequence[str]], field: str, message: str
) -> None:
    rest = {"id": ["m"], "sent_at": [DAY]}
    _, [bad] = facts.check_batch(facts.TEXTS, {**rest, **columns}, 1)
    assert (bad.row, bad.field, bad.message) == (0, field, message)


Record = Callable[[Recorder, Mapping[str, Any]], None]


def _order(recorder: Recorder, reference: Mapping[str, Any]) -> None:
    values = {"id": ["row"], "ordered_at": [DAY], "total": ["9"], **reference}
    lines = checked(facts.LINES, {"product_id": ["mug", "cup"]})
    lines = lines.append_column("row", pa.array([0, 0], pa.int64()))
    recorder.record_orders(1, checked(facts.ORDERS, values), lines)


def _keyword(recorder: Recorder, reference: Mapping[str, Any]) -> None:
    values = {"keyword": ["JOIN"], "received_at": [DAY], **reference}
    recorder.record(1, facts.KEYWORDS, checked(facts.KEYWORDS, values))


def _event(recorder: Recorder, reference: Mapping[str, Any]) -> None:
    values = {"id": ["row"], "name": ["seen"], "occurred_at": [DAY], **reference}
    recorder.record(1, facts.EVENTS, checked(facts.EVENTS, values))


@pytest.mark.parametrize(
    ("record", "tables"),
    [
        (_order, ("orders", "order_lines")),
        (_keyword, ("keywords",)),
        (_event, ("events",)),
    ],
)
def test_facts_of_all_kinds_wait(
    audience: Audience, recorder: Recorder, record: Record, tables: Sequence[str]
) -> None:
    shop = Shop(audience, recorder)
    record(recorder, {"phone": ["+12125550100"]})
    # The contact has a row with the same key, if the fact has no id.
    if record is _keyword:
        record(recorder, {"contact_id": ["x"]})
    shop.contacts({"id": "x", "phone": "+12125550100"})
    number = audience.query_unfiltered("SELECT id FROM contacts")[0][0].as_py()
    for table in tables:
        rows = audience.query_unfiltered(f"SELECT contact_id FROM {table} FINAL WHERE NOT deleted")
        assert rows["contact_id"].to_pylist() == [number] * (2 if table == "order_lines" else 1)


def test_an_address_is_erased_with_its_contact(shop: Shop, audience: Audience) -> None:
    shop.texts(m1={"email": "anna@example.com", "phone": "+12125550100"})
    shop.contacts({"id": "x", "email": "anna@example.com"})
    shop.recorder.forget(1, ["x"])
    left = audience.query_unfiltered("SELECT source_id FROM identities FINAL")["source_id"]
    assert {*left.to_pylist()} == {""}
    # A new fact waits for a new contact.
    shop.texts(m2={"email": "anna@example.com"})
    shop.contacts({"id": "y", "email": "anna@example.com"})
    assert shop.owners() == {"m2": "y"}

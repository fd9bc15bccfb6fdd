"""Shopify's customers export."""

from datetime import datetime, timedelta
from typing import Any

from tests.audience.importers.conftest import (
    ANN,
    BOB,
    CUSTOMERS,
    LATER,
    NOW,
    PEPE,
    Shop,
    at,
    customers,
)

CONSENT = "id, subscribed_at, unsubscribed_at"


def test_the_sample(shop: Shop) -> None:
    result = shop.load(CUSTOMERS)
    assert result.format == "shopify_customers"
    assert result.recorded == {"contacts": 3}
    assert result.bad_rows == ()
    columns = "id, phone, email, first_name, last_name, country, region, city, tags"
    assert shop.rows("contacts", columns) == [
        (ANN, "+12175550100", "ann@example.com", "Ann", "Example", "US", "IL", "Springfield",
         ["vip", "newsletter"]),
        (BOB, "+16305550101", None, None, None, None, None, None, []),
        (PEPE, None, "pepe@example.com", 'José "Pepe"', "O'Sample", None, None, None,
         ["wholesale"]),
    ]  # fmt: skip
    assert shop.rows("contacts", CONSENT) == [
        (ANN, NOW, None), (BOB, NOW, None), (PEPE, None, None)
    ]  # fmt: skip


def test_the_older_layout_and_metafields(shop: Shop) -> None:
    row = {
        "Customer ID": "1", "City": "Bonn", "Province Code": "NW", "Country Code": "DE",
        "Country": "Germany", "Phone": "'+49 228 1", "Accepts SMS Marketing": "no",
    }  # fmt: skip
    header, cells = customers(row, old_layout=True)
    extra = ["Birthday (customer.metafields.facts.birth_date)", *header[::-1]]
    shop.load(shop.csv("export.csv", [extra, ["2000-01-01", *cells[::-1]]]))
    columns = "id, phone, country, region, city, subscribed_at"
    assert shop.rows("contacts", columns) == [(1, "+49 228 1", "DE", "NW", "Bonn", None)]


def test_importing_again_changes_nothing(shop: Shop) -> None:
    shop.load(CUSTOMERS)
    before = shop.everything()
    shop.load(CUSTOMERS, now=LATER)
    shop.load(CUSTOMERS, now=LATER, subscribed_at=at("2020-01-01T00:00:00Z"))
    assert shop.everything() == before


def test_subscribed_at_dates_the_subscriptions(shop: Shop) -> None:
    given = at("2023-03-01T00:00:00Z")
    shop.load(CUSTOMERS, subscribed_at=given)
    assert [row[1] for row in shop.rows("contacts", CONSENT)] == [given, given, None]


def test_changes_of_consent(shop: Shop) -> None:
    def load(consent: str, now: datetime, **options: Any) -> list[tuple[Any, ...]]:
        row = {"Customer ID": "'1", "Accepts SMS Marketing": consent}
        shop.load(shop.csv("customers.csv", customers(row)), now=now, **options)
        return shop.rows("contacts", "subscribed_at, unsubscribed_at")

    times = [NOW + timedelta(days=day) for day in range(6)]
    assert load("yes", times[0]) == [(times[0], None)]
    assert load("no", times[1]) == [(times[0], times[1])]
    assert load("no", times[2]) == [(times[0], times[1])]
    assert load("yes", times[3], subscribed_at=times[0]) == [(times[3], times[1])]
    assert load("yes", times[4]) == [(times[3], times[1])]
    assert load("NO", times[5]) == [(times[3], times[5])]


def test_columns_missing_from_the_export_keep_their_values(shop: Shop) -> None:
    rows = [{"id": ANN, "created_at": "2020-01-01T00:00:00Z", "properties": {"size": "L"},
             "subscribed_at": "2021-01-01T00:00:00Z", "city": "Elsewhere"}]  # fmt: skip
    shop.load(shop.ndjson("contacts.ndjson", rows))
    shop.load(CUSTOMERS)
    assert shop.rows("contacts", "subscribed_at, created_at, properties, city", "id")[0] == (
        at("2021-01-01T00:00:00Z"), at("2020-01-01T00:00:00Z"), '{"size":"L"}', "Springfield"
    )  # fmt: skip


def test_bad_rows_name_the_columns_of_the_file(shop: Shop) -> None:
    rows = customers(
        {"Customer ID": "", "Accepts SMS Marketing": "no"},
        {"Customer ID": "2", "Accepts SMS Marketing": "perhaps"},
        {"Customer ID": "3", "Accepts SMS Marketing": "no",
         "Default Address Country Code": "Germany"},
    )  # fmt: skip
    result = shop.load(shop.csv("customers.csv", rows))
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [
        (2, "Customer ID"), (3, "Accepts SMS Marketing"), (4, "Default Address Country Code")
    ]  # fmt: skip
    assert shop.rows("contacts", "id") == []


def test_the_import_template_is_refused(shop: Shop) -> None:
    path = shop.csv("customers.csv", [row[1:] for row in customers({})])
    assert 'the column "Customer ID" is missing' in shop.refusal(path)

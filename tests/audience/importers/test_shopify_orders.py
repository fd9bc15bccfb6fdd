"""Shopify's orders export."""

import csv
from decimal import Decimal

import pytest

from graphql_app.audience.importers import BadRow
from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.tables import Shop as CatalogShop
from graphql_app.segments.default_segments import create_shop
from tests.audience.importers.conftest import (
    ANN,
    BOB,
    CUSTOMERS,
    LATER,
    ORDERS_EXPORT,
    Shop,
    at,
    customers,
)


def orders(*rows: dict[str, str]) -> list[list[str]]:
    with ORDERS_EXPORT.open(newline="") as file:
        header = next(csv.reader(file))
    return [header, *([row.get(name, "") for name in header] for row in rows)]


def order(number: int, **more: str) -> dict[str, str]:
    return {
        "Name": f"#{number}", "Id": str(number), "Email": "ann@example.com", "Currency": "USD",
        "Total": "5.00", "Created at": "2024-05-01 09:58:12 +0000", "Lineitem quantity": "1",
        "Lineitem name": "Mug", "Lineitem price": "5.00", "Lineitem sku": "MUG",
    } | {name.replace("_", " "): value for name, value in more.items()}  # fmt: skip


def item(number: int, name: str, sku: str = "") -> dict[str, str]:
    return {"Name": f"#{number}", "Email": "ann@example.com", "Lineitem name": name,
            "Lineitem sku": sku, "Created at": "2024-05-01 09:58:12 +0000",
            "Lineitem quantity": "2", "Lineitem price": "1.00"}  # fmt: skip


def test_the_sample(shop: Shop) -> None:
    shop.load(CUSTOMERS)
    result = shop.load(ORDERS_EXPORT)
    assert result.format == "shopify_orders"
    assert result.recorded == {"orders": 2, "order_lines": 3}
    columns = "id, contact_id, ordered_at, total, refunded, cancelled_at, valid, line_count"
    expected = [
        (5000000000001, ANN, at("2024-05-01T09:58:12Z"), Decimal("34.98"), Decimal(0), None,
         True, 2),
        (5000000000002, BOB, at("2024-07-01T03:29:41Z"), Decimal("51.60"), Decimal("51.60"),
         at("2024-07-02T12:00:00Z"), False, 1),
    ]  # fmt: skip
    assert shop.rows("orders", columns) == expected
    columns = "order_id, product_id, title, quantity, price"
    assert shop.rows("order_lines", columns, "order_id, line_number") == [
        (5000000000001, "TEE-BLK-S", "Crew Tee - Black / S", 2, Decimal("9.99")),
        (5000000000001, "MUG", 'Mug, "large"', 1, Decimal("10.00")),
        (5000000000002, "HOOD-GRY-M", "Hoodie - Grey / M", 1, Decimal("48.00")),
    ]
    assert shop.rows("products", "id, title") == [
        (id, id) for id in ("HOOD-GRY-M", "MUG", "TEE-BLK-S")
    ]
    before = shop.everything()
    shop.load(ORDERS_EXPORT, now=LATER)
    assert shop.everything() == before


def test_names_keep_an_apostrophe_and_numbers_lose_it(shop: Shop) -> None:
    row = {"Customer ID": "'1", "First Name": "'t", "Phone": "'+49", "Accepts SMS Marketing": "no"}
    shop.load(shop.csv("customers.csv", customers(row)))
    assert shop.rows("contacts", "id, first_name, phone") == [(1, "'t", "+49")]
    item = order(1, Id="'9", Email="", Phone="'+49", Lineitem_sku="", Lineitem_name="'90s Tee")
    shop.load(shop.csv("orders.csv", orders(item)))
    assert shop.rows("order_lines", "order_id, product_id") == [(9, "'90s Tee")]


def test_orders_before_their_customers_wait_for_them(shop: Shop) -> None:
    result = shop.load(ORDERS_EXPORT)
    assert (result.recorded, result.waiting) == ({"orders": 2, "order_lines": 3}, 2)
    shop.load(CUSTOMERS)
    found = shop.rows("orders", "id, contact_id", "id")
    assert found == [(5000000000001, ANN), (5000000000002, BOB)]
    lines = shop.rows("order_lines", "order_id, contact_id", "order_id, line_number")
    assert [contact for _, contact in lines] == [ANN, ANN, BOB]
    before = shop.everything()
    assert shop.load(ORDERS_EXPORT).waiting == 0
    assert shop.everything() == before


def test_customers_are_found_by_email_then_phone(shop: Shop) -> None:
    shop.load(CUSTOMERS)
    rows = orders(
        order(1, Email="ANN@Example.com "),
        order(2, Email="new@example.com", Phone="'+1 (630) 555-0101"),
        order(3, Email="ann@example.com", Phone="+16305550101"),
        order(4, Email="", Phone=""),
    )
    rows += orders(
        order(5, Email="", Billing_Phone="'+16305550101"),
        order(6, Email="ann@ example", Phone="n/a", Shipping_Phone="+1 630 555 0101"),
        order(7, Email="ann@ example"),
    )[1:]
    # An order that names nobody does not stop the others.
    result = shop.load(shop.csv("orders.csv", rows))
    assert (result.bad_rows, result.waiting) == ((), 0)
    message = "and the phone numbers name nobody, so the order was skipped"
    assert result.warnings == (BadRow(5, "Email", message), BadRow(8, "Email", message))
    assert result.skipped == {"orders": 2}
    found = shop.rows("orders", "id, contact_id", "id")
    assert found == [(1, ANN), (2, BOB), (3, ANN), (5, BOB), (6, BOB)]


def test_phone_numbers_are_compared_as_by_the_criterion(shop: Shop) -> None:
    services = shop.services
    in_us = CatalogShop(handle="orders-by-phone", name="A", timezone="UTC", currency="USD")
    in_us.country = "US"
    shop.id = stored_id(create_shop(services.catalog, services.registry, in_us))
    contacts: list[object] = [
        {"id": 1, "phone": "+12125550100"},
        {"id": 2, "phone": "030 1234567", "country": "DE"},
        {"id": 3, "phone": "020 79460000", "country": "GB"},
        {"id": 4, "phone": "020 79460000", "country": "FR"},  # not valid
        {"id": 5, "phone": "0049 99"},  # not valid
    ]
    shop.load(shop.ndjson("contacts.ndjson", contacts))
    phones = ["(212) 555-0100", "1 212 555 0100", "+49 (0)30/1234567", "'+442079460000"]
    phones += ["030 12 34 567", "+49 99", "020 79460000", "(212) 555-0199", "n/a"]
    rows = orders(*(order(id, Email="", Phone=phone) for id, phone in enumerate(phones, 1)))
    result = shop.load(shop.csv("orders.csv", rows), skip_bad_rows=True)
    found = shop.rows("orders", "id, contact_id", "id")
    assert found[:-1] == [
        *((1, 1), (2, 1), (3, 2), (4, 3)),
        *((5, 2), (6, 5)),  # by digits, as their numbers are not valid in the US
    ]
    assert found[-1][0] == 8  # waits for a contact with its number
    assert [(bad.line, bad.message) for bad in result.bad_rows] == [
        (8, "belongs to several contacts: 020 79460000")
    ]
    assert [warning.line for warning in result.warnings] == [10]
    assert (result.recorded["orders"], result.waiting) == (7, 1)


def test_an_address_of_several_contacts_is_ambiguous(shop: Shop) -> None:
    contacts: list[object] = [{"id": n, "email": "ann@example.com"} for n in (1, 2)]
    phones: list[object] = [
        {"id": 0, "phone": "+16305550155"},
        {"id": 3, "phone": "+16305550156"},
    ]
    shop.load(shop.ndjson("contacts.ndjson", [*contacts, *phones]))
    rows = orders(order(1), order(2, Phone="+16305550155"), order(3, Phone="+16305550156"))
    result = shop.load(shop.csv("orders.csv", rows), skip_bad_rows=True)
    assert result.bad_rows == (BadRow(2, "Email", "belongs to several contacts: ann@example.com"),)
    assert shop.rows("orders", "id, contact_id", "id") == [(2, 0), (3, 3)]
    two: list[object] = [{"id": n, "phone": "+16305550157"} for n in (4, 5)]
    shop.load(shop.ndjson("contacts.ndjson", two))
    unknown = orders(order(4, Email="new@example.com", Billing_Phone="+16305550157"))
    result = shop.load(shop.csv("orders.csv", unknown))
    message = "belongs to several contacts: +16305550157"
    assert result.bad_rows == (BadRow(2, "Billing Phone", message),)


def test_later_rows_of_an_order_can_repeat_its_fields(shop: Shop) -> None:
    shop.load(CUSTOMERS)
    rows = orders(order(1), order(1, Id="", Lineitem_sku="", Lineitem_name="Cup"), order(2))
    shop.load(shop.csv("orders.csv", rows))
    found = shop.rows("order_lines", "order_id, product_id", "order_id, line_number")
    assert found == [(1, "MUG"), (1, "Cup"), (2, "MUG")]


def test_a_bad_line_skips_the_whole_order(shop: Shop) -> None:
    shop.load(CUSTOMERS)
    rows = orders(
        order(1), {**item(1, "Cup"), "Lineitem quantity": "x"}, item(1, "Jar"),
        order(2), {**item(2, ""), "Lineitem sku": ""}, order(3, Currency="EUR"),
        order(4, Total="-1"), order(5, Created_at="yesterday"), order(6), item(6, "n" * 400),
    )  # fmt: skip
    result = shop.load(shop.csv("orders.csv", rows), skip_bad_rows=True)
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [
        (3, "Lineitem quantity"), (6, "Lineitem name"), (7, "Currency"), (8, "Total"),
        (9, "Created at"),
    ]  # fmt: skip
    assert result.bad_rows[2].message == "must be USD, the shop's currency"
    assert result.skipped == {"orders": 5}
    assert result.recorded == {"orders": 1, "order_lines": 2}
    assert shop.rows("order_lines", "order_id, product_id") == [(6, "MUG"), (6, "n" * 255)]


def test_an_order_that_occurs_twice_has_its_units_once(shop: Shop) -> None:
    shop.load(CUSTOMERS)
    two = [order(1), item(1, "Cup")]
    changed = [order(3, Total="9.00"), item(3, "Pot")]
    repeated = [order(4), order(4, Lineitem_name="Cup", Lineitem_sku="CUP")]
    rows = orders(*two, *two, order(2), order(2), order(3), *changed, *repeated, *two)
    result = shop.load(shop.csv("orders.csv", rows))
    assert result.bad_rows == ()
    assert shop.rows("order_lines", "order_id, product_id", "order_id, line_number") == [
        (1, "MUG"), (1, "Cup"), (2, "MUG"), (3, "MUG"), (3, "Pot"),
        (4, "MUG"), (4, "CUP"),
    ]  # fmt: skip


def test_the_rows_of_an_order_must_follow_each_other(shop: Shop) -> None:
    shop.load(CUSTOMERS)
    rows = orders(order(1), order(2), item(1, "Cup"), order(3), item(4, "Jar"), order(4))
    result = shop.load(shop.csv("orders.csv", rows), skip_bad_rows=True)
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [(4, "Id"), (6, "Id")]
    assert "the rows of an order must follow each other" in result.bad_rows[0].message
    # No part of these orders is recorded.
    assert shop.rows("orders", "id", "id") == [(2,), (3,)]
    assert shop.rows("order_lines", "order_id", "order_id") == [(2,), (3,)]


def test_an_order_without_lines(shop: Shop) -> None:
    shop.load(CUSTOMERS)
    blank = dict.fromkeys((name for name in order(1) if name.startswith("Lineitem")), "")
    result = shop.load(shop.csv("orders.csv", orders({**order(1), **blank})))
    assert result.recorded == {"orders": 1, "order_lines": 0}


def test_orders_that_span_blocks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphql_app.audience.importers.csv_file.BLOCK_ROWS", 3)
    shop.load(CUSTOMERS)
    rows: list[dict[str, str]] = []
    for number in range(1, 9):
        rows += [order(number), *(item(number, f"P{line}") for line in range(number))]
    result = shop.load(shop.csv("orders.csv", orders(*rows)))
    assert result.bad_rows == ()
    assert result.recorded == {"orders": 8, "order_lines": len(rows)}
    counts = shop.rows("orders", "id, line_count", "id")
    assert counts == [(number, number + 1) for number in range(1, 9)]


def test_a_missing_column(shop: Shop) -> None:
    path = shop.csv("orders.csv", [["Name", "Lineitem name", "Lineitem quantity"]])
    assert 'the column "Phone" is missing; export the file again' in shop.refusal(path)

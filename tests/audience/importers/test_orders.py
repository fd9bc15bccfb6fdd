"""Orders and their lines, nested or in a file of their own."""

from decimal import Decimal

import pyarrow as pa
import pytest

from graphql_app.audience.importers import BadRow, spool
from tests.audience.importers.conftest import TEXTS, Shop

ORDERS = "id,contact_id,ordered_at,total\n"
ORDER = "2024-05-01T09:58:12Z,9.00\n"


def test_lines_scattered_over_the_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CHUNK_ROWS", 25)
    count = 40
    orders = "".join(f"{n},{n % 3},{ORDER}" for n in range(count))
    shop.load(shop.file("orders.csv", ORDERS + orders))
    lines = [(n * 7 % count, f"P{line}") for line in range(3) for n in range(count)]
    text = "".join(f"{order},{product},2\n" for order, product in lines)
    path = shop.file("order_lines.csv", "order_id,product_id,quantity\n" + text)
    assert shop.load(path).recorded == {"order_lines": 3 * count}
    expected = [(n, line, f"P{line}", 2) for n in range(count) for line in range(3)]
    columns, order_by = "order_id, line_number, product_id, quantity", "order_id, line_number"
    assert shop.rows("order_lines", columns, order_by) == expected
    shop.load(path)
    assert shop.rows("order_lines", columns, order_by) == expected
    assert shop.rows("orders", "sum(line_count)") == [(3 * count,)]


def test_lines_of_unknown_orders_are_bad_rows(shop: Shop) -> None:
    shop.load(shop.file("orders.csv", ORDERS + "1,1," + ORDER))
    path = shop.file("order_lines.csv", "order_id,product_id\n17,A\n1,B\n18,\n")
    result = shop.load(path)
    assert result.bad_rows[0] == BadRow(
        2, "order_id", "names the order 17, which is not recorded; import the orders first"
    )
    assert {(bad.line, bad.column) for bad in result.bad_rows} == {
        (2, "order_id"), (4, "product_id")
    }  # fmt: skip
    assert shop.rows("order_lines", "order_id") == []
    assert shop.load(path, skip_bad_rows=True).recorded == {"order_lines": 1}
    assert shop.rows("order_lines", "order_id, product_id") == [(1, "B")]


def test_orders_without_a_column_of_lines_keep_their_lines(shop: Shop) -> None:
    nested = {"id": 1, "contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "9.00"}
    shop.load(shop.ndjson("orders.ndjson", [{**nested, "lines": [{"product_id": "A"}]}]))
    shop.load(shop.file("orders.csv", ORDERS + "1,2," + ORDER))
    assert shop.rows("orders", "id, contact_id, line_count") == [(1, 2, 1)]
    assert shop.rows("order_lines", "contact_id, product_id") == [(2, "A")]


def test_orders_with_an_empty_column_of_lines_lose_their_lines(shop: Shop) -> None:
    order = {"contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "9.00"}
    lines = [{"product_id": "A", "quantity": 2}, {"product_id": "B", "price": "1.25"}]
    before: list[object] = [{"id": n, **order, "lines": lines} for n in (1, 2, 3)]
    shop.load(shop.ndjson("orders.ndjson", before))
    assert shop.rows("orders", "sum(line_count)") == [(6,)]
    shop.load(
        shop.ndjson(
            "orders.ndjson",
            [{"id": 1, **order}, {"id": 2, **order, "lines": lines[1:]},
             {"id": 3, **order, "lines": None}],
        )
    )  # fmt: skip
    kept = [(2, "B", 1, Decimal("1.25"))]
    assert shop.rows("order_lines", "order_id, product_id, quantity, price") == kept
    table = pa.Table.from_pylist([{"id": 1, **order, "lines": lines}, {"id": 2, **order}])
    assert shop.load(shop.parquet("orders.parquet", table)).recorded == {
        "orders": 2, "order_lines": 2
    }  # fmt: skip
    assert shop.rows("order_lines", "order_id, product_id") == [(1, "A"), (1, "B")]


def test_orders_and_texts_can_move_to_another_contact(shop: Shop) -> None:
    order = {"id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "9.00"}
    lines = [{"product_id": "A"}, {"product_id": "B"}]
    for contact, kept in ((1, lines), (2, lines[:1])):
        rows = [{**order, "contact_id": contact, "lines": kept}]
        shop.load(shop.ndjson("orders.ndjson", rows))
        shop.load(shop.file("texts.csv", TEXTS + f"1,{contact},2024-05-01T09:58:12Z,\n"))
    assert shop.rows("orders", "id, contact_id") == [(1, 2)]
    assert shop.rows("order_lines", "contact_id, product_id") == [(2, "A")]
    assert shop.rows("texts", "id, contact_id") == [(1, 2)]


def test_lines_of_an_order_with_a_bad_line_are_all_skipped(shop: Shop) -> None:
    orders = "id,contact_id,ordered_at,total\n" + "".join(
        f"{id},7,2024-05-01T09:58:12Z,5\n" for id in ("a", "b", "c")
    )
    shop.load(shop.file("orders.csv", orders))
    lines = "order_id,product_id,quantity\na,mug,1\nb,mug,1\na,cup,x\nc,pot,1\na,jar,1\n,jar,1\n"
    result = shop.load(shop.file("order_lines.csv", lines), skip_bad_rows=True)
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [(4, "quantity"), (7, "order_id")]
    assert result.recorded == {"order_lines": 2}
    assert result.skipped == {"order_lines": 4}
    assert shop.rows("order_lines", "product_id", "product_id") == [("mug",), ("pot",)]

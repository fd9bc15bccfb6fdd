"""Bad rows, with their lines in the file."""

from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from graphql_app.audience.importers import BadRow
from graphql_app.audience.value_parsers import INSTANT_REQUIRED
from tests.audience.importers.conftest import TEXT_ROW, TEXTS, Shop, table


def test_bad_csv_rows_have_the_line_they_start_on(shop: Shop) -> None:
    path = shop.file(
        "contacts.csv",
        'id,first_name,country\n1,"two\nlines",US\n\n1E+5,,US\n3,"a\r\nb",usaland\n4,,,\n5,,DE\n6\n',
    )
    result = shop.load(path)
    assert result.refused
    assert result.recorded == {}
    assert result.skipped == {"contacts": 4}
    assert result.unit == "line"
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [
        (5, "id"), (6, "country"), (8, ""), (10, "")
    ]  # fmt: skip
    assert result.bad_rows[0].message.startswith("1E+5 was shortened")
    assert result.bad_rows[2].message == "has 4 fields, but the header has 3"
    assert shop.rows("contacts", "id") == []
    again = shop.load(path, skip_bad_rows=True)
    assert again.recorded == {"contacts": 2}
    assert again.bad_rows == result.bad_rows
    assert not again.refused
    assert shop.rows("contacts", "id, first_name") == [(1, "two\nlines"), (5, None)]


def test_bad_ndjson_rows_have_their_line(shop: Shop) -> None:
    path = shop.file(
        "orders.ndjson",
        '{"id": 1, "contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": 1.5}\n'
        "\n"
        '{"id": 2, "contact_id": 1.5, "ordered_at": "yesterday", "total": "2", "x": NaN}\n'
        '{"id": 3,\n'
        "[4]\n"
        '{"id": "5", "contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": 5}\n'
        '{"contact_id": 1, "ordered_at": "2024-05-01T09:58:12", "total": -1}\n'
        '{"id": 7, "contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "1e3"}\n',
    )
    result = shop.load(path, skip_bad_rows=True)
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [
        (3, ""), (4, ""), (5, ""),
        (7, "id"), (7, "ordered_at"), (7, "total"), (8, "total"),
    ]  # fmt: skip
    messages = [bad.message for bad in result.bad_rows]
    assert messages[0] == "is not JSON: NaN is not a JSON number"
    assert messages[1].startswith("is not JSON: Expecting property name")
    assert messages[1].endswith("at character 10")
    assert messages[2] == "must be a JSON object"
    assert messages[3] == "is required"
    assert result.skipped == {"orders": 5}
    assert result.recorded == {"orders": 2}
    assert shop.rows("orders", "id, total") == [(1, Decimal("1.5")), (5, Decimal(5))]


@pytest.mark.parametrize("offset", ["+14:60", "+24:00", "-12:01"])
def test_a_time_with_an_impossible_offset_is_explained(shop: Shop, offset: str) -> None:
    time = f"2024-05-01T09:58:12{offset}"
    row = {"id": 1, "contact_id": 1, "sent_at": time}
    for path in (
        shop.file("texts.csv", f"{TEXTS}1,1,{time},\n{TEXT_ROW}"),
        shop.ndjson("texts.ndjson", [row]),
        shop.parquet("texts.parquet", pa.Table.from_pylist([row])),
    ):
        [bad] = shop.load(path).bad_rows
        assert (bad.column, bad.message) == ("sent_at", INSTANT_REQUIRED)


def test_a_bad_value_in_properties_has_its_path(shop: Shop) -> None:
    rows = 'id,properties\n1,"{""sizes"": [1, NaN]}"\n2,"{""\\ud800"": 1}"\n3,{\n'
    csv = shop.load(shop.file("contacts.csv", rows))
    assert [(bad.line, bad.column, bad.message) for bad in csv.bad_rows] == [
        (2, "properties.sizes[1]", "must be a number, not NaN or infinite"),
        (3, "properties.\\ud800", "must be valid Unicode, without lone surrogates"),
        (4, "properties", "must be a JSON object; the text is not JSON at line 1, column 2"),
    ]
    nested = pa.array([{"a": {"when": datetime(2024, 5, 1, tzinfo=UTC)}}])
    parquet = shop.load(shop.parquet("contacts.parquet", table(id=[1], properties=nested)))
    [bad] = parquet.bad_rows
    assert (bad.column, bad.message) == (
        "properties.a.when",
        "must be a value that JSON can express",
    )


def test_parquet_rows_are_counted_from_1(shop: Shop) -> None:
    path = shop.parquet("contacts.parquet", table(id=[1, 2, None], country=["US", "XX", "DE"]))
    result = shop.load(path)
    assert result.unit == "row"
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [(2, "country"), (3, "id")]


def test_parquet_text_that_is_not_utf8(shop: Shop) -> None:
    raw = pa.array([b"fine", b"caf\xe9", None]).cast(pa.binary())
    text = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0])
    result = shop.load(shop.parquet("contacts.parquet", table(id=[1, 2, 3], city=text)))
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [(2, "city")]


def test_bad_nested_lines_have_their_position(shop: Shop) -> None:
    order = {"contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "5.00"}
    good = {"product_id": "A"}
    rows = [
        {"id": 1, **order, "lines": [good, {"product_id": "B", "price": -1.5}]},
        {"id": 2, **order, "lines": "A"},
        {"id": 3, **order, "lines": [good, None]},
        {"id": 4, **order, "lines": [{"title": "nameless"}]},
        {"id": 5, **order, "lines": [good]},
    ]
    result = shop.load(shop.ndjson("orders.ndjson", rows), skip_bad_rows=True)
    assert [(bad.line, bad.column) for bad in result.bad_rows] == [
        (1, "lines[1].price"), (2, "lines"), (3, "lines"), (4, "lines[0].product_id")
    ]  # fmt: skip
    assert result.recorded == {"orders": 1, "order_lines": 1}
    assert shop.rows("order_lines", "order_id, product_id") == [(5, "A")]
    nested = pa.Table.from_pylist([rows[4], {"id": 6, **order, "lines": [{"product_id": ""}]}])
    bad = shop.load(shop.parquet("orders.parquet", nested)).bad_rows
    assert bad == (BadRow(2, "lines[0].product_id", "is required"),)


def test_the_first_10_000_bad_rows_are_kept_and_all_are_counted(shop: Shop) -> None:
    path = shop.file("texts.csv", TEXTS + "1E+5,1,2024-05-01T09:58:12Z,\n" * 10_100 + TEXT_ROW)
    result = shop.load(path, skip_bad_rows=True)
    assert len(result.bad_rows) == 10_000
    assert result.bad_row_count == 10_100
    assert result.skipped == {"texts": 10_100}
    assert result.recorded == {"texts": 1}

"""The ways in which files write the same values."""

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook

from graphql_app.audience.importers.notation import Notation
from tests.audience.importers.conftest import TEXT_ROW, TEXTS, Shop, zipped

ORDERS = "id,contact_id,ordered_at,total\n"
AT = "2024-05-01T09:58:12Z"
TEXT = (1, 7, datetime(2024, 5, 1, 9, 58, 12, tzinfo=UTC))


def texts(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("texts", "id, contact_id, sent_at")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("texts.csv.gz", gzip.compress((TEXTS + TEXT_ROW).encode(), mtime=0)),
        ("texts.zip", zipped(texts=TEXTS + TEXT_ROW)),
        ("texts.csv", (TEXTS + TEXT_ROW).encode("utf-16")),
        ("texts.csv", (TEXTS + TEXT_ROW).encode("utf-16-le")),
        ("texts.csv", (TEXTS + TEXT_ROW).encode("utf-16-be")),
        ("texts.csv", (TEXTS + TEXT_ROW).encode("utf-32")),
        ("texts.csv", (TEXTS + TEXT_ROW).replace(",", ";")),
        ("texts.csv", (TEXTS + TEXT_ROW).replace(",", "|")),
        ("texts.tsv", (TEXTS + TEXT_ROW).replace(",", "\t")),
        ("texts.csv", "sep=;\r\n" + (TEXTS + TEXT_ROW).replace(",", ";")),
        ("texts.csv", f"\n{TEXTS},,,\n{TEXT_ROW} , ,,\n"),
    ],
)
def test_a_file_may_be_compressed_and_separated_as_it_likes(
    shop: Shop, name: str, content: str | bytes
) -> None:
    shop.load(shop.file(name, content))
    assert texts(shop) == [TEXT]


def test_lines_are_counted_from_the_start_of_the_file(shop: Shop) -> None:
    path = shop.file("texts.csv", f"sep=,\n{TEXTS}\n{TEXT_ROW}2,7,noon,\n")
    assert [bad.line for bad in shop.load(path).bad_rows] == [5]


def test_an_encoding_that_is_not_unicode_is_named(shop: Shop) -> None:
    path = shop.file("contacts.csv", "id,city\n1,K\u00f6ln\n2,\u20ac\n".encode("windows-1252"))
    advice = "save the file as UTF-8, or name its encoding, such as --encoding windows-1252."
    assert shop.refusal(path) == f"line 2 is not UTF-8; {advice}"
    shop.load(path, encoding="windows-1252")
    assert shop.rows("contacts", "id, city") == [(1, "K\u00f6ln"), (2, "\u20ac")]


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("1234.5", "1234.5"),
        ("12,5", "12.5"),
        ("1234,50", "1234.50"),
        ("1.234,56", "1234.56"),
        ("1.234.567,8", "1234567.8"),
        ("1,234.56", "1234.56"),
        ("0,1234", "0.1234"),
        ("1,234", None),
        ("1,234,567", None),
        ("1.234.567", None),
        ("12,34,5", None),
        ("-1,5", None),
    ],
)
def test_amounts_with_one_meaning(shop: Shop, written: str, amount: str | None) -> None:
    path = shop.file("orders.csv", f'{ORDERS}1,1,{AT},"{written}"\n')
    report = shop.load(path)
    assert report.bad_row_count == (amount is None)
    found = [] if amount is None else [(Decimal(amount),)]
    assert shop.rows("orders", "total") == found


def test_numbers_in_json_are_exact_amounts(shop: Shop) -> None:
    order = f'{{"id": 1, "contact_id": 1, "ordered_at": "{AT}", "total": 0.1, "lines": '
    line = '[{"product_id": "a", "price": 123456789012.1234}]}\n'
    shop.load(shop.file("orders.ndjson", order + line))
    assert shop.rows("orders", "total") == [(Decimal("0.1"),)]
    assert shop.rows("order_lines", "price") == [(Decimal("123456789012.1234"),)]


@pytest.mark.parametrize("number", ["1e999999999", "1e-999999999", "0e999999999", "-0.5"])
def test_a_number_that_is_no_amount_is_a_bad_value(shop: Shop, number: str) -> None:
    order = f'{{"id": 1, "contact_id": 1, "ordered_at": "{AT}", "total": {number}}}\n'
    [bad] = shop.load(shop.file("orders.ndjson", order)).bad_rows
    assert bad.column == "total"
    assert bad.message.startswith("must be an amount")


def test_properties_keep_their_numbers(shop: Shop) -> None:
    shop.load(shop.file("contacts.ndjson", '{"id": 1, "properties": {"a": 1.50, "b": 2}}\n'))
    assert shop.rows("contacts", "properties") == [('{"a":1.5,"b":2}',)]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("DE", "DE"), ("de", "DE"), ("Germany", "DE"), (" united  kingdom ", "GB"), ("UK", "GB"),
        ("USA", "US"), ("XK", "XK"), ("Kosovo", "XK"), ("AC", "AC"), ("EU", None), ("ZZ", None),
        ("Korea", None), ("Nowhere", None),
    ],
)  # fmt: skip
def test_countries_by_code_or_name(shop: Shop, written: str, code: str | None) -> None:
    report = shop.load(shop.file("contacts.csv", f"id,country\n1,{written}\n"))
    assert report.bad_row_count == (code is None)
    assert shop.rows("contacts", "country") == ([] if code is None else [(code,)])


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("written", "notation", "at"),
    [
        ("2024-05-01 09:58", Notation(BERLIN), datetime(2024, 5, 1, 7, 58, tzinfo=UTC)),
        ("2024-05-01", Notation(BERLIN), datetime(2024, 4, 30, 22, tzinfo=UTC)),
        (AT, Notation(BERLIN), datetime(2024, 5, 1, 9, 58, 12, tzinfo=UTC)),
        # The hour that clocks repeat, and one that they skip.
        ("2024-10-27 02:30", Notation(BERLIN), datetime(2024, 10, 27, 0, 30, tzinfo=UTC)),
        ("2024-03-31 02:30", Notation(BERLIN), datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),
        (
            "5/1/2024 9:58 PM",
            Notation(BERLIN, "%m/%d/%Y %I:%M %p"),
            datetime(2024, 5, 1, 19, 58, tzinfo=UTC),
        ),
        (
            "01.05.2024 +0200",
            Notation(None, "%d.%m.%Y %z"),
            datetime(2024, 4, 30, 22, tzinfo=UTC),
        ),
        ("2024-05-01", Notation(None, "%m/%d/%Y"), "must be a time in the format %m/%d/%Y"),
        ("05/01/2024", Notation(None, "%m/%d/%Y"), "has no offset; name the zone of its times"),
        ("yesterday", Notation(BERLIN), "must be an ISO 8601 time with an offset"),
        ("0001-01-01", Notation(ZoneInfo("Asia/Tokyo")), "must be a time from 1970 to 2199"),
        ("9999-12-31", Notation(ZoneInfo("America/New_York")), "must be a time from 1970 to"),
    ],
)
def test_times_of_a_zone_and_a_format(
    shop: Shop, written: str, notation: Notation, at: datetime | str
) -> None:
    path = shop.file("texts.csv", f"id,contact_id,sent_at\n1,7,{written}\n")
    report = shop.load(path, notation=notation)
    if isinstance(at, str):
        assert [bad.message[: len(at)] for bad in report.bad_rows] == [at]
    else:
        assert texts(shop) == [(1, 7, at)]


def test_lists_in_cells(shop: Shop) -> None:
    cells = ["[]", "\"['a', 'b, c']\"", '"[""a""]"', "[new]", "a"]
    rows = "".join(f"{id},{cell}\n" for id, cell in enumerate(cells))
    shop.load(shop.file("contacts.csv", f"id,tags\n{rows}"))
    found = [list(tags) for (tags,) in shop.rows("contacts", "tags", "id")]
    assert found == [[], ["a", "b, c"], ["a"], ["[new]"], ["a"]]


def test_an_id_that_a_spreadsheet_shortened_is_explained(shop: Shop) -> None:
    [bad] = shop.load(shop.file("contacts.csv", "id\n7.00001E+12\n")).bad_rows
    assert bad.message.startswith("7.00001E+12 was shortened by a spreadsheet")


def test_a_workbook_is_read_as_text(shop: Shop) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    book.create_sheet("empty")
    sheet.append(["id", "contact_id", "ordered_at", "total", "refunded"])
    sheet.append([7_000_000_000_001, "7", AT, 12.5, 3])
    sheet.append([])
    sheet.append(["1E+5", 7, datetime(2024, 5, 1, 9, 58), 1, None])  # noqa: DTZ001 - workbooks have no zones
    path = shop.directory / "orders.xlsx"
    book.save(path)
    report = shop.load(path, skip_bad_rows=True)
    assert (report.unit, report.recorded) == ("row", {"orders": 1})
    assert {(bad.line, bad.column) for bad in report.bad_rows} == {(4, "id"), (4, "ordered_at")}
    assert shop.rows("orders", "id, total, refunded") == [
        (7_000_000_000_001, Decimal("12.5"), Decimal(3))
    ]
    sheet.delete_rows(4)
    sheet.append([8, 7, date(2024, 5, 1), "1,5"])
    book.save(path)
    shop.load(path, notation=Notation(BERLIN))
    assert shop.rows("orders", "id, ordered_at", "id")[0] == (
        8,
        datetime(2024, 4, 30, 22, tzinfo=UTC),
    )
    book["empty"]["A1"] = "id"
    book.save(path)
    assert "has 2 sheets (Sheet, empty); save one of them" in shop.refusal(path)

"""Formats of files: detection, chunks, line ends and repeated imports."""

from decimal import Decimal

import pyarrow as pa
import pytest

from graphql_app.audience.importers import report, spool
from tests.audience.importers.conftest import LATER, NOW, TEXT_ROW, TEXTS, Shop, at, table


def test_every_format_is_detected_from_its_columns(shop: Shop) -> None:
    time = "2024-05-01T09:58:12+02:00"
    files = {
        "contacts": (["id", "phone"], ["1", "+12175550100"]),
        "orders": (["id", "contact_id", "ordered_at", "total"], ["5", "1", time, "9.99"]),
        "order_lines": (["order_id", "product_id"], ["5", "MUG"]),
        "products": (["id", "title"], ["MUG", "Mug"]),
        "texts": (["id", "contact_id", "sent_at"], ["1", "1", time]),
        "keywords": (["contact_id", "keyword", "received_at"], ["1", "Join", time]),
        "events": (["id", "contact_id", "name", "occurred_at"], ["1", "1", "visit", time]),
    }
    for number, (fact, rows) in enumerate(files.items()):
        result = shop.load(shop.csv(f"{number}.csv", rows))
        assert result.format == fact
        assert result.recorded == {fact: 1}
        assert not result.refused
    assert shop.rows("contacts", "id, phone, tags, properties") == [(1, "+12175550100", [], "{}")]
    assert shop.rows("order_lines", "contact_id, order_id, product_id, quantity, price") == [
        (1, 5, "MUG", 1, Decimal(0))
    ]
    assert shop.rows("keywords", "contact_id, keyword, received_at") == [
        (1, "Join", at("2024-05-01T07:58:12Z"))
    ]


def test_every_file_type_records_the_same_rows(shop: Shop) -> None:
    rows = [
        {"id": 2**64 - 1, "contact_id": 7, "ordered_at": "2024-05-01T09:58:12.5Z",
         "total": "12345678901234.5678", "refunded": "0.01", "cancelled_at": None},
        {"id": 2, "contact_id": 8, "ordered_at": "2024-02-29T23:59:59-05:00",
         "total": "0", "refunded": None, "cancelled_at": "2024-05-01T09:58:12Z"},
    ]  # fmt: skip
    typed = table(
        id=pa.array([row["id"] for row in rows], pa.uint64()),
        contact_id=pa.array([7, 8], pa.int32()),
        ordered_at=pa.array(
            [at(str(row["ordered_at"])) for row in rows], pa.timestamp("us", "Europe/Paris")
        ),
        total=pa.array([Decimal(str(row["total"])) for row in rows], pa.decimal128(18, 4)),
        refunded=pa.array([Decimal("0.01"), None], pa.decimal128(9, 2)),
        cancelled_at=pa.array([None, at("2024-05-01T09:58:12Z")], pa.timestamp("ns", "UTC")),
    )
    cells = [list(rows[0])] + [
        ["" if value is None else str(value) for value in row.values()] for row in rows
    ]
    seen = []
    for path in (
        shop.csv("orders.csv", cells),
        shop.ndjson("orders.ndjson", rows),
        shop.ndjson("orders.jsonl", rows),
        shop.parquet("orders.PARQUET", typed),
    ):
        assert shop.load(path).recorded == {"orders": 2}
        seen.append(shop.everything())
    assert all(one == seen[0] for one in seen)
    assert shop.rows("orders", "id, contact_id, ordered_at, total, refunded, valid") == [
        (2, 8, at("2024-03-01T04:59:59Z"), Decimal(0), Decimal(0), False),
        (2**64 - 1, 7, at("2024-05-01T09:58:12.5Z"), Decimal("12345678901234.5678"),
         Decimal("0.01"), True),
    ]  # fmt: skip


def test_importing_a_file_again_changes_nothing(shop: Shop) -> None:
    lines = [{"product_id": "A", "title": "Ay", "quantity": 2, "price": "1.50"}]
    order = {"contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": 3}
    path = shop.ndjson("orders.ndjson", [{"id": n, "lines": lines, **order} for n in range(9)])
    texts = shop.file("texts.csv", TEXTS + TEXT_ROW)
    shop.load(path)
    shop.load(texts)
    before = shop.everything()
    shop.load(path, now=LATER)
    shop.load(texts, now=LATER)
    assert shop.everything() == before
    assert len(before["orders"]) == len(before["order_lines"]) == 9


def test_the_last_row_with_an_id_counts(shop: Shop) -> None:
    shop.load(shop.file("products.csv", "id,title\nA,old\nB,b\nA,new\n"))
    assert shop.rows("products", "id, title") == [("A", "new"), ("B", "b")]


def test_dictionaries_and_large_text_of_parquet(shop: Shop) -> None:
    ids = pa.array(["1", "2"], pa.large_string())
    path = shop.parquet(
        "contacts.parquet",
        table(
            id=ids,
            country=pa.array(["US", None]).dictionary_encode(),
            tags=pa.array([["vip", "a,b"], None]),
            properties=pa.array([{"size": 1}, None]),
        ),
    )
    shop.load(path)
    assert shop.rows("contacts", "id, country, tags, properties") == [
        (1, "US", ["vip", "a,b"], '{"size":1}'),
        (2, None, [], "{}"),
    ]


def test_many_chunks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 12_345
    texts = "".join(f"{n},{n % 5},2024-05-01T09:58:12Z,\n" for n in range(count))
    monkeypatch.setattr(spool, "CHUNK_ROWS", 4_000)
    shop.load(shop.file("texts.csv", TEXTS + texts))
    ids = [row[0] for row in shop.rows("texts", "id")]
    assert ids == list(range(count))


def test_many_rows_are_each_recorded_once(shop: Shop) -> None:
    count = 60_000
    texts = table(
        id=range(count),
        contact_id=range(count),
        sent_at=pa.array([NOW] * count, pa.timestamp("ms", "UTC")),
    )
    assert shop.load(shop.parquet("texts.parquet", texts)).recorded == {"texts": count}
    assert shop.rows("texts", "count(), uniqExact(id)") == [(count, count)]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_line_endings(shop: Shop, end: str) -> None:
    rows = TEXTS + TEXT_ROW + "2,7,noon,\n"
    path = shop.file("texts.csv", rows.replace("\n", end))
    assert [bad.line for bad in shop.load(path, skip_bad_rows=True).bad_rows] == [3]
    assert shop.rows("texts", "id") == [(1,)]


def test_progress_of_both_passes(shop: Shop) -> None:
    steps: list[tuple[str, int, int | None]] = []
    path = shop.file("texts.csv", TEXTS + TEXT_ROW * 3)
    shop.load(path, progress=lambda *step: steps.append(step))
    size = path.stat().st_size
    assert steps == [
        (report.CHECKING, 0, size),
        (report.CHECKING, size, size),
        (report.RECORDING, 0, 3),
        (report.RECORDING, 3, 3),
    ]


def test_a_header_without_rows_records_nothing(shop: Shop) -> None:
    result = shop.load(shop.file("texts.csv", TEXTS))
    assert result.recorded == {"texts": 0}
    assert not result.refused

"""Importing files: what a user gives, and what is recorded and said of it."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphql_app.audience.facts import FactType
from graphql_app.audience.importers import BadRow, ImportReport, import_file, report
from graphql_app.audience.importers import spool as recording_module
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.errors import AppError, ErrorCode, InvalidInputError
from graphql_app.runtime.services import Services

SHOPIFY = Path(__file__).parent.parent / "data" / "shopify"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=3)
GZIPPED = gzip.compress(b"id\n1\n", mtime=0)  # the same bytes in every process

HOSTILE = [
    "plain",
    "it's",
    '"quoted", twice ""',
    "back\\slash \\n \\' \\",
    "tab\there",
    "line\nbreak",
    "carriage\r\nreturn",
    "100% %s %(x)s",
    ":name :1",
    "{x:String} {x}",
    "'; DROP TABLE contacts; --",
    "$1 ? @p",
    "\\N",
    "NULL",
    "нет 日本語 é e\u0301",
    "👩‍👩‍👧 emoji",
    "a\u2028b\x85c",
    " spaced ",
    "nul\x00byte",
    "x" * 255,
]


@dataclass
class Shop:
    """A shop, the files that are imported for it, and what is recorded of it."""

    id: int
    audience: Audience
    recorder: Recorder
    directory: Path

    def file(self, name: str, content: str | bytes) -> Path:
        path = self.directory / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def csv(self, name: str, rows: Sequence[Sequence[str]]) -> Path:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        return self.file(name, text.getvalue())

    def ndjson(self, name: str, rows: Sequence[object]) -> Path:
        return self.file(name, "".join(json.dumps(row) + "\n" for row in rows))

    def parquet(self, name: str, table: pa.Table, **options: Any) -> Path:
        path = self.directory / name
        pq.write_table(table, path, **options)
        return path

    def load(self, path: Path, **options: Any) -> ImportReport:
        defaults: dict[str, Any] = {"shop_currency": "USD", "now": NOW}
        return import_file(
            path,
            shop_id=self.id,
            audience=self.audience,
            recorder=self.recorder,
            **(defaults | options),
        )

    def refusal(self, path: Path, **options: Any) -> str:
        """What is said of a file that is refused as a whole, of which nothing is recorded."""
        before = self.everything()
        with pytest.raises(InvalidInputError) as caught:
            self.load(path, **options)
        assert caught.value.code is ErrorCode.INVALID
        assert self.everything() == before
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        return message.removeprefix(f"{path}: ")

    def rows(self, table: str, columns: str, order_by: str = "ALL") -> list[tuple[Any, ...]]:
        found = self.audience.query_unfiltered(
            f"SELECT {columns} FROM {table} FINAL "
            f"WHERE shop_id = {self.id} AND NOT deleted ORDER BY {order_by}"
        )
        return [tuple(map(_text, row.values())) for row in found.to_pylist()]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        tables = "contacts", "orders", "order_lines", "products", "texts", "keywords", "events"
        return {table: self.rows(table, "* EXCEPT (version, deleted)") for table in tables}


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


_ids = itertools.count(1_000_000)  # shops that no other test has


@pytest.fixture
def shop(services: Services, tmp_path: Path) -> Shop:
    return Shop(next(_ids), services.audience, services.recorder, tmp_path)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


TEXTS = "id,contact_id,sent_at,clicked_at\n"
TEXT_ROW = "1,7,2024-05-01T09:58:12Z,\n"


class TestFormats:
    def test_every_fact_is_recognised_by_its_columns(self, shop: Shop) -> None:
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
        assert shop.rows("contacts", "id, phone, tags, properties") == [
            (1, "+12175550100", [], "{}")
        ]
        assert shop.rows("order_lines", "contact_id, order_id, product_id, quantity, price") == [
            (1, 5, "MUG", 1, Decimal(0))
        ]
        assert shop.rows("keywords", "contact_id, keyword, received_at") == [
            (1, "join", at("2024-05-01T07:58:12Z"))
        ]

    def test_the_same_rows_are_recorded_from_each_format(self, shop: Shop) -> None:
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

    def test_importing_a_file_again_changes_nothing(self, shop: Shop) -> None:
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

    def test_the_last_of_rows_with_one_id_counts(self, shop: Shop) -> None:
        shop.load(shop.file("products.csv", "id,title\nA,old\nB,b\nA,new\n"))
        assert shop.rows("products", "id, title") == [("A", "new"), ("B", "b")]

    def test_dictionaries_and_large_text_of_parquet(self, shop: Shop) -> None:
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

    def test_files_of_many_chunks(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        count = 12_345
        texts = "".join(f"{n},{n % 5},2024-05-01T09:58:12Z,\n" for n in range(count))
        monkeypatch.setattr(recording_module, "CHUNK_ROWS", 4_000)
        shop.load(shop.file("texts.csv", TEXTS + texts))
        ids = [row[0] for row in shop.rows("texts", "id")]
        assert ids == list(range(count))

    def test_chunks_of_the_usual_size(self, shop: Shop) -> None:
        count = 60_000
        texts = table(
            id=range(count),
            contact_id=range(count),
            sent_at=pa.array([NOW] * count, pa.timestamp("ms", "UTC")),
        )
        assert shop.load(shop.parquet("texts.parquet", texts)).recorded == {"texts": count}
        assert shop.rows("texts", "count(), uniq(id)") == [(count, count)]

    @pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
    def test_line_ends_of_every_system(self, shop: Shop, end: str) -> None:
        rows = TEXTS + TEXT_ROW + "x,7,2024-05-01T09:58:12Z,\n"
        path = shop.file("texts.csv", rows.replace("\n", end))
        assert [bad.line for bad in shop.load(path, skip_bad_rows=True).bad_rows] == [3]
        assert shop.rows("texts", "id") == [(1,)]

    def test_progress_is_told_for_both_passes(self, shop: Shop) -> None:
        told: list[tuple[str, int, int | None]] = []
        path = shop.file("texts.csv", TEXTS + TEXT_ROW * 3)
        shop.load(path, progress=lambda *step: told.append(step))
        size = path.stat().st_size
        assert told == [
            (report.CHECKING, 0, size),
            (report.CHECKING, size, size),
            (report.RECORDING, 0, 3),
            (report.RECORDING, 3, 3),
        ]

    def test_a_header_without_rows_records_nothing(self, shop: Shop) -> None:
        result = shop.load(shop.file("texts.csv", TEXTS))
        assert result.recorded == {"texts": 0}
        assert not result.refused


class TestHostileText:
    FIELDS = ("phone", "email", "first_name", "last_name", "region", "city")

    def contacts(self) -> list[dict[str, Any]]:
        return [
            {"id": n, **dict.fromkeys(self.FIELDS, text), "properties": json.dumps({text: text})}
            for n, text in enumerate(HOSTILE)
        ]

    def paths(self, shop: Shop, name: str, rows: list[dict[str, Any]]) -> Iterator[Path]:
        cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
        yield shop.csv(f"{name}.csv", cells)
        yield shop.ndjson(f"{name}.ndjson", rows)
        yield shop.parquet(f"{name}.parquet", pa.Table.from_pylist(rows))

    def test_contacts(self, shop: Shop) -> None:
        for path in self.paths(shop, "contacts", self.contacts()):
            assert shop.load(path).bad_rows == ()
            found = shop.rows("contacts", f"id, properties, {', '.join(self.FIELDS)}", "id")
            assert [row[2:] for row in found] == [(text,) * len(self.FIELDS) for text in HOSTILE]
            assert [json.loads(row[1]) for row in found] == [{text: text} for text in HOSTILE]

    def test_tags(self, shop: Shop) -> None:
        tags = [text.strip() for text in HOSTILE]
        shop.load(shop.ndjson("contacts.ndjson", [{"id": 1, "tags": tags}]))
        shop.load(shop.parquet("contacts.parquet", table(id=[2], tags=[tags])))
        assert shop.rows("contacts", "tags") == [(tags,), (tags,)]

    def test_products_and_lines(self, shop: Shop) -> None:
        order = {"id": 1, "contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "1"}
        lines = [{"product_id": text, "title": text} for text in HOSTILE]
        shop.load(shop.ndjson("orders.ndjson", [{**order, "lines": lines}]))
        nested = pa.Table.from_pylist([{**order, "id": 2, "lines": lines}])
        shop.load(shop.parquet("orders.parquet", nested))
        for order_id in (1, 2):
            found = shop.rows("order_lines", "order_id, product_id", "order_id, line_number")
            assert [text for of, text in found if of == order_id] == HOSTILE
        flat = [{"order_id": 2, **line} for line in lines]
        for path in self.paths(shop, "order_lines", flat):
            shop.load(path)
            found = shop.rows("order_lines", "order_id, product_id", "order_id, line_number")
            assert [text for of, text in found if of == 2] == HOSTILE
        assert sorted(shop.rows("products", "id, title")) == sorted((t, t) for t in HOSTILE)
        rows = [{"id": text, "title": text[::-1].strip("\x00")} for text in HOSTILE]
        for path in self.paths(shop, "products", rows):
            shop.load(path)
            found = sorted(shop.rows("products", "id, title"))
            assert found == sorted((row["id"], row["title"]) for row in rows)

    def test_keywords_and_events(self, shop: Shop) -> None:
        time = "2024-05-01T09:58:12Z"
        rows = [{"contact_id": n, "keyword": t, "received_at": time} for n, t in enumerate(HOSTILE)]
        for path in self.paths(shop, "keywords", rows):
            shop.load(path)
            found = [row[0] for row in shop.rows("keywords", "keyword", "contact_id")]
            assert found == [text.strip().casefold() for text in HOSTILE]
        events = [
            {"id": n, "contact_id": 1, "name": text, "occurred_at": time}
            for n, text in enumerate(HOSTILE)
        ]
        for path in self.paths(shop, "events", events):
            shop.load(path)
            assert [row[0] for row in shop.rows("events", "name", "id")] == HOSTILE


class TestBadRows:
    def test_csv_rows_are_named_by_the_line_they_start_on(self, shop: Shop) -> None:
        path = shop.file(
            "contacts.csv",
            'id,first_name,country\n1,"two\nlines",US\n\nx,,US\n3,"a\r\nb",usa\n4,,,\n5,,DE\n6\n',
        )
        result = shop.load(path)
        assert result.refused
        assert result.recorded == {}
        assert result.skipped == {"contacts": 4}
        assert result.place == "line"
        assert [(bad.line, bad.column) for bad in result.bad_rows] == [
            (5, "id"), (6, "country"), (8, ""), (10, "")
        ]  # fmt: skip
        assert result.bad_rows[0].message.startswith("must be a whole number")
        assert result.bad_rows[2].message == "has 4 fields where the header has 3"
        assert shop.rows("contacts", "id") == []
        again = shop.load(path, skip_bad_rows=True)
        assert again.recorded == {"contacts": 2}
        assert again.bad_rows == result.bad_rows
        assert not again.refused
        assert shop.rows("contacts", "id, first_name") == [(1, "two\nlines"), (5, None)]

    def test_ndjson(self, shop: Shop) -> None:
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
            (1, "total"), (3, ""), (4, ""), (5, ""),
            (7, "id"), (7, "ordered_at"), (7, "total"), (8, "total"),
        ]  # fmt: skip
        messages = [bad.message for bad in result.bad_rows]
        assert messages[0] == 'must be an amount as text, such as "50.00"'
        assert messages[1] == "is not JSON: NaN is not a JSON number"
        assert messages[2].startswith("is not JSON: Expecting property name")
        assert messages[3] == "must be a JSON object"
        assert messages[4] == "is required"
        assert result.skipped == {"orders": 6}
        assert result.recorded == {"orders": 1}
        assert shop.rows("orders", "id, total") == [(5, Decimal(5))]

    def test_parquet_rows_are_counted_from_one(self, shop: Shop) -> None:
        path = shop.parquet("contacts.parquet", table(id=[1, 2, -3], country=["US", "XX", "DE"]))
        result = shop.load(path)
        assert result.place == "row"
        assert [(bad.line, bad.column) for bad in result.bad_rows] == [(2, "country"), (3, "id")]

    def test_parquet_text_that_is_not_utf8(self, shop: Shop) -> None:
        raw = pa.array([b"fine", b"caf\xe9", None]).cast(pa.binary())
        text = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0])
        result = shop.load(shop.parquet("contacts.parquet", table(id=[1, 2, 3], city=text)))
        assert [(bad.line, bad.column) for bad in result.bad_rows] == [(2, "city")]

    def test_nested_lines(self, shop: Shop) -> None:
        order = {"contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "5.00"}
        good = {"product_id": "A"}
        rows = [
            {"id": 1, **order, "lines": [good, {"product_id": "B", "price": 1.5}]},
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

    def test_ten_thousand_are_kept_and_all_are_counted(self, shop: Shop) -> None:
        path = shop.file("texts.csv", TEXTS + "x,1,2024-05-01T09:58:12Z,\n" * 10_100 + TEXT_ROW)
        result = shop.load(path, skip_bad_rows=True)
        assert len(result.bad_rows) == 10_000
        assert result.bad_row_count == 10_100
        assert result.skipped == {"texts": 10_100}
        assert result.recorded == {"texts": 1}


class TestBadFiles:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("texts.csv", "", "is empty."),
            ("texts.csv", "\n\n", "holds no header line."),
            ("texts.ndjson", "\n \n", "holds no objects."),
            ("texts.csv", TEXTS + '1,7,"2024', "ends inside a quoted field of the record that"),
            ("texts.csv", TEXTS + TEXT_ROW + '2,"7"x,,\n', "the record that starts on line 3"),
            ("texts.csv", TEXTS.encode() + b"1,2,\xff,\n", "line 2 is not UTF-8"),
            ("texts.ndjson", b'{"id": 1}\n\n{"id": "\xe9"}\n', "line 3 is not UTF-8"),
            ("texts.csv", TEXTS.encode("utf-16"), "is in UTF-16; save it as UTF-8."),
            ("texts.ndjson", '{"id": 1}\n{"id": 2, "cont', "ends within line 2: the file is cut"),
            ("texts.ndjson", '[{"id": 1}]\n', "is a JSON array"),
            ("texts.ndjson", '{\n"id": 1}\n', "has JSON spread over several lines"),
            ("texts.csv", GZIPPED, "is compressed with gzip; unpack it first."),
            ("texts.csv.gz", GZIPPED, "is compressed with gzip"),
            ("texts.xlsx", b"PK\x03\x04....", "is a ZIP archive (or a spreadsheet)"),
            ("texts.csv", b"PAR1....PAR1", "is a Parquet file; give it a name that ends in"),
            ("texts.parquet", TEXTS, "is not a Parquet file."),
            ("texts.parquet", b"PAR1....", "is not a whole Parquet file: it may be cut off"),
            ("texts.txt", TEXTS, "its name must end in one of .csv, .ndjson, .jsonl, .parquet."),
            ("texts.csv", "id;contact_id\n1;2\n", "the columns must be separated by commas."),
            ("texts.csv", "id,contact_id,sent_at,seen\n", 'there is no column "seen" of texts'),
            ("texts.csv", "id,sent_at\n", 'the column "contact_id" is missing; it is required.'),
            ("texts.csv", "id,contact_id,sent_at,id\n", 'the column "id" is there more than once.'),
            ("texts.csv", "id,contact_id,,sent_at\n", "column 3 has no name"),
            ("texts.ndjson", '{"id": 1, "seen": 2}\n', 'there is no column "seen" of texts'),
            ("some.csv", "a,b\n1,2\n", "its columns are not those of any one format"),
            ("texts.csv", TEXTS + '1,2,"' + "x" * 2_000_000, "a quote is not closed"),
        ],
    )  # fmt: skip
    def test_says_what_is_wrong(
        self, shop: Shop, name: str, content: str | bytes, message: str
    ) -> None:
        assert message in shop.refusal(shop.file(name, content))

    def test_no_file(self, shop: Shop) -> None:
        assert "No such file" in shop.refusal(shop.directory / "absent.csv")
        assert "is a directory" in shop.refusal(shop.directory)

    def test_a_format_that_is_named(self, shop: Shop) -> None:
        path = shop.file("some.csv", "a,b\n1,2\n")
        assert 'there is no column "a" of texts' in shop.refusal(path, format="texts")
        assert 'there is no format "sms"' in shop.refusal(path, format="sms")
        assert '"Customer ID" is missing' in shop.refusal(path, format="shopify_customers")

    def test_a_row_of_ndjson_with_a_column_that_is_unknown(self, shop: Shop) -> None:
        rows: list[object] = [
            {"id": n, "contact_id": 1, "sent_at": str(NOW)} for n in range(30_000)
        ]
        path = shop.ndjson("texts.ndjson", [*rows, {"id": 1, "seen": True}])
        assert 'there is no column "seen"' in shop.refusal(path)

    def test_damaged_and_cut_parquet(self, shop: Shop) -> None:
        texts = table(id=range(5000), contact_id=range(5000), sent_at=[NOW] * 5000)
        whole = shop.parquet("texts.parquet", texts).read_bytes()
        assert "it may be cut off" in shop.refusal(shop.file("texts.parquet", whole[:-300]))
        damaged = whole[:200] + bytes(2000) + whole[2200:]
        assert "it is damaged" in shop.refusal(shop.file("texts.parquet", damaged))

    def test_types_of_parquet_that_cannot_be_right(self, shop: Shop) -> None:
        naive = table(id=[1], contact_id=[1], sent_at=[datetime(2024, 5, 1)])  # noqa: DTZ001  # what is tested
        message = shop.refusal(shop.parquet("texts.parquet", naive))
        assert message.startswith('the column "sent_at" holds times without a time zone')
        floats = table(id=[1], contact_id=[1], ordered_at=[NOW], total=[1.5])
        message = shop.refusal(shop.parquet("orders.parquet", floats))
        assert message.startswith('the column "total" holds binary floating-point numbers')
        lines = table(id=[1], contact_id=[1], ordered_at=[NOW], total=[1], lines=[["A"]])
        message = shop.refusal(shop.parquet("orders.parquet", lines))
        assert message == 'the column "lines" must hold lists of structs.'

    def test_a_store_that_fails_is_told_with_what_is_recorded(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recording_module, "CHUNK_ROWS", 2)
        write, calls = shop.recorder.record, itertools.count(1)

        def fail_at_last(shop_id: int, fact: FactType, rows: pa.Table) -> None:
            if next(calls) == 2:
                raise AppError(ErrorCode.UNAVAILABLE, "The audience store failed.")
            write(shop_id, fact, rows)

        monkeypatch.setattr(shop.recorder, "record", fail_at_last)
        texts = "".join(f"{n},7,2024-05-01T09:58:12Z,\n" for n in range(5))
        with pytest.raises(AppError, match=r"2 of 5 rows are recorded; import the file again"):
            shop.load(shop.file("texts.csv", TEXTS + texts))
        assert shop.rows("texts", "id") == [(0,), (1,)]

    def test_a_disk_that_is_full(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "tempfile.TemporaryFile",
            lambda prefix: open("/dev/full", "r+b", buffering=1 << 16),  # noqa: SIM115  # its user closes it
        )
        texts = "".join(f"{n * 7919},{n},2024-05-01T09:58:12Z,\n" for n in range(50_000))
        with pytest.raises(AppError, match="make room there, or set TMPDIR") as caught:
            shop.load(shop.file("texts.csv", TEXTS + texts))
        assert caught.value.code is ErrorCode.UNAVAILABLE
        assert shop.rows("texts", "id") == []

    def test_a_byte_order_mark_is_no_text(self, shop: Shop) -> None:
        shop.load(shop.file("texts.csv", "\ufeff" + TEXTS + TEXT_ROW))
        shop.load(shop.file("contacts.ndjson", '\ufeff{"id": 1}'))
        assert shop.rows("texts", "id") == shop.rows("contacts", "id") == [(1,)]


class TestOrders:
    ORDERS = "id,contact_id,ordered_at,total\n"
    ORDER = "2024-05-01T09:58:12Z,9.00\n"

    def test_lines_scattered_over_the_file(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recording_module, "CHUNK_ROWS", 25)
        count = 40
        orders = "".join(f"{n},{n % 3},{self.ORDER}" for n in range(count))
        shop.load(shop.file("orders.csv", self.ORDERS + orders))
        lines = [(n * 7 % count, f"P{place}") for place in range(3) for n in range(count)]
        text = "".join(f"{order},{product},2\n" for order, product in lines)
        path = shop.file("order_lines.csv", "order_id,product_id,quantity\n" + text)
        assert shop.load(path).recorded == {"order_lines": 3 * count}
        expected = [(n, place, f"P{place}", 2) for n in range(count) for place in range(3)]
        columns, order_by = "order_id, line_number, product_id, quantity", "order_id, line_number"
        assert shop.rows("order_lines", columns, order_by) == expected
        shop.load(path)
        assert shop.rows("order_lines", columns, order_by) == expected
        assert shop.rows("orders", "sum(line_count)") == [(3 * count,)]

    def test_lines_of_unknown_orders_are_bad_rows(self, shop: Shop) -> None:
        shop.load(shop.file("orders.csv", self.ORDERS + "1,1," + self.ORDER))
        path = shop.file("order_lines.csv", "order_id,product_id\n17,A\n1,B\n18,\n")
        result = shop.load(path)
        assert result.bad_rows[0] == BadRow(
            2, "order_id", "order 17 is not recorded; import the orders first"
        )
        assert {(bad.line, bad.column) for bad in result.bad_rows} == {
            (2, "order_id"), (4, "product_id")
        }  # fmt: skip
        assert shop.rows("order_lines", "order_id") == []
        assert shop.load(path, skip_bad_rows=True).recorded == {"order_lines": 1}
        assert shop.rows("order_lines", "order_id, product_id") == [(1, "B")]

    def test_orders_without_a_column_of_lines_keep_theirs(self, shop: Shop) -> None:
        nested = {"id": 1, "contact_id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "9.00"}
        shop.load(shop.ndjson("orders.ndjson", [{**nested, "lines": [{"product_id": "A"}]}]))
        shop.load(shop.file("orders.csv", self.ORDERS + "1,2," + self.ORDER))
        assert shop.rows("orders", "id, contact_id, line_count") == [(1, 2, 1)]
        assert shop.rows("order_lines", "contact_id, product_id") == [(2, "A")]

    def test_orders_with_a_column_of_lines_and_none_in_it_have_none(self, shop: Shop) -> None:
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

    def test_orders_and_texts_that_move_to_another_contact(self, shop: Shop) -> None:
        order = {"id": 1, "ordered_at": "2024-05-01T09:58:12Z", "total": "9.00"}
        lines = [{"product_id": "A"}, {"product_id": "B"}]
        for contact, kept in ((1, lines), (2, lines[:1])):
            rows = [{**order, "contact_id": contact, "lines": kept}]
            shop.load(shop.ndjson("orders.ndjson", rows))
            shop.load(shop.file("texts.csv", TEXTS + f"1,{contact},2024-05-01T09:58:12Z,\n"))
        assert shop.rows("orders", "id, contact_id") == [(1, 2)]
        assert shop.rows("order_lines", "contact_id, product_id") == [(2, "A")]
        assert shop.rows("texts", "id, contact_id") == [(1, 2)]


CUSTOMERS = SHOPIFY / "customers_export.csv"
CONSENT = "id, subscribed_at, unsubscribed_at"
ANN, BOB, PEPE = 7000000000001, 7000000000002, 7000000000003


def customers(*rows: dict[str, str], old_layout: bool = False) -> list[list[str]]:
    with CUSTOMERS.open(newline="") as file:
        header = next(csv.reader(file))
    if old_layout:
        header = [
            "Customer ID",
            "First Name",
            "Last Name",
            "Email",
            "Accepts Email Marketing",
            "Company",
            "Address1",
            "Address2",
            "City",
            "Province",
            "Province Code",
            "Country",
            "Country Code",
            "Zip",
            "Phone",
            "Accepts SMS Marketing",
            "Total Spent",
            "Total Orders",
            "Tags",
            "Note",
            "Tax Exempt",
        ]
    return [header, *([row.get(name, "") for name in header] for row in rows)]


class TestShopifyCustomers:
    def test_the_sample(self, shop: Shop) -> None:
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

    def test_the_older_layout_and_metafields(self, shop: Shop) -> None:
        row = {
            "Customer ID": "1", "City": "Bonn", "Province Code": "NW", "Country Code": "DE",
            "Country": "Germany", "Phone": "'+49 228 1", "Accepts SMS Marketing": "no",
        }  # fmt: skip
        header, cells = customers(row, old_layout=True)
        extra = ["Birthday (customer.metafields.facts.birth_date)", *header[::-1]]
        shop.load(shop.csv("export.csv", [extra, ["2000-01-01", *cells[::-1]]]))
        columns = "id, phone, country, region, city, subscribed_at"
        assert shop.rows("contacts", columns) == [(1, "+49 228 1", "DE", "NW", "Bonn", None)]

    def test_importing_again_changes_nothing(self, shop: Shop) -> None:
        shop.load(CUSTOMERS)
        before = shop.everything()
        shop.load(CUSTOMERS, now=LATER)
        shop.load(CUSTOMERS, now=LATER, subscribed_at=at("2020-01-01T00:00:00Z"))
        assert shop.everything() == before

    def test_the_date_given_for_the_file(self, shop: Shop) -> None:
        given = at("2023-03-01T00:00:00Z")
        shop.load(CUSTOMERS, subscribed_at=given)
        assert [row[1] for row in shop.rows("contacts", CONSENT)] == [given, given, None]

    def test_consent_that_changes(self, shop: Shop) -> None:
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

    def test_keeps_what_the_export_cannot_tell(self, shop: Shop) -> None:
        rows = [{"id": ANN, "created_at": "2020-01-01T00:00:00Z", "properties": {"size": "L"},
                 "subscribed_at": "2021-01-01T00:00:00Z", "city": "Elsewhere"}]  # fmt: skip
        shop.load(shop.ndjson("contacts.ndjson", rows))
        shop.load(CUSTOMERS)
        assert shop.rows("contacts", "subscribed_at, created_at, properties, city", "id")[0] == (
            at("2021-01-01T00:00:00Z"), at("2020-01-01T00:00:00Z"), '{"size":"L"}', "Springfield"
        )  # fmt: skip

    def test_bad_rows_name_the_columns_of_the_file(self, shop: Shop) -> None:
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

    def test_the_template_for_imports_is_no_export(self, shop: Shop) -> None:
        path = shop.csv("customers.csv", [row[1:] for row in customers({})])
        assert 'the column "Customer ID" is missing' in shop.refusal(path)


ORDERS = SHOPIFY / "orders_export.csv"


def orders(*rows: dict[str, str]) -> list[list[str]]:
    with ORDERS.open(newline="") as file:
        header = next(csv.reader(file))
    return [header, *([row.get(name, "") for name in header] for row in rows)]


def order(number: int, **more: str) -> dict[str, str]:
    return {
        "Name": f"#{number}", "Id": str(number), "Email": "ann@example.com", "Currency": "USD",
        "Total": "5.00", "Created at": "2024-05-01 09:58:12 +0000", "Lineitem quantity": "1",
        "Lineitem name": "Mug", "Lineitem price": "5.00", "Lineitem sku": "MUG",
    } | {name.replace("_", " "): value for name, value in more.items()}  # fmt: skip


def item(number: int, name: str, sku: str = "") -> dict[str, str]:
    return {"Name": f"#{number}", "Lineitem name": name, "Lineitem sku": sku,
            "Lineitem quantity": "2", "Lineitem price": "1.00"}  # fmt: skip


class TestShopifyOrders:
    def test_the_sample(self, shop: Shop) -> None:
        shop.load(CUSTOMERS)
        result = shop.load(ORDERS)
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
        columns = "order_id, product_id, quantity, price"
        assert shop.rows("order_lines", columns, "order_id, line_number") == [
            (5000000000001, "TEE-BLK-S", 2, Decimal("9.99")),
            (5000000000001, "MUG", 1, Decimal("10.00")),
            (5000000000002, "HOOD-GRY-M", 1, Decimal("48.00")),
        ]
        assert shop.rows("products", "id, title") == [
            ("HOOD-GRY-M", "Hoodie - Grey / M"),
            ("MUG", 'Mug, "large"'),
            ("TEE-BLK-S", "Crew Tee - Black / S"),
        ]
        before = shop.everything()
        shop.load(ORDERS, now=LATER)
        assert shop.everything() == before

    def test_an_apostrophe_belongs_to_a_name_but_not_to_a_number(self, shop: Shop) -> None:
        row = {
            "Customer ID": "'1",
            "First Name": "'t",
            "Phone": "'+49",
            "Accepts SMS Marketing": "no",
        }
        shop.load(shop.csv("customers.csv", customers(row)))
        assert shop.rows("contacts", "id, first_name, phone") == [(1, "'t", "+49")]
        item = order(1, Id="'9", Email="", Phone="'+49", Lineitem_sku="", Lineitem_name="'90s Tee")
        shop.load(shop.csv("orders.csv", orders(item)))
        assert shop.rows("order_lines", "order_id, product_id") == [(9, "'90s Tee")]

    def test_orders_before_their_customers(self, shop: Shop) -> None:
        result = shop.load(ORDERS)
        assert result.refused
        assert result.bad_rows == (
            BadRow(2, "Email", "no contact has ann@example.com; import the customers first"),
            BadRow(4, "Phone", "no contact has +16305550101; import the customers first"),
        )
        assert shop.rows("orders", "id") == []

    def test_customers_are_found_by_email_then_phone(self, shop: Shop) -> None:
        shop.load(CUSTOMERS)
        rows = orders(
            order(1, Email="ANN@Example.com "),
            order(2, Email="new@example.com", Phone="'+1 (630) 555-0101"),
            order(3, Email="ann@example.com", Phone="+16305550101"),
            order(4, Email="", Phone=""),
        )
        result = shop.load(shop.csv("orders.csv", rows), skip_bad_rows=True)
        assert [(bad.line, bad.column) for bad in result.bad_rows] == [(5, "Email")]
        assert result.skipped == {"orders": 1}
        found = shop.rows("orders", "id, contact_id", "id")
        assert found == [(1, ANN), (2, BOB), (3, ANN)]

    def test_an_address_of_several_contacts_is_nobodys(self, shop: Shop) -> None:
        contacts: list[object] = [{"id": n, "email": "ann@example.com"} for n in (0, 1)]
        shop.load(shop.ndjson("contacts.ndjson", [*contacts, {"id": 2, "phone": "+1555"}]))
        rows = orders(order(1), order(2, Phone="+1555"))
        result = shop.load(shop.csv("orders.csv", rows), skip_bad_rows=True)
        assert result.bad_rows == (
            BadRow(2, "Email", "is that of several contacts: ann@example.com"),
        )
        assert shop.rows("orders", "id, contact_id") == [(2, 2)]

    def test_later_rows_may_repeat_what_the_first_says(self, shop: Shop) -> None:
        shop.load(CUSTOMERS)
        rows = orders(order(1), order(1, Id="", Lineitem_sku="", Lineitem_name="Cup"), order(2))
        shop.load(shop.csv("orders.csv", rows))
        found = shop.rows("order_lines", "order_id, product_id", "order_id, line_number")
        assert found == [(1, "MUG"), (1, "Cup"), (2, "MUG")]

    def test_an_order_with_a_bad_line_is_left_out_whole(self, shop: Shop) -> None:
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

    def test_an_order_without_lines(self, shop: Shop) -> None:
        shop.load(CUSTOMERS)
        blank = dict.fromkeys((name for name in order(1) if name.startswith("Lineitem")), "")
        result = shop.load(shop.csv("orders.csv", orders({**order(1), **blank})))
        assert result.recorded == {"orders": 1, "order_lines": 0}

    def test_orders_that_lie_across_blocks(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("graphql_app.audience.importers.csv_file.BLOCK_ROWS", 3)
        shop.load(CUSTOMERS)
        rows: list[dict[str, str]] = []
        for number in range(1, 9):
            rows += [order(number), *(item(number, f"P{place}") for place in range(number))]
        result = shop.load(shop.csv("orders.csv", orders(*rows)))
        assert result.bad_rows == ()
        assert result.recorded == {"orders": 8, "order_lines": len(rows)}
        counts = shop.rows("orders", "id, line_count", "id")
        assert counts == [(number, number + 1) for number in range(1, 9)]

    def test_a_column_that_is_missing(self, shop: Shop) -> None:
        path = shop.csv("orders.csv", [["Name", "Lineitem name", "Lineitem quantity"]])
        assert 'the column "Phone" is missing; export the file again' in shop.refusal(path)

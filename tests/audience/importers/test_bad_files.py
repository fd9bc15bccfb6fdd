"""Files that are refused as a whole, and imports that fail."""

import gzip
import itertools

import pyarrow as pa
import pytest

from graphql_app.audience.facts import FactType
from graphql_app.audience.importers import spool
from graphql_app.errors import AppError, ErrorCode
from tests.audience.importers.conftest import NOW, TEXT_ROW, TEXTS, Shop, table, zipped


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("texts.csv", "", "is empty."),
        ("texts.csv", "\n\n", "has no header."),
        ("texts.ndjson", "\n \n", "has no objects."),
        ("texts.csv", TEXTS + '1,7,"2024', "ends inside a quoted field of the record that"),
        ("texts.csv", TEXTS + TEXT_ROW + '2,"7"x,,\n', "the record that starts on line 3"),
        ("texts.csv", TEXTS.encode() + b"1,2,\xff,\n", "line 2 is not UTF-8"),
        ("texts.ndjson", b'{"id": 1}\n\n{"id": "\xe9"}\n', "line 3 is not UTF-8"),
        ("texts.csv", TEXTS.encode("utf-16") + b"\n", "is not UTF-16"),
        ("texts.ndjson", '{"id": 1}\n{"id": 2, "cont', "ends within line 2: the file is"),
        ("texts.ndjson", '[{"id": 1}]\n', "is a JSON array"),
        ("texts.ndjson", '{\n"id": 1}\n', "has JSON that spans several lines"),
        ("texts.csv", gzip.compress(TEXTS.encode(), mtime=0)[:-9], "is damaged or incomplete"),
        ("texts.csv.bz2", b"BZh9....", "is compressed with bzip2; decompress it, or use gzip"),
        ("texts.xlsx", b"PK\x03\x04....", "is damaged or incomplete: File is not a zip file"),
        ("texts.zip", zipped(a=TEXTS, b=TEXTS), "contains 2 files (a.csv, b.csv); import an"),
        ("texts.zip", zipped(), "contains no files."),
        ("texts.csv", b"PAR1....PAR1", "is a Parquet file; rename it to end in"),
        ("texts.parquet", TEXTS, "is not a Parquet file."),
        ("texts.parquet", b"PAR1....", "is not a complete Parquet file"),
        ("texts.txt", TEXTS, "its name must end in one of .csv, .tsv, .ndjson, .jsonl,"),
        ("texts.csv", "id,contact_id,sent_at,seen\n", 'unknown column "seen"; texts has id'),
        ("texts.csv", "id,contact_id\n", 'the required column "sent_at" is missing.'),
        ("texts.csv", "id,sent_at,clicked_at\n", "it needs a column that names contacts: contact_"),
        ("texts.csv", "id,contact_id,sent_at,id\n", 'the column "id" occurs more than once.'),
        ("texts.csv", "id,contact_id,,sent_at\n", "column 3 has no name"),
        ("texts.ndjson", '{"id": 1, "seen": 2}\n', 'unknown column "seen"; texts has id'),
        ("some.csv", "a,b\n1,2\n", "its columns fit no format"),
        ("texts.csv", TEXTS + '1,2,"' + "x" * 2_000_000, "a quote is not closed"),
    ],
)  # fmt: skip
def test_the_message_says_what_is_wrong(
    shop: Shop, name: str, content: str | bytes, message: str
) -> None:
    assert message in shop.refusal(shop.file(name, content))


def test_a_missing_file_and_a_directory(shop: Shop) -> None:
    assert "No such file" in shop.refusal(shop.directory / "absent.csv")
    assert "is a directory" in shop.refusal(shop.directory)


def test_a_given_format_that_does_not_fit(shop: Shop) -> None:
    path = shop.file("some.csv", "a,b\n1,2\n")
    assert 'unknown column "a"; texts has' in shop.refusal(path, format="texts")
    assert 'unknown format "sms"' in shop.refusal(path, format="sms")
    assert '"Customer ID" is missing' in shop.refusal(path, format="shopify_customers")


def test_an_unknown_column_in_a_late_row_of_ndjson(shop: Shop) -> None:
    rows: list[object] = [{"id": n, "contact_id": 1, "sent_at": str(NOW)} for n in range(30_000)]
    path = shop.ndjson("texts.ndjson", [*rows, {"id": 1, "seen": True}])
    assert 'unknown column "seen"' in shop.refusal(path)


def test_damaged_and_incomplete_parquet(shop: Shop) -> None:
    texts = table(id=range(5000), contact_id=range(5000), sent_at=[NOW] * 5000)
    whole = shop.parquet("texts.parquet", texts).read_bytes()
    cut = shop.file("texts.parquet", whole[:-300])
    assert "is not a complete Parquet file" in shop.refusal(cut)
    damaged = whole[:200] + bytes(2000) + whole[2200:]
    assert "is damaged after row" in shop.refusal(shop.file("texts.parquet", damaged))


def test_parquet_columns_of_wrong_types(shop: Shop) -> None:
    naive = table(id=[1], contact_id=[1], sent_at=[NOW.replace(tzinfo=None)])
    message = shop.refusal(shop.parquet("texts.parquet", naive))
    assert message.startswith('the column "sent_at" has times without a time zone')
    floats = table(id=[1], contact_id=[1], ordered_at=[NOW], total=[1.5])
    message = shop.refusal(shop.parquet("orders.parquet", floats))
    assert message.startswith('the column "total" has floating-point numbers')
    lines = table(id=[1], contact_id=[1], ordered_at=[NOW], total=[1], lines=[["A"]])
    message = shop.refusal(shop.parquet("orders.parquet", lines))
    assert message == 'the column "lines" must contain lists of structs.'


def test_a_store_failure_reports_how_many_rows_were_recorded(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "CHUNK_ROWS", 2)
    write, calls = shop.services.recorder.record, itertools.count(1)

    def fail_at_last(shop_id: int, fact: FactType, rows: pa.Table) -> pa.Table:
        if next(calls) == 2:
            raise AppError(ErrorCode.UNAVAILABLE, "The audience store failed.")
        return write(shop_id, fact, rows)

    monkeypatch.setattr(shop.services.recorder, "record", fail_at_last)
    texts = "".join(f"{n},7,2024-05-01T09:58:12Z,\n" for n in range(5))
    with pytest.raises(AppError, match=r"2 of 5 rows were recorded; import the file again"):
        shop.load(shop.file("texts.csv", TEXTS + texts))
    assert shop.rows("texts", "id") == [(0,), (1,)]


def test_a_full_disk(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tempfile.TemporaryFile",
        lambda prefix: open("/dev/full", "r+b", buffering=1 << 16),  # noqa: SIM115 - the spool closes it
    )
    texts = "".join(f"{n * 7919},{n},2024-05-01T09:58:12Z,\n" for n in range(50_000))
    with pytest.raises(AppError, match="make room there, or set TMPDIR") as caught:
        shop.load(shop.file("texts.csv", TEXTS + texts))
    assert caught.value.code is ErrorCode.UNAVAILABLE
    assert shop.rows("texts", "id") == []


def test_a_byte_order_mark_is_ignored(shop: Shop) -> None:
    shop.load(shop.file("texts.csv", "\ufeff" + TEXTS + TEXT_ROW))
    shop.load(shop.file("contacts.ndjson", '\ufeff{"id": 1}'))
    assert shop.rows("texts", "id") == shop.rows("contacts", "id") == [(1,)]

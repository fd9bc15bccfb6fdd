"""Exports can be imported again, and spreadsheets execute nothing in them."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis.strategies import characters, lists, sampled_from, text

from graphql_app.audience.column_parser import parse_column
from graphql_app.audience.export_formats import EXPORT_SCHEMA, ExportFormat, to_csv, to_ndjson
from graphql_app.audience.facts import CONTACTS, TEXTS
from graphql_app.audience.formula_escaping import escape_formulas, unescape_formula
from graphql_app.audience.value_parsers import TAGS
from graphql_app.catalog.tables import Shop
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.export import MIN_ROWS, Export
from graphql_app.segments.index import SizeIndex
from graphql_app.segments.rules.parser import parse
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.scope import shop_scope
from tests.fact_tables import checked, load_file

FORMULAS = [
    "=1+1", "+cmd|' /C calc'!A0", "-2+3+x", "@SUM(A1)", "\tx", "\r=x", " =1", "\xa0=1", "＝1",
    "''=1",
]  # fmt: skip
SPACES = [*filter(str.isspace, map(chr, range(sys.maxunicode))), "\u200b", "\ufeff"]
HARMLESS = [
    "+12125550167", "+1 (212) 555-0167", "-12.5", "plain", "'tis", "a=b", "x@y.z", 'q"q,\r\n'
]  # fmt: skip
ODD = [
    {
        "id": number,
        "phone": "+12125550167",
        "email": text,
        "first_name": text,
        "city": f"x{text}",
        "tags": [text.strip(), "b"],
    }
    for number, text in enumerate([*FORMULAS, *HARMLESS, "100% %s", "нет 日本語", "a\u2028b"], 1)
]
# A floating-point number has fewer digits than each of these.
WHOLE = [2**53 + 1, -(2**53) - 1, 2**64 - 1, 2**64 + 1, -(2**63) - 1, 10**40 + 1]
MORE: list[dict[str, Any]] = [
    {
        "id": 2**64 - 1,
        "tags": ["a,b", "c"],
        "properties": {"n": 1e22, "a": [None, "é\n"], "whole": WHOLE},
    },
    {"id": 2**63, "tags": ['["x"]'], "country": "US", "region": "CA", "last_name": "L"},
    {
        "id": 10**6,
        "subscribed_at": "2024-05-01T09:58:12.345Z",
        "unsubscribed_at": "2023-05-01T00:00:00Z",
        "created_at": "1970-01-01T00:00:00Z",
    },
]

_ids = count(2_000_000)  # ids of shops that no other test uses

BLANK: dict[str, Any] = {field.name: [None] for field in EXPORT_SCHEMA}
UTC_SHOP = Shop(handle="x", name="x", timezone="UTC", currency="USD")


@pytest.fixture
def everyone(registry: Registry) -> Rule:
    return parse({"all": []}, registry)


def record(services: Services, shop_id: int, contacts: list[dict[str, Any]]) -> None:
    """Record contacts, whose fields are named like the columns of files."""
    names = [field.name for field in CONTACTS.fields]
    columns = {name: [contact.get(name) for contact in contacts] for name in names}
    services.recorder.record(shop_id, CONTACTS, checked(CONTACTS, columns))


def begin_export(
    services: Services,
    shop_id: int,
    rule: Rule,
    index: SizeIndex | None = None,
    after: str | None = None,
) -> Iterator[pa.Table]:
    scope = shop_scope(UTC_SHOP)
    engine = ShopEngine(services.audience, shop_id, scope, index or services.index)
    return _read_pages(engine, Export(rule, after))


def _read_pages(engine: ShopEngine, export: Export) -> Iterator[pa.Table]:
    while not export.done:
        yield export.next_page(engine)


def export_all(services: Services, shop_id: int, rule: Rule) -> pa.Table:
    return pa.concat_tables(begin_export(services, shop_id, rule))


def write(rows: pa.Table, format: ExportFormat, path: Path) -> None:
    """Write rows like the command."""
    match format:
        case ExportFormat.CSV:
            path.write_bytes(to_csv(rows, header=True))
        case ExportFormat.NDJSON:
            path.write_bytes(to_ndjson(rows))
        case ExportFormat.PARQUET:
            pq.write_table(rows, path)


@pytest.mark.parametrize("format", ExportFormat)
def test_an_imported_export_exports_the_same_rows(
    services: Services, everyone: Rule, tmp_path: Path, format: ExportFormat
) -> None:
    one, other = next(_ids), next(_ids)
    record(services, one, ODD + MORE)
    rows = export_all(services, one, everyone)
    assert rows.num_rows == len(ODD + MORE)
    path = tmp_path / f"members.{format}"
    write(rows, format, path)
    report = load_file(services, other, path)
    assert (report.format, report.bad_rows) == ("contacts", ())
    assert export_all(services, other, everyone) == rows


def test_a_csv_export_follows_rfc_4180_and_has_no_formulas(
    services: Services, everyone: Rule
) -> None:
    shop_id = next(_ids)
    record(services, shop_id, ODD)
    text = to_csv(export_all(services, shop_id, everyone), header=True).decode()
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert text.startswith(",".join(EXPORT_SCHEMA.names) + "\r\n")
    assert text.endswith("\r\n")
    assert header == EXPORT_SCHEMA.names
    emails = [row[header.index("email")] for row in rows]
    assert emails[: len(FORMULAS)] == [f"'{text}" for text in FORMULAS]
    assert emails[len(FORMULAS) : len(FORMULAS + HARMLESS)] == HARMLESS
    for row in rows:
        for cell in row:
            assert cell[:1] not in ("=", "@", "\t", "\r"), cell
        assert row[header.index("phone")] == "+12125550167"


@given(
    text(
        alphabet=characters(codec="utf-8") | sampled_from("'=+-@\t\v\r\n\x85\xa0 ＝0("), max_size=8
    )
)
def test_any_text_is_escaped_and_read_back_unchanged(cell: str) -> None:
    (written,) = escape_formulas(pa.array([cell])).to_pylist()
    assert unescape_formula(written) == cell
    assert written.lstrip()[:1] not in {*"=@＝＋－＠"}
    assert written[:1] not in {*"\t\r\n"}
    if written.lstrip()[:1] in {*"+-"}:
        assert re.fullmatch("[+-][0-9 ().-]+", written)


@pytest.mark.parametrize("skipped", SPACES, ids=ascii)
def test_a_formula_after_any_space_is_escaped_and_read_back_unchanged(skipped: str) -> None:
    for cell in (f"{skipped}=1", f"'{skipped}=1", f" {skipped}+x", f"{skipped}{skipped}@x"):
        (written,) = escape_formulas(pa.array([cell])).to_pylist()
        assert written == f"'{cell}"
        assert unescape_formula(written) == cell


@given(lists(text(alphabet=characters(codec="utf-8") | sampled_from('[],"'), max_size=6)))
def test_any_tags_are_read_back_unchanged(texts: list[str]) -> None:
    (tags,) = parse_column(TAGS, [texts], required=False)[0].to_pylist()
    rows = pa.table({**BLANK, "tags": pa.array([tags], pa.list_(pa.string()))}, EXPORT_SCHEMA)
    written = to_csv(rows, header=True).decode()
    (row,) = csv.DictReader(io.StringIO(written, newline=""), strict=True)
    column, _ = parse_column(TAGS, [unescape_formula(row["tags"])], required=False)
    assert column.to_pylist() == [tags or None]


def test_a_line_of_ndjson_is_an_object_with_the_fields_of_graphql(
    services: Services, everyone: Rule
) -> None:
    shop_id = next(_ids)
    record(services, shop_id, MORE)
    lines = to_ndjson(export_all(services, shop_id, everyone)).decode().split("\n")
    assert lines.pop() == ""
    consented, american, last = map(json.loads, lines)
    assert consented["subscribed_at"] == "2024-05-01T09:58:12.345Z"
    assert (consented["subscribed"], consented["textable"]) == (True, False)
    assert american["tags"] == ['["x"]']
    assert last["id"] == str(2**64 - 1)
    assert last["properties"] == {"n": 1e22, "a": [None, "é\n"], "whole": WHOLE}


@pytest.mark.parametrize("format", ExportFormat)
def test_whole_numbers_keep_every_digit(
    services: Services, everyone: Rule, tmp_path: Path, format: ExportFormat
) -> None:
    shop_id, path = next(_ids), tmp_path / "members"
    record(services, shop_id, MORE)
    write(export_all(services, shop_id, everyone), format, path)
    match format:
        case ExportFormat.CSV:
            with path.open(newline="") as file:
                *_, last = csv.DictReader(file)
            id, properties = last["id"], last["properties"]
        case ExportFormat.NDJSON:
            last = json.loads(path.read_text().splitlines()[-1])
            id, properties = last["id"], json.dumps(last["properties"])
        case ExportFormat.PARQUET:
            last = pq.read_table(path).to_pylist()[-1]
            id, properties = str(last["id"]), last["properties"]
    assert id == str(2**64 - 1)
    found = json.loads(properties)["whole"]
    assert [(type(number), number) for number in found] == [(int, number) for number in WHOLE]


@pytest.mark.parametrize("index_bytes", [10**9, 0], ids=["index", "engine"])
def test_each_member_is_exported_once_by_id_despite_concurrent_writes(
    services: Services, registry: Registry, index_bytes: int
) -> None:
    shop_id = next(_ids)
    rule = parse({"tag": {"operator": "ANY_OF", "tags": ["in"]}}, registry)
    index = SizeIndex(services.audience, services.recorder, index_bytes)
    members = [{"id": number, "tags": ["in"]} for number in range(2, 3 * MIN_ROWS, 2)]
    others = [{"id": number} for number in range(1, 3 * MIN_ROWS, 2)]
    record(services, shop_id, members + others)
    pages = begin_export(services, shop_id, rule, index)
    first = next(pages)
    assert first["id"].to_pylist() == [*map(str, range(2, 2 * MIN_ROWS + 1, 2))]
    # New members before, after and beyond the page; contacts who leave on either side; and a
    # member who changes but stays.
    record(services, shop_id, [{"id": number, "tags": ["in"]} for number in (1, 2501, 10**9)])
    record(services, shop_id, [{"id": 4}, {"id": 2600}, {"id": 2700, "tags": ["in", "more"]}])
    services.recorder.forget(shop_id, ["2800"])
    later = pa.concat_tables(pages)["id"].to_pylist()
    expected = {*range(2 * MIN_ROWS + 2, 3 * MIN_ROWS, 2), 2501, 10**9} - {2600, 2800}
    assert later == [*map(str, sorted(expected))]


@pytest.mark.parametrize("index_bytes", [10**9, 0], ids=["index", "engine"])
def test_time_windows_are_relative_to_the_start_of_the_export(
    services: Services, registry: Registry, index_bytes: int
) -> None:
    shop_id = next(_ids)
    within = {"last": {"count": 30, "unit": "DAYS"}}
    texted = {"operator": "AT_LEAST", "count": 1, "within": within}
    rule = parse({"textsReceived": texted}, registry)
    index = SizeIndex(services.audience, services.recorder, index_bytes)
    numbers = [*range(1, 2 * MIN_ROWS + 1)]
    record(services, shop_id, [{"id": number} for number in numbers])
    # Half of the texts are in the window now, but not a day later.
    pages = begin_export(services, shop_id, rule, index)
    start = shop_scope(UTC_SHOP)
    sent = [start.now - timedelta(days=29.5 if number % 2 else 1) for number in numbers]
    texts = {"id": numbers, "contact_id": numbers, "sent_at": sent}
    services.recorder.record(shop_id, TEXTS, checked(TEXTS, texts))
    found = next(pages)["id"].to_pylist()
    later = shop_scope(UTC_SHOP, start.now + timedelta(days=1))
    assert ShopEngine(services.audience, shop_id, later, index).count(rule) == MIN_ROWS
    found += pa.concat_tables(pages)["id"].to_pylist()
    assert found == [*map(str, numbers)]
    assert ShopEngine(services.audience, shop_id, later, index).count(rule) == MIN_ROWS


def test_an_export_can_start_after_any_contact(services: Services, everyone: Rule) -> None:
    shop_id = next(_ids)
    record(services, shop_id, [{"id": number} for number in range(1, 11)] + [{"id": 2**64 - 1}])
    for after in (0, 4, 10, 99, 2**64 - 1):
        rows = pa.concat_tables(begin_export(services, shop_id, everyone, after=str(after)))
        expected = [str(number) for number in [*range(1, 11), 2**64 - 1] if number > after]
        assert rows["id"].to_pylist() == expected


def test_pages_of_wide_rows_have_few_rows(services: Services, everyone: Rule) -> None:
    shop_id = next(_ids)
    wide = {"properties": {"text": "x" * 8_000}}
    record(services, shop_id, [{"id": number, **wide} for number in range(1, 4 * MIN_ROWS)])
    pages = begin_export(services, shop_id, everyone)
    assert {page.num_rows for page in pages} == {MIN_ROWS, MIN_ROWS - 1}

"""Files whose columns have other names than the fields, or more columns."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from graphql_app.audience.importers.column_mapping import ColumnMapping, UnknownColumns
from tests.audience.importers.conftest import Shop, table

PHONES = {"id": "Customer", "phone": "Mobile Number"}
IGNORE, TO_PROPERTIES = UnknownColumns.IGNORE, UnknownColumns.TO_PROPERTIES
ROWS = 'Customer,Mobile Number,Birthday,Size\n7,+12125550100,2000-05-01,"M, L"\n8,,,\n'


def contacts(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows("contacts", "id, phone, properties", "id")


def test_columns_are_mapped_and_the_others_ignored_or_kept(shop: Shop) -> None:
    path = shop.file("people.csv", ROWS)
    assert 'unknown column "Birthday"' in shop.refusal(
        path, mapping=ColumnMapping(PHONES), format="contacts"
    )
    shop.load(path, mapping=ColumnMapping(PHONES, IGNORE))
    assert contacts(shop) == [(7, "+12125550100", "{}"), (8, None, "{}")]
    shop.load(path, mapping=ColumnMapping(PHONES, TO_PROPERTIES))
    assert contacts(shop) == [
        (7, "+12125550100", '{"Birthday":"2000-05-01","Size":"M, L"}'),
        (8, None, "{}"),
    ]


def test_properties_of_all_file_types_are_completed(shop: Shop) -> None:
    mapping = ColumnMapping({"id": "nr"}, TO_PROPERTIES)
    own = '{"a":1,"x":0}'
    for path in (
        shop.csv("contacts.csv", [["nr", "properties", "x"], ["1", own, "2"]]),
        shop.ndjson("contacts.ndjson", [{"nr": 1, "properties": {"a": 1, "x": 0}, "x": "2"}]),
        shop.parquet("contacts.parquet", table(nr=[1], properties=[own], x=["2"])),
    ):
        shop.load(path, mapping=mapping)
        assert shop.rows("contacts", "properties") == [('{"a":1,"x":"2"}',)]
    broken = shop.csv("contacts.csv", [["nr", "properties", "x"], ["1", "{", "2"]])
    assert [bad.column for bad in shop.load(broken, mapping=mapping).bad_rows] == ["properties"]


def test_types_of_parquet_that_json_lacks_are_bad_values(shop: Shop) -> None:
    seen = pa.array([datetime(2024, 5, 1, tzinfo=UTC)])
    path = shop.parquet("contacts.parquet", table(id=[1], seen=seen))
    report = shop.load(path, mapping=ColumnMapping(unknown=TO_PROPERTIES), format="contacts")
    assert [bad.column for bad in report.bad_rows] == ["properties.seen"]


def test_bad_values_are_named_by_the_files_columns(shop: Shop) -> None:
    path = shop.file("people.csv", "Customer,Mobile Number\n1E+5,1\n")
    report = shop.load(path, mapping=ColumnMapping(PHONES))
    assert [bad.column for bad in report.bad_rows] == ["Customer"]


@pytest.mark.parametrize(
    ("columns", "mapping", "message"),
    [
        ("a,b", ColumnMapping({"id": "c"}), 'it has no column "c"; the columns are a, b.'),
        ("a,id", ColumnMapping({"id": "a"}), '"a" and "id" would both be "id"; rename or'),
        ("a,b", ColumnMapping({"id": "a", "text": "b"}), 'unknown column "text"; contacts has'),
        ("a,b", ColumnMapping({"id": "a"}), 'unknown column "b"; contacts has id'),
    ],
)
def test_a_mapping_that_does_not_fit_is_explained(
    shop: Shop, columns: str, mapping: ColumnMapping, message: str
) -> None:
    path = shop.file("contacts.csv", f"{columns}\n1,2\n")
    assert message in shop.refusal(path, mapping=mapping, format="contacts")


def test_a_late_column_of_ndjson_is_mapped(shop: Shop) -> None:
    rows: list[dict[str, Any]] = [{"nr": n} for n in range(20_000)]
    path = shop.ndjson("contacts.ndjson", [*rows, {"nr": 20_000, "tel": "+12125550100", "x": 1}])
    shop.load(path, mapping=ColumnMapping({"id": "nr", "phone": "tel"}, TO_PROPERTIES))
    assert contacts(shop)[-1] == (20_000, "+12125550100", '{"x":1}')
    absent = ColumnMapping({"id": "nr", "phone": "Tel"}, TO_PROPERTIES)
    assert 'it has no column "Tel"; the columns are nr, tel, x.' in shop.refusal(
        path, mapping=absent
    )
    twice = shop.ndjson("contacts.ndjson", [*rows, {"nr": 1, "id": 2}])
    mapping = ColumnMapping({"id": "nr"})
    assert '"nr" and "id" would both be "id"' in shop.refusal(twice, mapping=mapping)


def test_only_facts_with_properties_keep_other_columns(shop: Shop) -> None:
    path = shop.file("texts.csv", "id,contact_id,sent_at,body\n")
    mapping = ColumnMapping(unknown=TO_PROPERTIES)
    assert "texts have no properties" in shop.refusal(path, mapping=mapping)
    shop.load(path, mapping=ColumnMapping(unknown=IGNORE))


def test_the_format_with_the_most_columns_is_detected(shop: Shop) -> None:
    header = "id,contact_id,name,occurred_at,extra"
    path = shop.file("some.csv", f"{header}\n1,2,Visit,2024-05-01T09:58:12Z,x\n")
    shop.load(path, mapping=ColumnMapping(unknown=TO_PROPERTIES))
    assert shop.rows("events", "id, properties") == [(1, '{"extra":"x"}')]


def test_a_dry_run_records_nothing_and_shows_what_would_be(shop: Shop) -> None:
    path = shop.file("people.csv", ROWS)
    report = shop.load(path, mapping=ColumnMapping(PHONES, TO_PROPERTIES), dry_run=True)
    assert contacts(shop) == []
    assert report.format == "contacts"
    assert report.columns == {
        "Customer": "id",
        "Mobile Number": "phone",
        "Birthday": "properties.Birthday",
        "Size": "properties.Size",
    }
    ada, other = report.preview
    assert (ada["id"], ada["phone"]) == ("7", "+12125550100")
    assert ada["properties"] == '{"Birthday":"2000-05-01","Size":"M, L"}'
    assert "phone" not in other
    ignoring = shop.load(path, mapping=ColumnMapping(PHONES, IGNORE), dry_run=True)
    assert [*ignoring.columns.values()] == ["id", "phone", "", ""]

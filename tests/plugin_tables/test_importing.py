"""Importing files into plugins' tables."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphql_app.audience.importers import BadRow, ImportReport
from graphql_app.errors import InvalidInputError
from tests.fact_tables import load_file
from tests.factories import contacts
from tests.plugin_tables.test_recording import earned, wrote
from tests.plugins.reviews import Review
from tests.support import Client, Server

HEADER = "contact_id,id,product_id,stars,title,paid,published,labels,written_at\n"
ROWS = (
    '1,1,coral,5,"Good, really",9.50,TRUE,"a,b",2024-05-01T09:58:12Z\n'
    "1,2,lime,1,,,false,,2024-05-01 09:58:12+02:00\n"
    "2,3,coral,4,,0,,,2024-05-01T09:58:12Z\n"
)
AT = datetime(2024, 5, 1, 9, 58, 12, tzinfo=UTC)
EARLIER = AT - timedelta(hours=2)
STORED: list[tuple[Any, ...]] = [
    (1, 1, "coral", 5, "Good, really", Decimal("9.5"), True, ["a", "b"], AT),
    (1, 2, "lime", 1, None, None, False, [], EARLIER),
    (2, 3, "coral", 4, None, Decimal(0), True, [], AT),
]
NAMES = HEADER.strip().split(",")
ROWS_OF_JSON: list[Mapping[str, Any]] = [
    {
        "contact_id": 1, "id": "1", "product_id": "coral", "stars": 5, "title": "Good, really",
        "paid": "9.50", "published": True, "labels": ["a", "b"],
        "written_at": "2024-05-01T09:58:12Z",
    },
    {
        "contact_id": 1, "id": "2", "product_id": "lime", "stars": 1, "published": False,
        "written_at": "2024-05-01T07:58:12Z",
    },
    {
        "contact_id": 2, "id": "3", "product_id": "coral", "stars": 4, "paid": 0, "labels": None,
        "written_at": "2024-05-01T09:58:12Z",
    },
]  # fmt: skip


def _load(plugged: Server, shop: Client, path: Path, **options: Any) -> ImportReport:
    return load_file(plugged.services, shop.shop_id, path, **options)


def _stored(plugged: Server, shop: Client) -> list[tuple[Any, ...]]:
    found = plugged.services.audience.query_unfiltered(
        f"SELECT {', '.join(NAMES)} FROM {Review.__tablename__} FINAL "
        f"WHERE shop_id = {shop.shop_id} AND NOT deleted ORDER BY id"
    )
    return [tuple(row.values()) for row in found.to_pylist()]


def _write_csv(path: Path) -> Path:
    file = path / "export.csv"
    file.write_text(HEADER + ROWS)
    return file


def _write_ndjson(path: Path) -> Path:
    file = path / "export.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS_OF_JSON))
    return file


def _write_parquet(path: Path) -> Path:
    file = path / "export.parquet"
    columns: dict[str, Any] = dict(zip(NAMES, map(list, zip(*STORED, strict=True)), strict=True))
    columns["published"] = [True, False, None]
    columns["labels"] = pa.array([["a", "b"], None, []], pa.list_(pa.string()))
    pq.write_table(pa.table(columns), file)
    return file


@pytest.mark.parametrize("write", [_write_csv, _write_ndjson, _write_parquet])
def test_every_file_type_is_detected_and_recorded(
    plugged: Server, shop: Client, tmp_path: Path, write: Any
) -> None:
    shop.record("contactsUpsert", contacts("1", "2"))
    for _ in range(2):
        report = _load(plugged, shop, write(tmp_path))
        assert (report.format, report.recorded) == ("acme_reviews", {"acme_reviews": 3})
        assert report.bad_row_count == 0
        assert _stored(plugged, shop) == STORED
    assert shop.members_each([wrote(1), wrote(0)]) == [2, 0]


def test_rows_of_files_move_and_replace_rows(plugged: Server, shop: Client, tmp_path: Path) -> None:
    shop.record("contactsUpsert", contacts("1", "2"))
    _load(plugged, shop, _write_csv(tmp_path))
    moved = tmp_path / "moved.csv"
    moved.write_text(HEADER + "2,1,coral,5,,,,,2024-05-01T09:58:12Z\n")
    _load(plugged, shop, moved)
    assert shop.members_each([wrote(2), wrote(0)]) == [1, 1]
    accounts = tmp_path / "accounts.csv"
    for least in (30, 7):
        accounts.write_text(f"contact_id,points\n1,99\n1,{least}\n")
        assert _load(plugged, shop, accounts).format == "acme_reviewers"
        assert shop.members_each([earned(least), earned(least + 1)]) == [1, 0]


def test_a_file_with_bad_rows_is_refused(plugged: Server, shop: Client, tmp_path: Path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text(HEADER + ROWS + "2,4,coral,many,,,perhaps,,2024-05-01\n")
    report = _load(plugged, shop, file)
    assert report.refused
    assert [(bad.line, bad.column) for bad in report.bad_rows] == [
        (5, "stars"), (5, "published"), (5, "written_at"),
    ]  # fmt: skip
    assert report.bad_rows[1] == BadRow(5, "published", "must be true or false")
    assert _stored(plugged, shop) == []
    assert _load(plugged, shop, file, skip_bad_rows=True).skipped == {"acme_reviews": 1}
    assert len(_stored(plugged, shop)) == 3


def test_a_given_format_and_errors_that_list_the_formats(
    plugged: Server, shop: Client, tmp_path: Path
) -> None:
    file = tmp_path / "export.csv"
    file.write_text("contact_id,ponts\n1,5\n")

    def refusal(**options: Any) -> str:
        with pytest.raises(InvalidInputError) as caught:
            _load(plugged, shop, file, **options)
        return str(caught.value).removeprefix(f"{file}: ")

    assert refusal(format="acme_reviewers") == (
        'unknown column "ponts"; acme_reviewers has contact_id, points, rank.'
    )
    assert refusal(format="acme_reviewer").endswith(
        "keywords, events, acme_reviews, acme_reviewers, shopify_customers, shopify_orders."
    )
    assert "events, acme_reviews, acme_reviewers, shopify" in refusal()
    file.write_text("contact_id\n1\n")
    assert refusal(format="acme_reviewers") == 'the required column "points" is missing.'


def test_a_parquet_column_of_another_type_is_refused(
    plugged: Server, shop: Client, tmp_path: Path
) -> None:
    file = tmp_path / "acme_reviews.parquet"
    columns = {name: [1] for name in ("contact_id", "id", "stars", "published")}
    pq.write_table(pa.table({**columns, "product_id": ["p"], "written_at": ["x"]}), file)
    with pytest.raises(InvalidInputError, match='"published" has the type int64'):
        _load(plugged, shop, file)

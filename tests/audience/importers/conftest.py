"""A shop to import files for, and the files of Shopify."""

import csv
import io
import itertools
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graphql_app.audience.importers import ImportReport
from graphql_app.errors import ErrorCode, InvalidInputError
from graphql_app.runtime.services import Services
from tests.fact_tables import load_file

SHOPIFY = Path(__file__).parent.parent.parent / "data" / "shopify"
CUSTOMERS = SHOPIFY / "customers_export.csv"
ORDERS_EXPORT = SHOPIFY / "orders_export.csv"
ANN, BOB, PEPE = 7000000000001, 7000000000002, 7000000000003

OLD_CUSTOMER_COLUMNS = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Company,Address1,Address2,City,"
    "Province,Province Code,Country,Country Code,Zip,Phone,Accepts SMS Marketing,Total Spent,"
    "Total Orders,Tags,Note,Tax Exempt"
)

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=3)

TEXTS = "id,contact_id,sent_at,clicked_at\n"
TEXT_ROW = "1,7,2024-05-01T09:58:12Z,\n"


@dataclass
class Shop:
    """A shop with files to import, and its recorded facts."""

    id: int
    services: Services
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
        return load_file(self.services, self.id, path, **{"now": NOW, **options})

    def refusal(self, path: Path, **options: Any) -> str:
        """Import a file that is refused as a whole; return the message."""
        before = self.everything()
        with pytest.raises(InvalidInputError) as caught:
            self.load(path, **options)
        assert caught.value.code is ErrorCode.INVALID
        assert self.everything() == before
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        return message.removeprefix(f"{path}: ")

    def rows(self, table: str, columns: str, order_by: str = "ALL") -> list[tuple[Any, ...]]:
        found = self.services.audience.query_unfiltered(
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


_ids = itertools.count(1_000_000)  # not used by other tests


@pytest.fixture
def shop(services: Services, tmp_path: Path) -> Shop:
    return Shop(next(_ids), services, tmp_path)


def zipped(**contents: str) -> bytes:
    """Return an archive of CSV files; it is the same in every process."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.csv"), content)
    return made.getvalue()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def table(**columns: Any) -> pa.Table:
    return pa.table(columns)


def customers(*rows: dict[str, str], old_layout: bool = False) -> list[list[str]]:
    with CUSTOMERS.open(newline="") as file:
        header = next(csv.reader(file))
    if old_layout:
        header = OLD_CUSTOMER_COLUMNS.split(",")
    return [header, *([row.get(name, "") for name in header] for row in rows)]

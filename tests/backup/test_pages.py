"""Reading a table in pages of any size yields all of its rows."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pyarrow as pa
import pytest

from graphql_app.audience.store import Audience
from graphql_app.audience.table_reader import FactTable, list_fact_tables, read_pages
from graphql_app.audience.table_setup import create_tables
from tests.backup.conftest import CreateInstallation, Source

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

# Sorted values of each type that a key column of a plugin's table can have.
KEYS: dict[str, tuple[pa.DataType, Sequence[Any]]] = {
    "UInt64": (pa.uint64(), [0, 2**63, 2**64 - 1]),
    "Int64": (pa.int64(), [-(2**63), -1, 2**63 - 1]),
    "Decimal(18, 4)": (
        pa.decimal128(18, 4),
        [Decimal("-0.0001"), Decimal(1), Decimal("99999999999999.9999")],
    ),
    "DateTime64(3, 'UTC')": (
        pa.timestamp("ms", "UTC"),
        [datetime(1970, 1, 1, tzinfo=UTC), NOON, NOON + timedelta(milliseconds=1)],
    ),
    "String": (pa.string(), ["", "it's", "é\\\0"]),
    "LowCardinality(String)": (pa.string(), ["", "it's", "é\\\0"]),
    "Bool": (pa.bool_(), [False, True]),
}


def _rows(audience: Audience, table: FactTable, shop_id: int, size: int) -> list[dict[str, Any]]:
    found = [page.to_pylist() for page in read_pages(audience, table, shop_id, size)]
    assert {*map(len, found[:-1])} <= {size}
    return [row for page in found for row in page]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def audience(request: pytest.FixtureRequest, create_installation: CreateInstallation) -> Audience:
    """Return the audience of a new installation."""
    audience = create_installation(request.param).services.audience
    create_tables(audience)
    return audience


def _create_undeclared(audience: Audience, key: str, type: str) -> FactTable:
    """Create a table with a key column, as an uninstalled plugin leaves behind."""
    audience.command(
        "CREATE OR REPLACE TABLE acme_keyed "
        "(shop_id UInt64, version UInt64, deleted Bool, contact_id UInt64, "
        f"`{key}` {type}) ENGINE = ReplacingMergeTree(version) PARTITION BY shop_id % 16 "
        f"ORDER BY (shop_id, contact_id, `{key}`)"
    )
    return next(table for table in list_fact_tables(audience) if table.name == "acme_keyed")


def test_every_table_has_the_same_rows_in_small_pages(source: Source) -> None:
    audience = source.installation.services.audience
    for shop, size in zip(source.shops, (1, 10), strict=True):
        for table in list_fact_tables(audience):
            rows = _rows(audience, table, shop.shop_id, size)
            assert rows == _rows(audience, table, shop.shop_id, 1000), table.name
            assert rows or table.name.startswith("acme_"), table.name


@pytest.mark.parametrize("key", ["all", "from", "key", "table"])
def test_the_key_of_an_undeclared_table_can_be_an_sql_keyword(audience: Audience, key: str) -> None:
    assert _create_undeclared(audience, key, "UInt64").key == ("contact_id", key)


@pytest.mark.parametrize("type", KEYS, ids=str)
def test_a_key_can_have_any_type(audience: Audience, type: str) -> None:
    table = _create_undeclared(audience, "key", type)
    arrow, values = KEYS[type]
    contacts, keys = zip(*product((1, 2**64 - 1), values), strict=True)
    count = len(keys)
    columns = {
        "shop_id": pa.array([1] * count, pa.uint64()),
        "version": pa.array([1] * count, pa.uint64()),
        "deleted": pa.array([False] * count),
        "contact_id": pa.array(contacts, pa.uint64()),
        "key": pa.array(keys, arrow),
    }
    audience.insert("acme_keyed", pa.table(columns))
    for size in (1, 2):
        rows = _rows(audience, table, 1, size)
        expected = [*zip(contacts, keys, strict=True)]
        assert [(row["contact_id"], row["key"]) for row in rows] == expected

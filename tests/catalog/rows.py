"""Sample rows of the catalog, by revision of its schema."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import MetaData, select, text

from graphql_app.catalog.migrate import list_revisions
from graphql_app.catalog.store import Catalog

NEW_YEAR = "2026-01-01 00:00:00+00:00"
SEGMENT_ID = 3

# Rows of the tables that each revision adds.
ROWS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "0001": {
        "shop": {
            "id": 7, "handle": "acme", "name": "Acme", "description": "", "timezone": "UTC",
            "currency": "USD", "created_at": NEW_YEAR,
        },
        "api_token": {
            "id": "0e9f2f5b42bf04ce", "shop_id": 7, "name": "t", "secret_hash": "x" * 64,
            "scopes": '["segments:read"]', "created_at": NEW_YEAR,
        },
        "segment": {
            "id": SEGMENT_ID, "shop_id": 7, "name": "All", "name_key": "all", "description": "",
            "rule": '{"all": []}', "summary": "Everybody", "archived": False, "version": 2,
            "created_at": NEW_YEAR, "updated_at": "2026-01-02 00:00:00+00:00",
        },
        "segment_revision": {
            "segment_id": SEGMENT_ID, "version": 1, "name": "All", "description": "",
            "rule": '{"all": []}', "recorded_at": NEW_YEAR,
        },
    },
    "0002": {"segment_use": {"segment_id": SEGMENT_ID, "used_id": SEGMENT_ID}},
    "0003": {"facts_clock": {"shop_id": 7, "version": 2**62}},
    "0004": {
        "idempotency_key": {
            "shop_id": 7, "key_hash": "x" * 64, "fingerprint": "y" * 64, "recorded": 3,
            "created_at": NEW_YEAR,
        },
    },
    "0005": {},
    "0006": {},
    "0007": {},
    "0008": {},
}  # fmt: skip


def insert_rows(catalog: Catalog, revision: str) -> None:
    """Insert the rows of a revision and of all earlier ones."""
    with catalog.writer.begin() as connection:
        for name in list_revisions()[: list_revisions().index(revision) + 1]:
            for table, row in ROWS[name].items():
                columns, values = ", ".join(row), ", ".join(f":{column}" for column in row)
                statement = f"INSERT INTO {table} ({columns}) VALUES ({values})"
                connection.execute(text(statement), row)


def read_rows(catalog: Catalog) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of all tables but Alembic's own."""
    found = MetaData()
    with catalog.engine.connect() as connection:
        found.reflect(connection)
        return {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in found.tables.items()
            if name != "alembic_version"
        }

"""Shops with generated facts, recorded by this process before a server starts."""

import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graphql_app.catalog.tables import Shop
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.catalog.tokens import create_token
from graphql_app.runtime.services import Services
from graphql_app.segments.default_segments import create_shop
from tests.fact_tables import load_file


def new_shop(services: Services, handle: str) -> tuple[int, str]:
    """Return the id and a token of a new shop."""
    shop = Shop(handle=handle, name=handle, timezone="UTC", currency="USD")
    shop = create_shop(services.catalog, services.registry, shop)
    assert shop.id is not None
    return shop.id, create_token(services.catalog, shop, tuple(TokenScope))


def record(
    services: Services, shop: int, name: str, rows: pa.Table, directory: Path
) -> tuple[str, ...]:
    """Import rows from a file; return the name, rows, seconds and rows per second as text."""
    path = directory / f"{name}-import.parquet"
    pq.write_table(rows, path)
    start = time.perf_counter()
    report = load_file(services, shop, path, format=name)
    seconds = time.perf_counter() - start
    assert not report.bad_row_count, report.bad_rows[:3]
    path.unlink()
    size = rows.num_rows
    return name, f"{size:,}", f"{seconds:.1f}", f"{size / seconds:,.0f}"

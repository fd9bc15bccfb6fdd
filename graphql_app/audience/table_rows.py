"""Checked facts as rows of the tables, with the columns that the store adds."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def are_subscribed(contacts: pa.Table) -> pa.ChunkedArray:
    """Return which contacts subscribed and have not unsubscribed since."""
    start, end = contacts["subscribed_at"], contacts["unsubscribed_at"]
    return pc.and_(pc.is_valid(start), pc.fill_null(pc.less(end, start), True))


def keep_last_rows(rows: pa.Table, key: Sequence[str]) -> tuple[pa.Array, pa.Table]:
    """Keep the last row of each key; return the positions of the kept rows, and the rows."""
    # No column of a table has a space in its name.
    numbers = pa.array(range(rows.num_rows), pa.int64())
    numbered = rows.select(key).append_column("row number", numbers)
    last = numbered.group_by(key).aggregate([("row number", "max")])["row number_max"]
    positions = last.combine_chunks().sort()
    kept = rows if len(positions) == rows.num_rows else rows.take(positions)
    return positions, kept


def stamp_rows(
    shop_id: int, version: int | None, rows: pa.Table, deleted: pa.Table | None = None
) -> pa.Table:
    """Add the shop, ``deleted`` and, if given, the version to rows.

    The keys in ``deleted`` are appended as deleted rows, whose other columns are blank.
    """
    parts = [rows.append_column("deleted", pa.array([False] * rows.num_rows, pa.bool_()))]
    if deleted is not None and deleted.num_rows:
        size = deleted.num_rows
        columns = {
            field.name: deleted[field.name]
            if field.name in deleted.column_names
            else _make_blank_column(field.type, size)
            for field in rows.schema
        }
        parts.append(pa.table({**columns, "deleted": pa.array([True] * size, pa.bool_())}))
    table = pa.concat_tables(parts)
    table = table.append_column("shop_id", pa.array([shop_id] * len(table), pa.uint64()))
    if version is not None:
        table = table.append_column("version", pa.array([version] * len(table), pa.uint64()))
    return table


def _make_blank_column(kind: pa.DataType, size: int) -> pa.Array:
    """Make a column of the type's default value in ClickHouse."""
    if pa.types.is_list(kind):
        return pa.array([[]] * size, kind)
    zero = "" if pa.types.is_string(kind) else False if pa.types.is_boolean(kind) else 0
    return pa.array([pa.scalar(zero, kind).as_py()] * size, kind)

"""Tables of facts as they are on disk, including those of plugins that are not installed.

Backups read tables through this module, because a backup must not depend on installed plugins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from clickhouse_connect.cc_sqlalchemy.datatypes.base import sqla_type_from_name
from sqlmodel import Field

from graphql_app.audience.plugin_table_checks import FIELD_NAME
from graphql_app.audience.plugin_tables import VALUE_KINDS
from graphql_app.audience.store import LONG_TIMEOUT, Audience
from graphql_app.audience.table_setup import list_contact_tables
from graphql_app.audience.tables import (
    SHARED_TABLES,
    TABLE_NAME,
    AudienceTable,
    StoreTable,
    fact_engine,
    row_key,
)

PAGE_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class FactTable:
    """A table of facts on disk."""

    name: str
    columns: dict[str, str]  # types by name
    key: tuple[str, ...]  # the columns by which a shop's rows are replaced


def list_fact_tables(audience: Audience) -> Sequence[FactTable]:
    names = [*list_contact_tables(audience), *sorted(SHARED_TABLES)]
    columns: dict[str, dict[str, str]] = {name: {} for name in names}
    on_disk = audience.query_unfiltered(
        "SELECT table, name, type FROM system.columns "
        f"WHERE database = '{audience.database}' ORDER BY table, position"
    )
    for found in on_disk.to_pylist():
        if found["table"] in columns:
            columns[found["table"]][found["name"]] = found["type"]
    keys = {table.__tablename__: row_key(table) for table in audience.tables}
    sorting = audience.query_unfiltered(
        f"SELECT name, sorting_key FROM system.tables WHERE database = '{audience.database}'"
    )
    for found in sorting.to_pylist():
        name = audience.layout.logical_name(found["name"])
        if name in columns and found["name"] == audience.layout.local_name(name):
            key = found["sorting_key"].replace("`", "").split(", ")  # keywords of SQL are quoted
            keys.setdefault(name, tuple(key[1:]))
    return [FactTable(name, columns[name], keys[name]) for name in names if name in keys]


def read_pages(
    audience: Audience,
    table: FactTable,
    shop_id: int,
    size: int = PAGE_ROWS,
    condition: str = "NOT deleted",
) -> Iterator[pa.Table]:
    """Read a shop's current rows in the order of their key, ``size`` at a time.

    Hold the shop's write lock meanwhile.
    """
    names = [name for name in table.columns if name != "deleted"]
    columns, key = (", ".join(f"`{name}`" for name in some) for some in (names, table.key))
    after = ""
    while True:
        rows = audience.query_unfiltered(
            f"SELECT {columns} FROM {table.name} FINAL WHERE shop_id = {int(shop_id)} "
            f"AND {condition} {after} ORDER BY {key} LIMIT {int(size)}",
            timeout=LONG_TIMEOUT,
        )
        if rows.num_rows:
            yield rows
        if rows.num_rows < size:
            return
        last = [_make_literal(rows[name][-1].as_py(), table.columns[name]) for name in table.key]
        # The condition on the first column alone lets the engine use its index.
        after = f"AND `{table.key[0]}` >= {last[0]} AND ({key},) > ({', '.join(last)},)"


def _make_literal(value: Any, type: str) -> str:
    if isinstance(value, bool):
        value = int(value)
    elif isinstance(value, datetime):
        value = value.replace(tzinfo=None)  # in UTC; some servers cannot parse an offset
    return f"CAST(unhex('{str(value).encode().hex()}') AS {type})"


def table_class(table: FactTable) -> type[AudienceTable]:
    """Return a table's declared class, or make one; raise ``ValueError`` if it has no facts."""
    for known in AudienceTable.__subclasses__():
        if known.__tablename__ == table.name and table.name in StoreTable.metadata.tables:
            return known
    names = {*table.columns}
    if not (
        TABLE_NAME.fullmatch(table.name)
        and all(FIELD_NAME.fullmatch(name) for name in names)
        and all(type in VALUE_KINDS for type in table.columns.values())
        and {*AudienceTable.model_fields, *table.key} <= names
        and table.key[:1] == ("contact_id",)
    ):
        raise ValueError(f"{table.name} is not a table of facts")
    types: dict[str, Any] = {
        name: sqla_type_from_name(type)
        for name, type in table.columns.items()
        if name not in AudienceTable.model_fields
    }
    metaclass: Any = type(AudienceTable)
    namespace = {
        "__module__": __name__,
        "__doc__": "A table of a plugin that is not installed.",
        "__annotations__": dict.fromkeys(types, Any),
        "__tablename__": table.name,
        "__table_args__": (fact_engine(*table.key),),
        **{
            name: Field(primary_key=name in table.key, sa_type=type) for name, type in types.items()
        },
    }
    made: type[AudienceTable] = metaclass(table.name, (AudienceTable,), namespace, table=True)
    return made


def has_rows(audience: Audience, table: str) -> bool:
    """Return whether a table has rows of any shop."""
    return bool(audience.query_unfiltered(f"SELECT 1 FROM {table} LIMIT 1").num_rows)


def count_rows(audience: Audience, table: str) -> int:
    """Count the current rows of a table, of all shops."""
    count = f"SELECT count() AS rows FROM {table} FINAL WHERE NOT deleted"
    found = audience.query_unfiltered(count, timeout=LONG_TIMEOUT)
    rows: int = found["rows"][0].as_py()
    return rows

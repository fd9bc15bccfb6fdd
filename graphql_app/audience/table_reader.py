"""Tables of facts as they are on disk, whoever declared them, and their rows, page by page.

For backups: a plugin's table is one whether or not the plugin is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from clickhouse_connect.cc_sqlalchemy.datatypes.base import sqla_type_from_name
from sqlmodel import Field

from graphql_app.audience.plugin_tables import FIELD_NAME, KINDS
from graphql_app.audience.store import LONG_TIMEOUT, Audience
from graphql_app.audience.table_setup import list_contact_tables
from graphql_app.audience.tables import (
    TABLE_NAME,
    AudienceTable,
    Product,
    StoreTable,
    fact_engine,
    row_key,
)

PAGE_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class FactTable:
    """A table of facts on disk.

    Attributes:
        name: Its name.
        columns: The types of its columns by their names.
        key: The columns by which a shop's rows are replaced.
    """

    name: str
    columns: Mapping[str, str]
    key: Sequence[str]


def list_fact_tables(audience: Audience) -> Sequence[FactTable]:
    """All tables of facts of a store, also those that only plugins of former days knew."""
    names = [*list_contact_tables(audience), Product.__tablename__]
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
            key = found["sorting_key"].replace("`", "").split(", ")  # as words of SQL are quoted
            keys.setdefault(name, tuple(key[1:]))
    return [FactTable(name, columns[name], keys[name]) for name in names]


def read_pages(
    audience: Audience, table: FactTable, shop_id: int, size: int = PAGE_ROWS
) -> Iterator[pa.Table]:
    """A shop's rows by their key, so many at a time; replaced and deleted ones are left out.

    While they are read, nothing may be written to the shop.
    """
    names = [name for name in table.columns if name != "deleted"]
    columns, key = (", ".join(f"`{name}`" for name in some) for some in (names, table.key))
    after = ""
    while True:
        rows = audience.query_unfiltered(
            f"SELECT {columns} FROM {table.name} FINAL WHERE shop_id = {int(shop_id)} "
            f"AND NOT deleted {after} ORDER BY {key} LIMIT {int(size)}",
            timeout=LONG_TIMEOUT,
        )
        if rows.num_rows:
            yield rows
        if rows.num_rows < size:
            return
        last = [_literal(rows[name][-1].as_py(), table.columns[name]) for name in table.key]
        # The first column alone as well, since an index is of use to it.
        after = f"AND `{table.key[0]}` >= {last[0]} AND ({key},) > ({', '.join(last)},)"


def _literal(value: Any, type: str) -> str:
    if isinstance(value, bool):
        value = int(value)
    elif isinstance(value, datetime):
        value = value.replace(tzinfo=None)  # of UTC; not every server reads an offset
    return f"CAST(unhex('{str(value).encode().hex()}') AS {type})"


def table_class(table: FactTable) -> type[AudienceTable]:
    """The class of a table, as whoever declared it has it, or else made of what is known of it.

    Raises:
        ValueError: It cannot be one of facts.
    """
    for known in AudienceTable.__subclasses__():
        if known.__tablename__ == table.name and table.name in StoreTable.metadata.tables:
            return known
    names = {*table.columns}
    if not (
        TABLE_NAME.fullmatch(table.name)
        and all(FIELD_NAME.fullmatch(name) for name in names)
        and all(type in KINDS for type in table.columns.values())
        and {*AudienceTable.model_fields, *table.key} <= names
        and table.key[:1] == ("contact_id",)
    ):
        raise ValueError(f"{table.name} is no table of facts")
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
    """Whether there is anything in a table, of whatever shop."""
    return bool(audience.query_unfiltered(f"SELECT 1 FROM {table} LIMIT 1").num_rows)


def count_rows(audience: Audience, table: str) -> int:
    """How many rows of all shops there are in a table; replaced and deleted ones do not count."""
    count = f"SELECT count() AS rows FROM {table} FINAL WHERE NOT deleted"
    found = audience.query_unfiltered(count, timeout=LONG_TIMEOUT)
    rows: int = found["rows"][0].as_py()
    return rows

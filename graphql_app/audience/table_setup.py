"""Creating the tables of facts, and comparing tables on disk with their declarations."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from graphql_app.audience.clickhouse_errors import AudienceUnavailableError
from graphql_app.audience.ddl import column_declarations, index_declarations
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import (
    PARTITION,
    SHARED_TABLES,
    AudienceTable,
    JournalEntry,
    StoreTable,
    sql_table,
)


def create_tables(audience: Audience, tables: Sequence[type[AudienceTable]] | None = None) -> None:
    """Create missing tables (all by default), and add what existing ones lack.

    Raises:
        AudienceUnavailableError: See ``check_tables``.
    """
    tables = audience.tables if tables is None else tables
    check_tables(audience, tables)
    every: list[type[StoreTable]] = [*tables, JournalEntry]
    statements = [sql for table in every for sql in audience.layout.create_table_sql(table)]
    for statement in statements:
        audience.command(statement)
    for table in _find_incomplete(audience, tables):
        for statement in audience.layout.alter_table_sql(table):
            audience.command(statement)


def _find_incomplete(
    audience: Audience, tables: Sequence[type[AudienceTable]]
) -> Sequence[type[AudienceTable]]:
    """Return the tables that lack a column or an index.

    On a cluster, return all, since nodes may differ.
    """
    if audience.layout.cluster:
        return tables
    where = f"WHERE database = '{audience.database}'"
    found = audience.query_unfiltered(
        f"SELECT table, name FROM system.columns {where} "
        f"UNION ALL SELECT table, name FROM system.data_skipping_indices {where}"
    )
    on_disk: dict[str, set[str]] = defaultdict(set)
    for row in found.to_pylist():
        on_disk[row["table"]].add(row["name"])
    return [
        table
        for table in tables
        if not {*column_declarations(table), *index_declarations(table)}
        <= on_disk[table.__tablename__]
    ]


def check_tables(audience: Audience, tables: Sequence[type[AudienceTable]] | None = None) -> None:
    """Check that tables (all by default) can be created, without creating any.

    Raises:
        AudienceUnavailableError: A table exists with another key, column type or engine, or the
            server does not know the cluster.
    """
    tables = audience.tables if tables is None else tables
    if audience.layout.cluster:
        audience.cluster_size()
    if (mismatch := _find_mismatch(audience, tables)) is not None:
        raise AudienceUnavailableError(
            f"The audience already has the table {mismatch}: restore the old declaration, or give "
            "the new table another name."
        )
    if (unsharded := _find_unsharded(audience, tables)) is not None:
        raise AudienceUnavailableError(
            f"The audience already has the table {unsharded}: unset AUDIENCE_CLUSTER, or set "
            "AUDIENCE_URL to another database."
        )


def _find_unsharded(audience: Audience, tables: Sequence[type[AudienceTable]]) -> str | None:
    """Describe a table on disk that is not sharded, although it should be."""
    if not audience.layout.cluster:
        return None
    on_disk = audience.query_unfiltered(
        f"SELECT name, engine FROM system.tables WHERE database = '{audience.database}'"
    )
    engines = {row["name"]: row["engine"] for row in on_disk.to_pylist()}
    for name in (table.__tablename__ for table in tables):
        engine = engines.get(name, "Distributed")
        if audience.layout.is_sharded(name) and engine != "Distributed":
            return f"{name} with the engine {engine} instead of Distributed"
    return None


def _find_mismatch(audience: Audience, tables: Iterable[type[AudienceTable]]) -> str | None:
    """Describe a table on disk whose key or column types differ from its declaration.

    Missing tables and columns do not count as a mismatch, since they can be created.
    """
    on_disk = audience.query_unfiltered(
        "SELECT table, name, type, is_in_sorting_key FROM system.columns "
        f"WHERE database = '{audience.database}'"
    )
    types: dict[str, dict[str, str]] = defaultdict(dict)
    keys: dict[str, set[str]] = defaultdict(set)
    for found in on_disk.to_pylist():
        name = audience.layout.logical_name(found["table"])
        # On a cluster, compare the local tables: the distributed ones have no sorting key.
        if found["table"] == audience.layout.local_name(name):
            types[name][found["name"]] = found["type"]
            if found["is_in_sorting_key"]:
                keys[name].add(found["name"])
    for table in tables:
        name, declared = table.__tablename__, sql_table(table)
        if name not in types:
            continue
        key = {column.name for column in declared.primary_key}
        if key != keys[name]:
            was, now = (", ".join(sorted(names)) for names in (keys[name], key))
            return f"{name} with the key {was or 'of no column'} instead of {now}"
        for column in declared.columns:
            now = str(column.type)
            was = types[name].get(column.name, now)
            if was != now:
                return f"{name} with the column {column.name} of type {was} instead of {now}"
    return None


def has_table(audience: Audience, table: str) -> bool:
    return bool(audience.query_unfiltered(f"EXISTS TABLE `{table}`")["result"][0].as_py())


def list_contact_tables(audience: Audience) -> Sequence[str]:
    """List the tables with rows of contacts: the declared ones and others on disk.

    The others are tables of plugins that are not installed anymore, which have the same partition
    and sorting keys.
    """
    known = [table.__tablename__ for table in audience.tables]
    known = [name for name in known if name not in SHARED_TABLES]
    found = audience.query_unfiltered(
        f"SELECT name FROM system.tables WHERE database = '{audience.database}' "
        f"AND engine LIKE '%ReplacingMergeTree' AND partition_key = '{PARTITION}' "
        "AND startsWith(sorting_key, 'shop_id, contact_id')"
    )
    others = map(audience.layout.logical_name, found["name"].to_pylist())
    return [*dict.fromkeys([*known, *others])]

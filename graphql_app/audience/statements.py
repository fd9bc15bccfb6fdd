"""Statements: their settings, the filters that keep shops apart, and their SQL."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Dialect

from graphql_app.audience.ddl import TableLayout
from graphql_app.audience.tables import JournalEntry, Statement, contact_column, readable_tables

READ_SETTINGS = {
    # A rule within the limits can still become long SQL.
    "max_ast_elements": 5_000_000,
    "max_expanded_ast_elements": 5_000_000,
    # Rows that were replaced but not merged away yet must not count. On one merged part this costs
    # nothing (0.078 s with and without, over 20 M rows). What the sort key excludes is not read
    # (1,000 contacts among 20 M unmerged rows: 43 ms, or 57 ms without
    # optimize_move_to_prewhere_if_final).
    "final": 1,
    "do_not_merge_across_partitions_select_final": 1,
    "optimize_move_to_prewhere_if_final": 1,
    # An erased contact's rows must stop counting as soon as the erasure returns.
    "apply_mutations_on_fly": 1,
}

UNFILTERED_SETTINGS = {"apply_mutations_on_fly": 1}

# An insert makes one block and one part, so after a crash all of its rows are there or none.
INSERT_SETTINGS = {
    "max_insert_block_size": 100_000_000,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 1,
    "async_insert": 0,  # servers default to 1, which delays rows to batch them with other inserts
}


def table_filters(
    layout: TableLayout,
    shop_id: int,
    contacts: Iterable[int] | None = None,
    tables: Collection[str] | None = None,
) -> dict[str, str]:
    """Build the filter of each table: the rows of one shop and, if given, of some contacts.

    ``tables`` are the tables to filter by contact; all by default.
    """
    # No rule may read the journal.
    filters = {f"{layout.database}.{JournalEntry.__tablename__}": "0"}
    # An array is one literal. A list of 1,000 ids would be 1,000 literals, which take 5 ms to
    # analyze.
    ids = None if contacts is None else ", ".join(str(int(id)) for id in contacts)
    for name, table in readable_tables().items():
        condition = f"shop_id = {int(shop_id)} AND NOT deleted"
        column = contact_column(name)
        if ids is not None and (tables is None or name in tables) and column in table.columns:
            condition += f" AND {column} IN [{ids}]" if ids else " AND 0"
        # On a cluster, the engine passes the filter of the outermost table on to the shards, but
        # subqueries read the shards' local tables under their own names.
        for each in {name, layout.local_name(name)}:
            filters[f"{layout.database}.{each}"] = condition
    return filters


@dataclass(frozen=True, slots=True)
class RenderedStatement:
    """A statement as SQL, with the values that it binds.

    ``values`` has the bound values by name in the SQL. ``names`` maps the key of each bind
    parameter to that name.
    """

    text: str
    values: Mapping[str, Any]
    names: Mapping[str, str]


def render(statement: Statement, dialect: Dialect) -> RenderedStatement:
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    names = {bind.key: name for bind, name in getattr(compiled, "bind_names", {}).items()}
    return RenderedStatement(str(compiled), compiled.params, names)

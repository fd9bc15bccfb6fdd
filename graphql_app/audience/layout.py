"""The tables on disk: what a newer declaration adds to them, and what it may not change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from graphql_app.audience.tables import AudienceTable, found_by_id, stored


def additions(table: type[AudienceTable]) -> str:
    """The statement that adds what is missing; rows that are there have null or the type's zero."""
    parts = [
        f"ADD COLUMN IF NOT EXISTS `{column.name}` {column.type}"
        for column in stored(table).columns
        if not column.primary_key
    ]
    if found_by_id(table):
        parts.append("ADD INDEX IF NOT EXISTS by_id id TYPE minmax GRANULARITY 1")
    return f"ALTER TABLE {table.__tablename__} {', '.join(parts)}"


def difference(
    tables: Iterable[type[AudienceTable]], on_disk: Iterable[Mapping[str, Any]]
) -> str | None:
    """Where a table is not as declared, so that rows could not be read or be told apart.

    Args:
        tables: The tables, with all of their columns on disk.
        on_disk: Columns on disk: ``table``, ``name``, ``type`` and ``is_in_sorting_key``.
    """
    types: dict[str, dict[str, str]] = defaultdict(dict)
    keys: dict[str, set[str]] = defaultdict(set)
    for found in on_disk:
        types[found["table"]][found["name"]] = found["type"]
        if found["is_in_sorting_key"]:
            keys[found["table"]].add(found["name"])
    for table in tables:
        name, declared = table.__tablename__, stored(table)
        key = {column.name for column in declared.primary_key}
        if key != keys[name]:
            was, now = (", ".join(sorted(names)) for names in (keys[name], key))
            return f"{name} with the key {was}, where {now} is declared"
        for column in declared.columns:
            was, now = types[name][column.name], str(column.type)
            if was != now:
                return f"{name} with {column.name} as {was}, where {now} is declared"
    return None

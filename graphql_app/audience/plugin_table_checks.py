"""Checks of the tables that plugins declare."""

import re
from collections.abc import Iterator
from types import NoneType
from typing import Any, get_args

from pydantic.fields import FieldInfo
from sqlalchemy import Column, Table

from graphql_app.audience.column_parser import BadValueError
from graphql_app.audience.facts import FACTS, SHOPIFY_EXPORTS
from graphql_app.audience.plugin_tables import (
    VALUE_KINDS,
    build_field,
    describe_table,
    is_nullable,
    parse_default,
    plugin_fields,
)
from graphql_app.audience.tables import (
    FEED,
    INSTANT,
    TABLE_NAME,
    AudienceTable,
    Contact,
    Identity,
    JournalEntry,
    StoreTable,
    fact_engine,
    has_id_key,
    row_key,
    sql_table,
)

# A letter follows each underscore, so that no two names are equal in camel case.
FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")

# Names with another meaning in files, statements or mutations.
RESERVED_NAMES = frozenset(
    {*FACTS, *SHOPIFY_EXPORTS, Identity.__tablename__, JournalEntry.__tablename__, FEED}
)


def find_problem(table: type[AudienceTable]) -> str | None:
    """Return why a table cannot be used and what to do, or ``None`` if it can be used."""
    return next(_find_problems(table), None)


def _find_problems(table: type[AudienceTable]) -> Iterator[str]:
    declared = _declared_table(table)
    if declared is None:
        yield (
            f"{table.__name__} must be declared with table=True, without a schema and without "
            "metadata of its own"
        )
    elif declared.name in RESERVED_NAMES:
        yield f"{declared.name!r} is a reserved name; start it with the name of the plugin"
    elif not TABLE_NAME.fullmatch(declared.name):
        yield f"{declared.name!r} must be a name in snake case, with 3 to 63 characters"
    elif not describe_table(table):
        yield f"{table.__name__} needs a docstring"
    elif {*declared.columns.keys()} != {*table.model_fields}:
        yield f"{table.__name__} must have fields with sa_type=, and columns with the same names"
    elif declared.indexes or len(declared.constraints) > 1:
        yield f"{table.__name__} must have no index, foreign key or constraint except its key"
    elif any(
        str(declared.columns[name].type) != str(sql_table(Contact).columns[name].type)
        for name in AudienceTable.model_fields
    ):
        names = ", ".join(AudienceTable.model_fields)
        yield f"{table.__name__} must not declare {names}, which every table has"
    else:
        for field, info in plugin_fields(table).items():
            yield from (
                f"{table.__name__}.{field} {problem}"
                for problem in _find_field_problems(declared.columns[field], info)
            )
        yield from _find_time_problems(table)
        yield from _find_key_problems(table)


def _declared_table(table: type[AudienceTable]) -> Table | None:
    declared = StoreTable.metadata.tables.get(getattr(table, "__tablename__", ""))
    return declared if declared is getattr(table, "__table__", None) else None


def _find_field_problems(column: Column[Any], info: FieldInfo) -> Iterator[str]:
    kind = VALUE_KINDS.get(str(column.type))
    if not FIELD_NAME.fullmatch(column.name):
        yield "must be a name in snake case, with a letter after each underscore"
    if not info.description:
        yield "needs a description; write Field(description=...)"
    if kind is None:
        yield (
            f"has the type {column.type}; set sa_type to UInt64, Int64, MONEY, INSTANT, String, "
            "Bool, Nullable of one of these, NAME or Array(String)"
        )
        return
    if (NoneType in get_args(info.annotation)) != is_nullable(column):
        yield "must be optional if its sa_type is Nullable, and only then"
    if info.default_factory is not None:
        yield "has a default_factory; use default, or no default"
    try:
        parse_default(kind, info)
    except BadValueError as error:
        yield f"has an invalid default: it {error}"
    if column.primary_key and not build_field(column, info).required:
        yield "is in the primary key, so it must be required: not optional, not a list, no default"


def _find_time_problems(table: type[AudienceTable]) -> Iterator[str]:
    columns, instant = sql_table(table).columns, str(INSTANT)
    for attribute, names, types in (
        ("time_column", filter(None, [table.time_column]), {instant, f"Nullable({instant})"}),
        ("later_columns", table.later_columns, {f"Nullable({instant})"}),
    ):
        for name in names:
            if name not in columns or str(columns[name].type) not in types:
                yield (
                    f"{table.__name__}.{attribute} names {name!r}, which must be a field of the "
                    f"type {'INSTANT' if instant in types else 'Nullable(INSTANT)'}"
                )


def _find_key_problems(table: type[AudienceTable]) -> Iterator[str]:
    declared, key = sql_table(table), row_key(table)
    if key[:1] != ("contact_id",) or str(declared.columns["contact_id"].type) != "UInt64":
        yield (
            f"{table.__name__} must have contact_id as the first field of its primary key; "
            "declare contact_id: int = Field(primary_key=True, sa_type=UInt64, description=...)"
        )
    elif has_id_key(table) and str(declared.columns["id"].type) != "UInt64":
        yield f"{table.__name__}.id must have the type UInt64; rename an id of another type"
    engine = getattr(declared, "engine", None)
    if engine is None or engine.compile() != fact_engine(*key).compile():
        names = ", ".join(f'"{column}"' for column in key)
        yield (
            f"{table.__name__} must have the engine of its primary key; "
            f"declare __table_args__ = (fact_engine({names}),)"
        )

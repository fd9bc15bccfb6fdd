"""Tables that plugins declare: whether they can be used, and the facts that they hold."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from types import NoneType
from typing import Any, get_args

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy import Column, Table

from graphql_app.audience import value_parsers
from graphql_app.audience.column_parser import BadValueError, ValueKind
from graphql_app.audience.facts import FACTS, SHOPIFY_EXPORTS, FactField, FactType
from graphql_app.audience.tables import (
    FEED,
    INSTANT,
    MONEY,
    TABLE_NAME,
    TABLES,
    AudienceTable,
    Contact,
    JournalEntry,
    StoreTable,
    fact_engine,
    has_id_key,
    row_key,
    sql_table,
)

# Underscores come before letters only, so that no two names are one in camel case.
FIELD_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*")

# Names that a file, a statement or a mutation knows as something else.
TAKEN = frozenset(
    {
        *(table.__tablename__ for table in TABLES),
        *FACTS,
        *SHOPIFY_EXPORTS,
        JournalEntry.__tablename__,
        FEED,
    }
)

SCALARS: Mapping[str, ValueKind] = {
    "UInt64": value_parsers.IDENTIFIER,
    "Int64": value_parsers.INTEGER,
    str(MONEY): value_parsers.AMOUNT,
    str(INSTANT): value_parsers.TIME,
    "String": value_parsers.TEXT,
    "Bool": value_parsers.BOOLEAN,
}
KINDS: Mapping[str, ValueKind] = {
    **SCALARS,
    **{f"Nullable({name})": kind for name, kind in SCALARS.items()},
    "LowCardinality(String)": value_parsers.TEXT,
    "LowCardinality(Nullable(String))": value_parsers.TEXT,
    "Array(String)": value_parsers.TAGS,
}


def build_fact_types(tables: Iterable[type[AudienceTable]]) -> Mapping[str, FactType]:
    """The built-in facts, and those of plugins' tables."""
    return {**FACTS, **{table.__tablename__: build_fact_type(table) for table in tables}}


def build_fact_type(table: type[AudienceTable]) -> FactType:
    """What a table that was found usable holds, as files and mutations give it."""
    made = sql_table(table)
    fields = tuple(_field(made.columns[name], info) for name, info in plugin_fields(table).items())
    return FactType(table.__tablename__, fields, ("id",) if has_id_key(table) else row_key(table))


def plugin_fields(table: type[AudienceTable]) -> Mapping[str, FieldInfo]:
    """The fields of a table but for those that are the host's."""
    fields = table.model_fields.items()
    return {name: info for name, info in fields if name not in AudienceTable.model_fields}


def describe_table(table: type[AudienceTable]) -> str:
    """The first paragraph of the class's own docstring, in one line."""
    paragraph = inspect.cleandoc(table.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def _field(column: Column[Any], info: FieldInfo) -> FactField:
    kind = KINDS[str(column.type)]
    default = _default(kind, info)
    required = default is None and not _is_nullable(column)
    return FactField(column.name, kind, info.description or "", required, default)


def _default(kind: ValueKind, info: FieldInfo) -> Any:
    """What a column has where nothing is given; None for a null, or where there is no default."""
    if info.default is PydanticUndefined or info.default is None:
        return [] if kind is value_parsers.TAGS else None
    parsed = kind.parse_value(info.default)
    return info.default if parsed is None else parsed


def _is_nullable(column: Column[Any]) -> bool:
    return "Nullable(" in str(column.type)


def find_problem(table: type[AudienceTable]) -> str | None:
    """Why a table cannot be used, and what to do; None where it can be."""
    return next(_wrongs(table), None)


def _wrongs(table: type[AudienceTable]) -> Iterator[str]:
    made = _made(table)
    if made is None:
        yield (
            f"{table.__name__} must be declared with table=True, in no schema and with no metadata "
            "of its own"
        )
    elif made.name in TAKEN:
        yield f"{made.name!r} is a name of the host's own; begin it with that of the plugin"
    elif not TABLE_NAME.fullmatch(made.name):
        yield f"{made.name!r} must be a name in lower snake case, of 3 to 63 characters"
    elif not describe_table(table):
        yield f"{table.__name__} needs a docstring"
    elif {*made.columns.keys()} != {*table.model_fields}:
        yield f"{table.__name__} must have fields with sa_type=, and no columns of other names"
    elif made.indexes or len(made.constraints) > 1:
        yield f"{table.__name__} must have no index, foreign key or constraint but its primary key"
    elif any(
        str(made.columns[own].type) != str(sql_table(Contact).columns[own].type)
        for own in AudienceTable.model_fields
    ):
        own = ", ".join(AudienceTable.model_fields)
        yield f"{table.__name__} must not declare {own}, which are the host's"
    else:
        for field, info in plugin_fields(table).items():
            yield from (
                f"{table.__name__}.{field} {wrong}"
                for wrong in _wrongs_of_field(made.columns[field], info)
            )
        yield from _wrongs_of_key(table)


def _made(table: type[AudienceTable]) -> Table | None:
    """The table of a class, if it is one of the store's."""
    made = StoreTable.metadata.tables.get(getattr(table, "__tablename__", ""))
    return made if made is getattr(table, "__table__", None) else None


def _wrongs_of_field(column: Column[Any], info: FieldInfo) -> Iterator[str]:
    kind = KINDS.get(str(column.type))
    if not FIELD_NAME.fullmatch(column.name):
        yield "must be a name in lower snake case, with letters after its underscores"
    if not info.description:
        yield "needs a description; write Field(description=...)"
    if kind is None:
        yield (
            f"has the type {column.type}; give as sa_type UInt64, Int64, MONEY, INSTANT, String, "
            "Bool, Nullable of one of these, NAME or Array(String)"
        )
        return
    if (NoneType in get_args(info.annotation)) != _is_nullable(column):
        yield "must be optional if its sa_type is Nullable, and only then"
    if info.default_factory is not None:
        yield "has a default_factory; give a default, or none"
    try:
        _default(kind, info)
    except BadValueError as error:
        yield f"has a default that cannot be: it {error}"
    if column.primary_key and not _field(column, info).required:
        yield "is in the primary key, so it must be required: not optional, a list or of a default"


def _wrongs_of_key(table: type[AudienceTable]) -> Iterator[str]:
    made, key = sql_table(table), row_key(table)
    if key[:1] != ("contact_id",) or str(made.columns["contact_id"].type) != "UInt64":
        yield (
            f"{table.__name__} must have contact_id as the first field of its primary key; "
            "declare contact_id: int = Field(primary_key=True, sa_type=UInt64, description=...)"
        )
    elif has_id_key(table) and str(made.columns["id"].type) != "UInt64":
        yield f"{table.__name__}.id must be of the type UInt64; give another id another name"
    engine = getattr(made, "engine", None)
    if engine is None or engine.compile() != fact_engine(*key).compile():
        names = ", ".join(f'"{column}"' for column in key)
        yield (
            f"{table.__name__} must have the engine of its primary key; "
            f"declare __table_args__ = (fact_engine({names}),)"
        )

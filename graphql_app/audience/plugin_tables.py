"""Tables that plugins declare, as types of facts."""

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from sqlalchemy import Column

from graphql_app.audience import value_parsers
from graphql_app.audience.column_parser import ValueKind
from graphql_app.audience.facts import FACTS, FactField, FactType
from graphql_app.audience.tables import (
    INSTANT,
    MONEY,
    AudienceTable,
    Contact,
    has_id_key,
    row_key,
    sql_table,
)

SCALARS: Mapping[str, ValueKind] = {
    "UInt64": value_parsers.WHOLE_NUMBER,
    "Int64": value_parsers.INTEGER,
    str(MONEY): value_parsers.AMOUNT,
    str(INSTANT): value_parsers.TIME,
    "String": value_parsers.TEXT,
    "Bool": value_parsers.BOOLEAN,
}

# The kinds of values by the types of columns.
VALUE_KINDS: Mapping[str, ValueKind] = {
    **SCALARS,
    **{f"Nullable({name})": kind for name, kind in SCALARS.items()},
    "LowCardinality(String)": value_parsers.TEXT,
    "LowCardinality(Nullable(String))": value_parsers.TEXT,
    "Array(String)": value_parsers.TAGS,
}


def build_fact_types(tables: Iterable[type[AudienceTable]]) -> Mapping[str, FactType]:
    return {**FACTS, **{table.__tablename__: build_fact_type(table) for table in tables}}


def build_fact_type(table: type[AudienceTable]) -> FactType:
    """Build the type of the facts in a table without declaration problems."""
    columns = sql_table(table).columns
    fields = [build_field(columns[name], info) for name, info in plugin_fields(table).items()]
    ids = {"contact_id": Contact.__tablename__}
    key = row_key(table)
    if has_id_key(table):
        ids["id"] = table.__tablename__
        key = ("id",)
    fields = [
        replace(field, kind=value_parsers.IDENTIFIER, id_of=ids[field.name])
        if field.name in ids
        else field
        for field in fields
    ]
    return FactType(table.__tablename__, tuple(fields), key)


def build_field(column: Column[Any], info: FieldInfo) -> FactField:
    """Build the field of a column; that of an id is an unsigned number, as the table has it."""
    kind = VALUE_KINDS[str(column.type)]
    default = parse_default(kind, info)
    required = default is None and not is_nullable(column)
    return FactField(column.name, kind, info.description or "", required, default)


def parse_default(kind: ValueKind, info: FieldInfo) -> Any:
    """Return the default of a field, if any; raise ``BadValueError`` if the field refuses it."""
    if info.default is PydanticUndefined or info.default is None:
        return [] if kind is value_parsers.TAGS else None
    parsed = kind.parse_value(info.default)
    return info.default if parsed is None else parsed


def is_nullable(column: Column[Any]) -> bool:
    return "Nullable(" in str(column.type)


def plugin_fields(table: type[AudienceTable]) -> Mapping[str, FieldInfo]:
    """Return the fields of a table without those of every table."""
    fields = table.model_fields.items()
    return {name: info for name, info in fields if name not in AudienceTable.model_fields}


def describe_table(table: type[AudienceTable]) -> str:
    """Return the first paragraph of the class's own docstring, in one line."""
    paragraph = inspect.cleandoc(table.__doc__ or "").split("\n\n")[0]
    return " ".join(paragraph.split())

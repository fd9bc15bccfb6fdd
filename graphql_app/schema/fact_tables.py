"""Plugins' own tables of facts: metadata, and a mutation that records rows."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Annotated, Any

import pyarrow as pa
import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphql_app.audience import facts, plugin_tables, value_parsers
from graphql_app.audience.facts import FACTS, FactType
from graphql_app.audience.tables import AudienceTable
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, InvalidInputError, Problem
from graphql_app.plugins import Plugin as Source
from graphql_app.runtime.context import Context
from graphql_app.runtime.fact_recording import FactRecorder
from graphql_app.schema.criterion import Plugin
from graphql_app.schema.descriptions import described_enum
from graphql_app.schema.facts import (
    MAX_ITEMS,
    FactsPayload,
    IdempotencyKey,
    facts_payload,
    problem,
    require_few,
)
from graphql_app.schema.permissions import RequestInfo, guarded, guarded_mutation
from graphql_app.schema.scalars import JSON

# The mutations that record the built-in facts.
MUTATIONS: Mapping[str, str] = {
    "contacts": "contactsUpsert",
    "orders": "ordersUpsert",
    "order_lines": "ordersUpsert",
    "products": "productsUpsert",
    "texts": "textsRecord",
    "keywords": "keywordsRecord",
    "events": "eventsRecord",
}


class FactFieldKind(Enum):
    ID = value_parsers.IDENTIFIER
    WHOLE_NUMBER = value_parsers.WHOLE_NUMBER
    NUMBER = value_parsers.INTEGER
    AMOUNT = value_parsers.AMOUNT
    TIME = value_parsers.TIME
    TEXT = value_parsers.TEXT
    BOOLEAN = value_parsers.BOOLEAN
    TEXTS = value_parsers.TAGS


described_enum(
    FactFieldKind,
    {
        FactFieldKind.ID: "An id in the source system: text of at most "
        f"{value_parsers.MAX_TEXT} characters, or a whole number.",
        FactFieldKind.WHOLE_NUMBER: "A whole number from 0 to 2^64-1, as text or number.",
        FactFieldKind.NUMBER: "A whole number.",
        FactFieldKind.AMOUNT: 'An amount as text, such as "50.00".',
        FactFieldKind.TIME: "An ISO 8601 timestamp with an offset.",
        FactFieldKind.TEXT: f"Text of at most {value_parsers.MAX_TEXT} characters.",
        FactFieldKind.BOOLEAN: "True or false.",
        FactFieldKind.TEXTS: f"A list of at most {value_parsers.MAX_TAGS} texts.",
    },
    description="The kind of a field in a plugin's table.",
)


@strawberry.type(description="A field of a plugin's table.")
class FactTableField:
    name: str = strawberry.field(description="Its name in a row.")
    kind: FactFieldKind = strawberry.field(description="The kind of its values.")
    required: bool = strawberry.field(description="Whether every row must have it.")
    description: str = strawberry.field(description="What it means.")


@strawberry.type(description="A table of facts that a plugin adds.")
class FactTable:
    name: str = strawberry.field(description="Its name, for factsRecord and file imports.")
    description: str = strawberry.field(description="What a row means.")
    plugin: Plugin = strawberry.field(description="The package that adds it.")
    fields: list[FactTableField] = strawberry.field(description="The fields of a row, in order.")
    key: list[str] = strawberry.field(
        description="The key fields: a row replaces the row with the same values in them."
    )


def _fact_table(table: type[AudienceTable], source: Source, fact: FactType) -> FactTable:
    return FactTable(
        name=fact.name,
        description=plugin_tables.describe_table(table),
        plugin=Plugin(name=source.distribution, version=source.version),
        fields=[
            FactTableField(
                name=to_camel_case(field.name),
                kind=FactFieldKind(field.kind),
                required=field.required,
                description=field.description,
            )
            for field in fact.fields
        ],
        key=[to_camel_case(name) for name in fact.key],
    )


async def _fact_tables(info: RequestInfo) -> list[FactTable]:
    context = info.context
    return [
        _fact_table(table, source, context.fact_types[table.__tablename__])
        for source, contribution in context.registry.contributions.items()
        for table in contribution.tables
    ]


def _record(context: Context, recorder: FactRecorder, table: str, rows: Sequence[Any]) -> int:
    fact = _fact_type(context, table)
    recorder.record(fact, _checked(fact, rows))
    return len(rows)


def _fact_type(context: Context, table: str) -> FactType:
    """Return the fact type of a plugin's table, or raise an AppError that lists the tables."""
    known = context.fact_types
    if table in MUTATIONS:
        message = f"Record {table} with {MUTATIONS[table]}."
    elif table in known:
        return known[table]
    else:
        own = ", ".join(name for name in known if name not in FACTS)
        advice = f"use one of {own}" if own else "no plugin adds a table"
        message = f'Unknown table "{table}"; {advice}.'
        if context.registry.left_out:
            message += f" Plugins left out at startup: {context.registry.left_out}."
    raise AppError(ErrorCode.INVALID, message, ("table",))


def _checked(fact: FactType, rows: Sequence[Any]) -> pa.Table:
    """Return the rows as a table, or raise InvalidInputError with the path of every bad value."""
    require_few("rows", rows)
    names = {to_camel_case(field.name): field.name for field in fact.fields}
    problems = [
        found for number, row in enumerate(rows) for found in _unknown_fields(number, row, names)
    ]
    given = [row if isinstance(row, dict) else {} for row in rows]
    values = {name: [row.get(camel) for row in given] for camel, name in names.items()}
    table, bad = facts.check_batch(fact, values, len(rows))
    problems += [problem(("rows", b.row), b) for b in bad if isinstance(rows[b.row], dict)]
    if problems:
        raise InvalidInputError(sorted(problems, key=lambda found: found.path[1]))
    return table


def _unknown_fields(number: int, row: Any, names: Mapping[str, str]) -> Sequence[Problem]:
    known = ", ".join(names)
    if not isinstance(row, dict):
        message = f"A row must be an object with the fields of the table: {known}."
        return [Problem(ErrorCode.INVALID, message, ("rows", number))]
    message = 'Unknown field "{}"; the fields are {}.'
    return [
        Problem(ErrorCode.INVALID, message.format(name, known), ("rows", number, name))
        for name in row
        if name not in names
    ]


async def _facts_record(
    info: RequestInfo,
    table: Annotated[str, strawberry.argument(description="The name of the plugin's table.")],
    rows: Annotated[
        list[JSON],
        strawberry.argument(
            description=f"At most {MAX_ITEMS} objects with the table's fields, in camel case; all "
            "are recorded, or none."
        ),
    ],
    idempotency_key: IdempotencyKey = None,
) -> FactsPayload:
    work = partial(_record, info.context)
    return await facts_payload(info, idempotency_key, "rows", work, table, rows)


@strawberry.type
class FactTableQuery:
    fact_tables: list[FactTable] = guarded(
        TokenScope.FACTS_WRITE,
        resolver=_fact_tables,
        description="The tables of facts that plugins add.",
    )


@strawberry.type
class FactTableMutation:
    facts_record: FactsPayload = guarded_mutation(
        TokenScope.FACTS_WRITE,
        resolver=_facts_record,
        description="Record rows of a plugin's table. A row replaces the row with the same key.",
    )

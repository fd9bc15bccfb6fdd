"""Recording facts: upserts by natural key, all or nothing, at most 10,000 items per call."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import pyarrow as pa
import strawberry
from strawberry.utils.str_converters import to_camel_case

from graphql_app.audience import facts, value_parsers
from graphql_app.audience.column_parser import ValueKind
from graphql_app.audience.facts import BadFactsError, BadValue, FactField, FactType
from graphql_app.catalog.idempotency import MAX_KEY_LENGTH
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode, InvalidInputError, Problem
from graphql_app.runtime.fact_recording import FactRecorder
from graphql_app.schema.errors import UserError, answer
from graphql_app.schema.fact_warnings import FactWarning
from graphql_app.schema.permissions import RequestInfo, guarded_mutation
from graphql_app.schema.rule import input_type, list_of, optional_field
from graphql_app.schema.scalars import JSON, Money

MAX_ITEMS = 10_000
MAX_LINES = 100_000

TYPES: dict[ValueKind, Any] = {
    value_parsers.IDENTIFIER: strawberry.ID,
    value_parsers.INTEGER: int,
    value_parsers.AMOUNT: Money,
    value_parsers.TIME: datetime,
    value_parsers.TEXT: str,
    value_parsers.EMAIL: str,
    value_parsers.COUNTRY: str,
    value_parsers.KEYWORD: str,
    value_parsers.TAGS: list[str],
    value_parsers.PROPERTIES: JSON,
}


@strawberry.type(description="The result of a mutation of facts.")
class FactsPayload:
    recorded: int = strawberry.field(description="The number of items recorded: all or none.")
    user_errors: list[UserError] = strawberry.field(
        description="Why nothing was recorded (the first 100 errors); empty on success."
    )
    warnings: list[FactWarning] = strawberry.field(
        description="What is unusual about the recorded items (the first 100 warnings). A repeated "
        "call with the same idempotency key has none."
    )


def _field(field: FactField) -> tuple[Any, Any]:
    annotation = TYPES[field.kind]
    if field.required:
        return annotation, strawberry.field(description=field.description)
    return annotation | None, optional_field(field.description)


def fact_input(name: str, fact: FactType, description: str, **more: Any) -> Any:
    fields = {field.name: _field(field) for field in fact.fields}
    return input_type(name, {**fields, **more}, description=description)


OrderLineInput = fact_input("OrderLineInput", facts.LINES, "A product on an order.")

INPUTS = {
    "contacts": fact_input(
        "ContactInput", facts.CONTACTS, "A contact. It replaces the contact with the same `id`."
    ),
    "orders": fact_input(
        "OrderInput",
        facts.ORDERS,
        "An order with its lines. It replaces the order with the same `id`.",
        lines=(list_of(OrderLineInput) | None, optional_field("The products on the order.")),
    ),
    "products": fact_input(
        "ProductInput", facts.PRODUCTS, "A product. It replaces the product with the same `id`."
    ),
    "texts": fact_input(
        "TextInput",
        facts.TEXTS,
        "A text sent to a contact. It replaces the text with the same `id`.",
    ),
    "keywords": fact_input("KeywordInput", facts.KEYWORDS, "A keyword that a contact texted in."),
    "events": fact_input(
        "EventInput", facts.EVENTS, "Any other event. It replaces the event with the same `id`."
    ),
}

Item = Mapping[str, Any]


def _columns(fact: FactType, items: Sequence[Item]) -> dict[str, list[Any]]:
    names = {field.name: to_camel_case(field.name) for field in fact.fields}
    return {name: [item.get(camel) for item in items] for name, camel in names.items()}


def require_few(argument: str, items: Sequence[Any]) -> None:
    """Raise LIMIT_EXCEEDED, with the path of the argument, for more than ``MAX_ITEMS`` items."""
    if len(items) > MAX_ITEMS:
        raise AppError(
            ErrorCode.LIMIT_EXCEEDED,
            f"{len(items)} {argument} in one call; send at most {MAX_ITEMS}.",
            (argument,),
        )


def require_few_lines(argument: str, orders: Sequence[Any]) -> None:
    """Raise LIMIT_EXCEEDED, with the path of the argument, for more than ``MAX_LINES`` lines."""
    lines = (order.get("lines") for order in orders if isinstance(order, dict))
    count = sum(len(found) for found in lines if isinstance(found, list))
    if count > MAX_LINES:
        raise AppError(
            ErrorCode.LIMIT_EXCEEDED,
            f"{count} lines in one call; send at most {MAX_LINES}.",
            (argument,),
        )


def problem(path: tuple[str | int, ...], bad: BadValue) -> Problem:
    name = to_camel_case(bad.field)
    message = f"{name}{bad.inner_place} {bad.message}."
    return Problem(ErrorCode.INVALID, message, (*path, name, *bad.path))


def check_items(fact: FactType, argument: str, items: Sequence[Item]) -> pa.Table:
    """Return the items as a table, or raise InvalidInputError with the path of every bad value."""
    require_few(argument, items)
    table, bad = facts.check_batch(fact, _columns(fact, items), len(items))
    if bad:
        raise InvalidInputError(problem((argument, b.row), b) for b in bad)
    return table


def _lines(items: Sequence[Item]) -> pa.Table:
    """Return the lines of orders as a table, whose column ``row`` is the number of their order."""
    lines_by_row = [
        (row, number, line)
        for row, item in enumerate(items)
        for number, line in enumerate(item.get("lines") or ())
    ]
    lines = [line for _, _, line in lines_by_row]
    table, bad = facts.check_batch(facts.LINES, _columns(facts.LINES, lines), len(lines))
    if bad:
        raise InvalidInputError(
            problem(("orders", lines_by_row[b.row][0], "lines", lines_by_row[b.row][1]), b)
            for b in bad
        )
    return table.append_column("row", pa.array([row for row, _, _ in lines_by_row], pa.int64()))


@contextmanager
def translate_bad_facts(argument: str) -> Iterator[None]:
    """Raise InvalidInputError, with paths of the argument, for facts that cannot be recorded."""
    try:
        yield
    except BadFactsError as error:
        problems = [problem((argument, bad.row), bad) for bad in error.problems]
        raise InvalidInputError(problems) from error


def _record(recorder: FactRecorder, name: str, items: Sequence[Item]) -> int:
    """Check and record items of a fact; return their number."""
    with translate_bad_facts(name):
        if name == "orders":
            recorder.record_orders(*_checked_orders(items))
        else:
            fact = facts.FACTS[name]
            recorder.record(fact, check_items(fact, name, items))
    return len(items)


def _checked_orders(items: Sequence[Item]) -> tuple[pa.Table, pa.Table]:
    """Return orders and their lines as tables, or raise the problems of both."""
    require_few_lines("orders", items)
    tables: list[pa.Table] = []
    problems: list[Problem] = []
    for check in (partial(check_items, facts.ORDERS, "orders"), _lines):
        try:
            tables.append(check(items))
        except AppError as error:
            problems += error.problems
    if problems:
        raise InvalidInputError(problems)
    orders, lines = tables
    return orders, lines


IdempotencyKey = Annotated[
    str | None,
    strawberry.argument(
        description=f"A unique key for the call, 1 to {MAX_KEY_LENGTH} characters. The same call "
        "with the same key within 24 hours returns the first result and records nothing."
    ),
]


async def facts_payload(
    info: RequestInfo, key: str | None, argument: str, work: Callable[..., int], *args: Any
) -> FactsPayload:
    """Return the payload of a mutation whose work records the items of an argument.

    The work is called with a recorder and ``args``; it returns the number of recorded items.
    """
    recorder = info.context.fact_recorder()

    async def done() -> FactsPayload:
        doing = partial(work, recorder, *args)
        return FactsPayload(
            recorded=await recorder.run(doing, key, [info.field_name, args]),
            user_errors=[],
            warnings=[FactWarning.of(argument, warning) for warning in recorder.warnings],
        )

    return await answer(
        done, lambda errors: FactsPayload(recorded=0, user_errors=errors, warnings=[])
    )


def _mutation(fact: str, description: str) -> Any:
    """Return the mutation that records a kind of fact, from an argument named after it."""

    async def record(
        info: RequestInfo, items: Any, idempotency_key: IdempotencyKey = None
    ) -> FactsPayload:
        return await facts_payload(info, idempotency_key, fact, _record, fact, items)

    record.__annotations__["items"] = Annotated[
        list_of(INPUTS[fact]),
        strawberry.argument(
            name=fact, description=f"At most {MAX_ITEMS} {fact}; all are recorded, or none."
        ),
    ]
    return guarded_mutation(TokenScope.FACTS_WRITE, resolver=record, description=description)


@strawberry.type
class FactsMutation:
    contacts_upsert: FactsPayload = _mutation(
        "contacts", "Record contacts. A contact replaces the one with the same id."
    )
    orders_upsert: FactsPayload = _mutation(
        "orders", "Record orders with their lines. An order replaces the one with the same id."
    )
    products_upsert: FactsPayload = _mutation("products", "Record the titles of products.")
    texts_record: FactsPayload = _mutation(
        "texts", "Record texts sent to contacts. A text replaces the one with the same id."
    )
    keywords_record: FactsPayload = _mutation(
        "keywords", "Record keywords that contacts texted in. Repeating a call changes nothing."
    )
    events_record: FactsPayload = _mutation(
        "events", "Record other events. An event replaces the one with the same id."
    )

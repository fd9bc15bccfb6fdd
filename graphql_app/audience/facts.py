"""The facts that the service takes in: their fields, and the check of a batch of them.

One declaration serves the GraphQL inputs, the columns of files and the validation of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from graphql_app.audience import value_parsers
from graphql_app.audience.column_parser import ValueKind, parse_column


@dataclass(frozen=True, slots=True)
class FactField:
    """A field of a fact, by its name in files; GraphQL has it in camel case."""

    name: str
    kind: ValueKind
    description: str
    required: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True)
class FactType:
    """A kind of fact: its name in the plural (files, mutations) and its fields.

    A row replaces the one with the same ``key``; order lines, all those of their order. What is
    ``derived`` follows from the fields: a file may have it, as exports do, and it is not read.
    """

    name: str
    fields: tuple[FactField, ...]
    key: tuple[str, ...] = ("id",)
    derived_columns: tuple[str, ...] = ()

    @property
    def can_change_contact(self) -> bool:
        """Whether a row may come again as another contact's."""
        return self.key == ("id",) and any(field.name == "contact_id" for field in self.fields)

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of a checked batch."""
        return pa.schema([(field.name, field.kind.arrow_type) for field in self.fields])


@dataclass(frozen=True, slots=True)
class BadValue:
    """A value that was refused: which row of the batch, which field, and why."""

    row: int
    field: str
    message: str


CONTACTS = FactType(
    "contacts",
    (
        FactField("id", value_parsers.IDENTIFIER, "The contact's id in the source system.", True),
        FactField("phone", value_parsers.TEXT, "Phone number, best in E.164."),
        FactField("email", value_parsers.TEXT, "E-mail address."),
        FactField("first_name", value_parsers.TEXT, "Given name."),
        FactField("last_name", value_parsers.TEXT, "Family name."),
        FactField("country", value_parsers.COUNTRY, "Country, ISO 3166-1 alpha-2."),
        FactField("region", value_parsers.TEXT, "State or province, e.g. its code."),
        FactField("city", value_parsers.TEXT, "City."),
        FactField("tags", value_parsers.TAGS, "The shop's own labels.", default=[]),
        FactField(
            "subscribed_at", value_parsers.TIME, "When the contact last subscribed to texts."
        ),
        FactField("unsubscribed_at", value_parsers.TIME, "When the contact last unsubscribed."),
        FactField("created_at", value_parsers.TIME, "When the contact was created."),
        FactField(
            "properties", value_parsers.PROPERTIES, "The shop's own properties, a JSON object.",
            default="{}",
        ),
    ),
    derived_columns=("subscribed", "textable"),
)  # fmt: skip

ORDERS = FactType(
    "orders",
    (
        FactField("id", value_parsers.IDENTIFIER, "The order's id in the source system.", True),
        FactField("contact_id", value_parsers.IDENTIFIER, "Who ordered.", True),
        FactField("ordered_at", value_parsers.TIME, "When.", True),
        FactField("total", value_parsers.AMOUNT, "What it cost, in the shop's currency.", True),
        FactField("refunded", value_parsers.AMOUNT, "What was paid back of it.", default=0),
        FactField("cancelled_at", value_parsers.TIME, "When it was cancelled, if it was."),
    ),
)

LINES = FactType(
    "lines",
    (
        FactField(
            "product_id", value_parsers.TEXT, "The product's id or stock-keeping unit.", True
        ),
        FactField("title", value_parsers.TEXT, "The product's title as sold."),
        FactField(
            "quantity", value_parsers.INTEGER, "How many; 0 or less is no purchase.", default=1
        ),
        FactField(
            "price", value_parsers.AMOUNT, "Price of one, in the shop's currency.", default=0
        ),
    ),
)

ORDER_LINES = FactType(
    "order_lines",
    (FactField("order_id", value_parsers.IDENTIFIER, "The order it is on.", True), *LINES.fields),
    key=("order_id",),
)

PRODUCTS = FactType(
    "products",
    (
        FactField("id", value_parsers.TEXT, "The product's id or stock-keeping unit.", True),
        FactField("title", value_parsers.TEXT, "Its title.", True),
    ),
)

TEXTS = FactType(
    "texts",
    (
        FactField("id", value_parsers.IDENTIFIER, "The message's id in the source system.", True),
        FactField("contact_id", value_parsers.IDENTIFIER, "Who received it.", True),
        FactField("sent_at", value_parsers.TIME, "When it was sent.", True),
        FactField("clicked_at", value_parsers.TIME, "When its link was first clicked."),
    ),
)

KEYWORDS = FactType(
    "keywords",
    (
        FactField("contact_id", value_parsers.IDENTIFIER, "Who texted it in.", True),
        FactField("keyword", value_parsers.KEYWORD, "The keyword.", True),
        FactField("received_at", value_parsers.TIME, "When.", True),
    ),
    key=("contact_id", "keyword", "received_at"),
)

EVENTS = FactType(
    "events",
    (
        FactField("id", value_parsers.IDENTIFIER, "The event's id in the source system.", True),
        FactField("contact_id", value_parsers.IDENTIFIER, "Whom it concerns.", True),
        FactField("name", value_parsers.TEXT, "What happened.", True),
        FactField("occurred_at", value_parsers.TIME, "When.", True),
        FactField(
            "properties", value_parsers.PROPERTIES, "More about it, a JSON object.", default="{}"
        ),
    ),
)

FACTS: Mapping[str, FactType] = {
    fact.name: fact for fact in (CONTACTS, ORDERS, ORDER_LINES, PRODUCTS, TEXTS, KEYWORDS, EVENTS)
}

# What a file may hold beside facts: the exports of Shopify, of which facts are made.
SHOPIFY_EXPORTS = ("shopify_customers", "shopify_orders")


def check_batch(
    fact: FactType, values: Mapping[str, pa.Array | Sequence[Any]], size: int
) -> tuple[pa.Table, list[BadValue]]:
    """Check a batch given as columns; a missing column is absent in every row.

    Returns:
        The typed table (with defaults filled in; meaningless in bad rows), and what is wrong.
    """
    arrays: list[pa.Array] = []
    problems: list[BadValue] = []
    for field in fact.fields:
        column = values.get(field.name)
        if column is None:
            column = pa.nulls(size, field.kind.arrow_type)
        array, bad = parse_column(field.kind, column, field.required)
        problems.extend(BadValue(row, field.name, message) for row, message in bad)
        if field.default is not None and array.null_count:
            array = array.fill_null(pa.scalar(field.default, field.kind.arrow_type))
        arrays.append(array)
    return pa.table(arrays, schema=fact.arrow_schema), sorted(problems, key=lambda bad: bad.row)

"""The types of facts that the service records, with their fields.

GraphQL inputs, columns of files and the checks of both come from these declarations.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.column_parser import ValueKind, parse_column
from graphql_app.audience.value_parsers import (
    AMOUNT,
    COUNTRY,
    EMAIL,
    IDENTIFIER,
    INTEGER,
    KEYWORD,
    PROPERTIES,
    TAGS,
    TEXT,
    TIME,
)

NAMES = ("contact_id", "email", "phone")  # fields that name the contact of a fact
MAX_SHOWN = 50  # characters of a client's name in a message


@dataclass(frozen=True, slots=True)
class FactField:
    """A field of a fact type, by its name in files; in GraphQL, names are in camel case.

    An identifier is the ``id_of`` a row of that table.
    """

    name: str
    kind: ValueKind
    description: str
    required: bool = False
    default: Any = None
    id_of: str = ""


@dataclass(frozen=True, slots=True)
class FactType:
    """A type of facts, with the plural that names its files and mutations.

    Attributes:
        key: The fields by which a row replaces an older one; order lines replace all lines of
            their order.
        derived_columns: Columns of exports that are derived from the fields; imports ignore them.
    """

    name: str
    fields: tuple[FactField, ...]
    key: tuple[str, ...] = ("id",)
    derived_columns: tuple[str, ...] = ()

    @property
    def can_change_contact(self) -> bool:
        """Whether a row can replace another contact's row."""
        return self.key == ("id",) and any(field.name == "contact_id" for field in self.fields)

    @property
    def names_contact(self) -> bool:
        """Whether rows may name their contact by an address instead of the id."""
        return any(field.name == "contact_id" and not field.required for field in self.fields)

    @property
    def arrow_schema(self) -> pa.Schema:
        return pa.schema([(field.name, field.kind.arrow_type) for field in self.fields])


class BadValue(NamedTuple):
    """A refused value: the row of the batch, the field, and what the value must be.

    ``path`` leads from the field's value to the part of it that is bad.
    """

    row: int
    field: str
    message: str
    path: tuple[str | int, ...] = ()

    @property
    def inner_place(self) -> str:
        """The path as text to append to a field's name, such as ``.sizes[2]``."""
        return "".join(
            f"[{step}]" if isinstance(step, int) else f".{_printable(step)}" for step in self.path
        )


class BadFactsError(Exception):
    """Checked facts that cannot be recorded, given what the shop has; ``problems`` says why."""

    def __init__(self, problems: Sequence[BadValue]) -> None:
        super().__init__(f"{len(problems)} facts cannot be recorded")
        self.problems = problems


def _printable(name: str) -> str:
    """Return a client's name for a message: short, and without surrogates."""
    return name[:MAX_SHOWN].encode(errors="backslashreplace").decode()


def _id(name: str, id_of: str, description: str) -> FactField:
    return FactField(name, IDENTIFIER, description, required=True, id_of=id_of)


def _contact(description: str) -> tuple[FactField, ...]:
    """Return the fields that name a contact; each row needs at least one of them."""
    return (
        FactField("contact_id", IDENTIFIER, description, id_of="contacts"),
        FactField("email", EMAIL, "The contact's email address, instead of the id."),
        FactField("phone", TEXT, "The contact's phone number, instead of the id."),
    )


CONTACTS = FactType(
    "contacts",
    (
        _id("id", "contacts", "The contact's id in the source system."),
        FactField(
            "phone", TEXT, "Phone number, with its country code or of the contact's country."
        ),
        FactField("email", TEXT, "Email address."),
        FactField("first_name", TEXT, "First name."),
        FactField("last_name", TEXT, "Last name."),
        FactField("country", COUNTRY, "Country, as an ISO 3166-1 alpha-2 code."),
        FactField("region", TEXT, "State or province, such as its code."),
        FactField("city", TEXT, "City."),
        FactField("tags", TAGS, "The shop's labels for the contact.", default=[]),
        FactField("subscribed_at", TIME, "When the contact last subscribed to texts."),
        FactField("unsubscribed_at", TIME, "When the contact last unsubscribed from texts."),
        FactField("created_at", TIME, "When the contact was created in the source system."),
        FactField("properties", PROPERTIES, "Custom properties, a JSON object.", default="{}"),
    ),
    derived_columns=("subscribed", "textable"),
)

# Changes of recorded contacts; a change has any of the fields.
CONTACT_PATCHES = FactType(
    "contacts",
    (
        *(replace(field, default=None) for field in CONTACTS.fields),
        FactField("add_tags", TAGS, "Tags to add, after `tags`."),
        FactField("remove_tags", TAGS, "Tags to remove, after the others."),
    ),
)

ORDERS = FactType(
    "orders",
    (
        _id("id", "orders", "The order's id in the source system."),
        *_contact("The contact who placed the order."),
        FactField("ordered_at", TIME, "When the order was placed.", required=True),
        FactField("total", AMOUNT, "The order's total in the shop's currency.", required=True),
        FactField("refunded", AMOUNT, "The amount refunded.", default=0),
        FactField("cancelled_at", TIME, "When the order was cancelled, if it was."),
    ),
)

# The lines nested in orders.
LINES = FactType(
    "lines",
    (
        FactField("product_id", TEXT, "The product's id or SKU.", required=True),
        FactField("title", TEXT, "The product's title on the order."),
        FactField("quantity", INTEGER, "Quantity; 0 or less is not a purchase.", default=1),
        FactField("price", AMOUNT, "Price of one item, in the shop's currency.", default=0),
    ),
)

ORDER_LINES = FactType(
    "order_lines",
    (
        _id("order_id", "orders", "The order that the line is on."),
        *LINES.fields,
    ),
    key=("order_id",),
)

PRODUCTS = FactType(
    "products",
    (
        FactField("id", TEXT, "The product's id or SKU.", required=True),
        FactField("title", TEXT, "The product's title.", required=True),
    ),
)

TEXTS = FactType(
    "texts",
    (
        _id("id", "texts", "The text's id in the source system."),
        *_contact("The contact who received the text."),
        FactField("sent_at", TIME, "When the text was sent.", required=True),
        FactField("clicked_at", TIME, "When the link in the text was first clicked."),
    ),
)

KEYWORDS = FactType(
    "keywords",
    (
        *_contact("The contact who texted the keyword."),
        FactField("keyword", KEYWORD, "The keyword.", required=True),
        FactField("received_at", TIME, "When the keyword was received.", required=True),
    ),
    key=("contact_id", "keyword", "received_at"),
)

EVENTS = FactType(
    "events",
    (
        _id("id", "events", "The event's id in the source system."),
        *_contact("The contact that the event is about."),
        FactField("name", TEXT, "The event's name.", required=True),
        FactField("occurred_at", TIME, "When the event happened.", required=True),
        FactField("properties", PROPERTIES, "The event's details, a JSON object.", default="{}"),
    ),
)

FACTS: Mapping[str, FactType] = {
    fact.name: fact for fact in (CONTACTS, ORDERS, ORDER_LINES, PRODUCTS, TEXTS, KEYWORDS, EVENTS)
}

# Formats of files that are converted to facts.
SHOPIFY_EXPORTS = ("shopify_customers", "shopify_orders")


def check_batch(
    fact: FactType, values: Mapping[str, pa.Array | Sequence[Any]], size: int
) -> tuple[pa.Table, list[BadValue]]:
    """Check the columns of ``size`` rows; a missing column has no value in any row.

    Returns:
        The parsed rows, with defaults, and the bad values. The rows of bad values are meaningless.
    """
    arrays: list[pa.Array] = []
    problems: list[BadValue] = []
    for field in fact.fields:
        column = values.get(field.name)
        if column is None:
            column = pa.nulls(size, field.kind.arrow_type)
        array, bad = parse_column(field.kind, column, field.required)
        problems.extend(BadValue(row, field.name, str(error), error.path) for row, error in bad)
        if field.default is not None and array.null_count:
            array = array.fill_null(pa.scalar(field.default, field.kind.arrow_type))
        arrays.append(array)
    rows = pa.table(arrays, schema=fact.arrow_schema)
    if fact.names_contact:
        problems += _find_unnamed(rows, {bad.row for bad in problems if bad.field in NAMES})
    return rows, sorted(problems, key=lambda bad: bad.row)


def _find_unnamed(rows: pa.Table, bad: set[int]) -> Iterator[BadValue]:
    """Yield rows that do not name their contact; the rows in ``bad`` have other problems."""
    named = functools.reduce(pc.or_, (pc.is_valid(rows[name]) for name in NAMES))
    for row in pc.indices_nonzero(pc.invert(named)).to_pylist():
        if row not in bad:
            yield BadValue(row, "contact_id", "is required, or else an email or phone")

"""The tables of facts that criteria read.

Every sort key starts with the shop and, except for products, the contact, so that a shop's rows lie
together and a cluster can shard by contact. Of the rows with the same sort key, the row with the
highest ``version`` counts; if that row is ``deleted``, the key has no row. The store filters by
shop, version and ``deleted``; a criterion's SQL does not.

Times are in UTC with milliseconds. Money is Decimal(18, 4) in the shop's currency. Ids are unsigned
64-bit integers: those of the source system, or numbers that stand for them (see ``identities``).
Products, keywords and tags are text.

Columns whose names end in ``_folded`` are derived from other columns. They come with a
``folding_version``: the version of the code that derived them, 0 in rows of older versions.

Plugins declare tables in the same way, with the names below.

This module is long because it lists every column of every fact.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, TypeAlias

from clickhouse_connect.cc_sqlalchemy import engines
from clickhouse_connect.cc_sqlalchemy.datatypes.sqltypes import (
    Array,
    Bool,
    DateTime64,
    Int64,
    LowCardinality,
    Nullable,
    String,
    UInt32,
    UInt64,
)
from clickhouse_connect.cc_sqlalchemy.datatypes.sqltypes import Decimal as DecimalType
from sqlalchemy import Column, Select, Table, func
from sqlalchemy.orm import registry
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import SQLCoreOperations
from sqlmodel import Field, SQLModel

__all__ = [
    "INSTANT",
    "MONEY",
    "NAME",
    "Array",
    "AudienceTable",
    "Bool",
    "Contact",
    "Event",
    "Expression",
    "Int64",
    "KeywordUse",
    "LowCardinality",
    "Nullable",
    "Order",
    "OrderLine",
    "Product",
    "Statement",
    "String",
    "TextMessage",
    "UInt64",
    "fact_engine",
]

Statement: TypeAlias = Select[*tuple[Any, ...]]
"""A SQLAlchemy ``select``."""

Expression: TypeAlias = SQLCoreOperations[Any]
"""A column, or any other SQL expression."""

INSTANT = DateTime64(3, "UTC")
"""The column type of a time in UTC, with milliseconds."""

MONEY = DecimalType(18, 4)
"""The column type of an amount of money."""

NAME = LowCardinality(String)
"""The column type of text with few distinct values, such as names."""


# A shop's rows lie in one partition: an insert makes one atomic part, and a merge after an import
# stays within the partition.
PARTITIONS = 16
PARTITION = f"shop_id % {PARTITIONS}"

FEED = "feed"  # the table of the change feed

TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{2,62}")


def fact_engine(*key: str) -> Any:
    """Return the engine for a table in which new rows replace rows with the same shop and key.

    ``key`` names the columns of the key, without the shop.
    """
    return engines.ReplacingMergeTree(
        order_by=tuple(f"`{column}`" for column in ("shop_id", *key)),
        partition_by=PARTITION,
        version="version",
        settings={
            # After a write, the affected contacts are read one by one, so reading a contact should
            # decompress few rows: each block holds one granule. (1,000 contacts among 20 M unmerged
            # rows: 43 ms; with four granules per block 104 ms; with granules of 8,192 rows 170 ms.)
            # Full scans take equally long; smaller granules slow down scans and writes.
            "index_granularity": 2048,
            "min_compress_block_size": 16 * 1024,
            # Unmerged rows slow down reads, so merge a partition soon after its last write.
            "min_age_to_force_merge_seconds": 20,
            "min_age_to_force_merge_on_partition_only": 1,
        },
    )


class StoreTable(SQLModel, registry=registry()):
    """Base class for all tables in the store."""

    __tablename__: ClassVar[str]


class AudienceTable(StoreTable):
    """Base class for the tables of facts; the store sets ``version`` and ``deleted``.

    Attributes:
        time_column: The column with the time of a row, of type ``INSTANT``. Statements do not see
            rows whose time is in the future.
        later_columns: Columns with the times of later changes, of type ``Nullable(INSTANT)``. They
            are NULL until that time.
    """

    time_column: ClassVar[str | None] = None
    later_columns: ClassVar[tuple[str, ...]] = ()

    shop_id: int = Field(primary_key=True, sa_type=UInt64)
    version: int = Field(sa_type=UInt64)
    deleted: bool = Field(sa_type=Bool)


class Contact(AudienceTable, table=True):
    """A person the shop knows: a subscriber, a customer, both, or neither.

    Rules select from all contacts of a shop.

    ``phone`` is any text, as it was recorded; ``phone_e164`` is the number in E.164, or NULL if it
    is not a valid one. ``source_id`` is the id in the source system, or NULL if ``id`` is that id.
    ``subscribed`` is true if the contact subscribed after last unsubscribing, ``textable`` if the
    contact is subscribed and ``phone_e164`` is not NULL. ``tags_folded`` has a folded tag for each
    of ``tags``, and ``properties_folded`` is ``properties`` with folded texts.
    """

    __tablename__ = "contacts"
    __table_args__ = (fact_engine("id"),)
    later_columns = ("subscribed_at", "unsubscribed_at")

    id: int = Field(primary_key=True, sa_type=UInt64)
    phone: str | None = Field(sa_type=Nullable(String))
    email: str | None = Field(sa_type=Nullable(String))
    first_name: str | None = Field(sa_type=Nullable(String))
    last_name: str | None = Field(sa_type=Nullable(String))
    country: str | None = Field(sa_type=LowCardinality(Nullable(String)))
    region: str | None = Field(sa_type=LowCardinality(Nullable(String)))
    city: str | None = Field(sa_type=LowCardinality(Nullable(String)))
    tags: list[str] = Field(sa_type=Array(String))
    subscribed_at: datetime | None = Field(sa_type=Nullable(INSTANT))
    unsubscribed_at: datetime | None = Field(sa_type=Nullable(INSTANT))
    created_at: datetime | None = Field(sa_type=Nullable(INSTANT))
    properties: str = Field(sa_type=String)
    subscribed: bool = Field(sa_type=Bool)
    textable: bool = Field(sa_type=Bool)
    email_folded: str | None = Field(sa_type=Nullable(String))
    email_domain: str | None = Field(sa_type=LowCardinality(Nullable(String)))
    region_folded: str | None = Field(sa_type=LowCardinality(Nullable(String)))
    city_folded: str | None = Field(sa_type=LowCardinality(Nullable(String)))
    tags_folded: list[str] = Field(sa_type=Array(String))
    properties_folded: str = Field(sa_type=String)
    phone_e164: str | None = Field(sa_type=Nullable(String))
    folding_version: int = Field(sa_type=UInt32)
    source_id: str | None = Field(sa_type=Nullable(String))


class Order(AudienceTable, table=True):
    """An order of a contact; ``valid`` unless it is cancelled or fully refunded."""

    __tablename__ = "orders"
    __table_args__ = (fact_engine("contact_id", "id"),)
    time_column = "ordered_at"
    later_columns = ("cancelled_at",)

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    id: int = Field(primary_key=True, sa_type=UInt64)
    ordered_at: datetime = Field(sa_type=INSTANT)
    total: Decimal = Field(sa_type=MONEY)
    refunded: Decimal = Field(sa_type=MONEY)
    cancelled_at: datetime | None = Field(sa_type=Nullable(INSTANT))
    valid: bool = Field(sa_type=Bool)
    line_count: int = Field(sa_type=UInt32)


class OrderLine(AudienceTable, table=True):
    """A product on an order, with the order's time and validity to avoid joins.

    ``title`` is the product's title as it was sold; without one, ``Product.title`` counts.
    """

    __tablename__ = "order_lines"
    __table_args__ = (fact_engine("contact_id", "order_id", "line_number"),)
    time_column = "ordered_at"

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    order_id: int = Field(primary_key=True, sa_type=UInt64)
    line_number: int = Field(primary_key=True, sa_type=UInt32)
    product_id: str = Field(sa_type=NAME)
    quantity: int = Field(sa_type=Int64)
    price: Decimal = Field(sa_type=MONEY)
    ordered_at: datetime = Field(sa_type=INSTANT)
    valid: bool = Field(sa_type=Bool)
    title: str | None = Field(sa_type=LowCardinality(Nullable(String)))
    title_folded: str | None = Field(sa_type=LowCardinality(Nullable(String)))
    folding_version: int = Field(sa_type=UInt32)


# The version of a recorded product is a time in nanoseconds. A product that only orders name has
# version 0 or, in data of an earlier version of the application, a time in milliseconds.
FIRST_RECORDED = 10**15


class Product(AudienceTable, table=True):
    """A product with its title, or with its id as the title until a title is recorded.

    Each product on an order line has a row. Titles on order lines do not change ``title``.
    """

    __tablename__ = "products"
    __table_args__ = (fact_engine("id"),)

    id: str = Field(primary_key=True, sa_type=String)
    title: str = Field(sa_type=String)
    title_folded: str = Field(sa_type=String)
    folding_version: int = Field(sa_type=UInt32)


class TextMessage(AudienceTable, table=True):
    """A text sent to a contact, and when its link was first clicked."""

    __tablename__ = "texts"
    __table_args__ = (fact_engine("contact_id", "id"),)
    time_column = "sent_at"
    later_columns = ("clicked_at",)

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    id: int = Field(primary_key=True, sa_type=UInt64)
    sent_at: datetime = Field(sa_type=INSTANT)
    clicked_at: datetime | None = Field(sa_type=Nullable(INSTANT))


class KeywordUse(AudienceTable, table=True):
    """A keyword that a contact texted, as it was written, without surrounding space.

    Compare ``keyword_folded`` with ``fold(text)``.
    """

    __tablename__ = "keywords"
    __table_args__ = (fact_engine("contact_id", "keyword", "received_at"),)
    time_column = "received_at"

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    keyword: str = Field(primary_key=True, sa_type=NAME)
    received_at: datetime = Field(primary_key=True, sa_type=INSTANT)
    keyword_folded: str = Field(sa_type=NAME)
    folding_version: int = Field(sa_type=UInt32)


class Event(AudienceTable, table=True):
    """Any other event of a contact, with a name, a time and properties as JSON."""

    __tablename__ = "events"
    __table_args__ = (fact_engine("contact_id", "id"),)
    time_column = "occurred_at"

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    id: int = Field(primary_key=True, sa_type=UInt64)
    name: str = Field(sa_type=NAME)
    occurred_at: datetime = Field(sa_type=INSTANT)
    properties: str = Field(sa_type=String)
    properties_folded: str = Field(sa_type=String)
    folding_version: int = Field(sa_type=UInt32)


class Identity(AudienceTable, table=True):
    """A number that was given to an id of the source system; see ``identities``.

    ``of_table`` is the table whose rows have the id. ``source_id`` is blank once its contact has
    been erased: the number stays taken. ``meaning`` is the number that the id means now: another
    one if its contact was merged. ``waiting`` is true if facts wait for a contact with the address.
    """

    __tablename__ = "identities"
    __table_args__ = (fact_engine("of_table", "number"),)

    of_table: str = Field(primary_key=True, sa_type=NAME)
    number: int = Field(primary_key=True, sa_type=UInt64)
    source_id: str = Field(sa_type=String)
    meaning: int = Field(sa_type=UInt64)
    waiting: bool = Field(sa_type=Bool)


TABLES: tuple[type[AudienceTable], ...] = (
    Contact,
    Order,
    OrderLine,
    Product,
    TextMessage,
    KeywordUse,
    Event,
    Identity,
)

# Tables without a row's contact.
SHARED_TABLES: frozenset[str] = frozenset({Product.__tablename__, Identity.__tablename__})


class JournalEntry(StoreTable, table=True):
    """A step of a batch; see ``journal``."""

    __tablename__ = "journal"
    __table_args__ = (
        engines.ReplacingMergeTree(
            order_by=("batch", "step"),
            version="done",
            settings={"min_age_to_force_merge_seconds": 20},
        ),
    )

    batch: int = Field(primary_key=True, sa_type=UInt64)
    step: int = Field(primary_key=True, sa_type=UInt32)
    action: str = Field(sa_type=String)
    shop_id: int = Field(sa_type=UInt64)
    payload: str = Field(sa_type=String)
    done: int = Field(sa_type=UInt32)


def sql_table(table: type[StoreTable]) -> Table:
    return StoreTable.metadata.tables[table.__tablename__]


def row_key(table: type[AudienceTable]) -> tuple[str, ...]:
    """Return the columns by which a shop's rows are replaced."""
    return tuple(column.name for column in sql_table(table).primary_key if column.name != "shop_id")


def contact_column(table: str) -> str:
    """Return the name of the column with the contact of a table's rows."""
    return "id" if table == Contact.__tablename__ else "contact_id"


def time_columns(table: type[AudienceTable]) -> tuple[str, ...]:
    """Return the columns with the times of a table's rows, and of later changes to them."""
    own = () if table.time_column is None else (table.time_column,)
    return (*own, *table.later_columns)


def time_expression(table: type[AudienceTable], column: str) -> Any:
    """Return the time of a later change to a row, or else of the row, as the table's index has it.

    An index of a column with NULL excludes nothing, nor does one of ``ifNull``.
    """
    columns = sql_table(table).columns
    if table.time_column in {None, column}:
        return columns[column]
    own, later = columns[table.time_column], columns[column]
    return func.if_(func.isNull(later), own, later)


def has_id_key(table: type[AudienceTable]) -> bool:
    """Return whether rows have an id of their own, and are sorted by contact and id."""
    return row_key(table) == ("contact_id", "id")


def readable_tables() -> Mapping[str, Table]:
    """Return the tables that a statement can read: all tables that a class declares.

    Tables of plugins that were left out are included, so that they are filtered, too.
    """
    return {
        name: table
        for name, table in StoreTable.metadata.tables.items()
        if TABLE_NAME.fullmatch(name) and name != JournalEntry.__tablename__
    }


def tables_read(statement: Statement) -> frozenset[str]:
    """Return the names of the tables that a statement reads; it has no SQL that is text."""
    elements = visitors.iterate(statement)
    found = (each.table if isinstance(each, Column) else each for each in elements)
    return frozenset(each.name for each in found if isinstance(each, Table))

"""The tables of facts that criteria read.

Every table starts its sort key with the shop and, products apart, goes on with the contact, so
that one shop's rows lie together and a cluster can shard by contact. Rows are replaced by natural
key: of the rows with one sort key the highest ``version`` counts, and a row with ``deleted`` hides
the key. Both, and the shop, are taken care of by the store; a fragment writes none of it.

Times are UTC with milliseconds, money is Decimal(18, 4) in the shop's currency, identifiers are
unsigned 64-bit integers of the source system; products, keywords and tags are text.

A plugin declares tables of its own as these are declared, with what ``__all__`` names.
"""

from __future__ import annotations

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
from sqlalchemy import Select, Table
from sqlalchemy.orm import registry
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

# SQLAlchemy's types for what criteria are made of: a select of any columns, and a column of a table
# or any other expression.
Statement: TypeAlias = Select[*tuple[Any, ...]]
Expression: TypeAlias = SQLCoreOperations[Any]

INSTANT = DateTime64(3, "UTC")
MONEY = DecimalType(18, 4)
NAME = LowCardinality(String)

# A shop's rows lie in one partition, so that one insert is one atomic part and a merge after an
# import stays within it.
MAX_KEYWORD = 255
PARTITIONS = 16
PARTITION = f"shop_id % {PARTITIONS}"

FEED = "feed"  # the table of ``graphql_app.audience.feed``

TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{2,62}")


def fact_engine(*key: str) -> Any:
    """The engine of a table of facts whose rows are replaced by their shop and these columns."""
    return engines.ReplacingMergeTree(
        order_by=tuple(f"`{column}`" for column in ("shop_id", *key)),
        partition_by=PARTITION,
        version="version",
        settings={
            # What a write touched is asked again, contact by contact. So no more rows are read and
            # unpacked for each than must be: blocks hold one granule (of a thousand contacts
            # among 20 M rows, unmerged, in 43 ms; with blocks of four, 104 ms; with granules of
            # 8,192 rows, 170 ms). Reading all rows takes as long with each of them; with still
            # smaller ones it takes longer, and so does writing.
            "index_granularity": 2048,
            "min_compress_block_size": 16 * 1024,
            # Reads see through unmerged rows at a price; merge each partition soon after it rests.
            "min_age_to_force_merge_seconds": 20,
            "min_age_to_force_merge_on_partition_only": 1,
        },
    )


class StoreTable(SQLModel, registry=registry()):
    """Base of every table of the audience's store."""

    __tablename__: ClassVar[str]


class AudienceTable(StoreTable):
    """Base of the tables of facts; ``version`` and ``deleted`` belong to the store."""

    shop_id: int = Field(primary_key=True, sa_type=UInt64)
    version: int = Field(sa_type=UInt64)
    deleted: bool = Field(sa_type=Bool)


class Contact(AudienceTable, table=True):
    """A subscriber, a customer or both; the universe of every rule.

    ``subscribed`` says whether the latest consent is a subscription (at the same instant as an
    unsubscription it is not), ``textable`` whether there is a phone as well.
    """

    __tablename__ = "contacts"
    __table_args__ = (fact_engine("id"),)

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


class Order(AudienceTable, table=True):
    """An order of a contact; ``valid`` while neither cancelled nor fully refunded."""

    __tablename__ = "orders"
    __table_args__ = (fact_engine("contact_id", "id"),)

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    id: int = Field(primary_key=True, sa_type=UInt64)
    ordered_at: datetime = Field(sa_type=INSTANT)
    total: Decimal = Field(sa_type=MONEY)
    refunded: Decimal = Field(sa_type=MONEY)
    cancelled_at: datetime | None = Field(sa_type=Nullable(INSTANT))
    valid: bool = Field(sa_type=Bool)
    line_count: int = Field(sa_type=UInt32)


class OrderLine(AudienceTable, table=True):
    """One product on an order; repeats the order's time and validity, so no join is needed."""

    __tablename__ = "order_lines"
    __table_args__ = (fact_engine("contact_id", "order_id", "line_number"),)

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    order_id: int = Field(primary_key=True, sa_type=UInt64)
    line_number: int = Field(primary_key=True, sa_type=UInt32)
    product_id: str = Field(sa_type=NAME)
    quantity: int = Field(sa_type=Int64)
    price: Decimal = Field(sa_type=MONEY)
    ordered_at: datetime = Field(sa_type=INSTANT)
    valid: bool = Field(sa_type=Bool)


class Product(AudienceTable, table=True):
    """A product's title, for people to find its id by."""

    __tablename__ = "products"
    __table_args__ = (fact_engine("id"),)

    id: str = Field(primary_key=True, sa_type=String)
    title: str = Field(sa_type=String)


class TextMessage(AudienceTable, table=True):
    """A text message sent to a contact, and when its link was first clicked."""

    __tablename__ = "texts"
    __table_args__ = (fact_engine("contact_id", "id"),)

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    id: int = Field(primary_key=True, sa_type=UInt64)
    sent_at: datetime = Field(sa_type=INSTANT)
    clicked_at: datetime | None = Field(sa_type=Nullable(INSTANT))


class KeywordUse(AudienceTable, table=True):
    """A keyword that a contact texted in, folded so that case and surrounding space are gone."""

    __tablename__ = "keywords"
    __table_args__ = (fact_engine("contact_id", "keyword", "received_at"),)

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    keyword: str = Field(primary_key=True, sa_type=NAME)
    received_at: datetime = Field(primary_key=True, sa_type=INSTANT)


class Event(AudienceTable, table=True):
    """Anything else that happened to a contact: a name, a time and properties as JSON."""

    __tablename__ = "events"
    __table_args__ = (fact_engine("contact_id", "id"),)

    contact_id: int = Field(primary_key=True, sa_type=UInt64)
    id: int = Field(primary_key=True, sa_type=UInt64)
    name: str = Field(sa_type=NAME)
    occurred_at: datetime = Field(sa_type=INSTANT)
    properties: str = Field(sa_type=String)


TABLES: tuple[type[AudienceTable], ...] = (
    Contact,
    Order,
    OrderLine,
    Product,
    TextMessage,
    KeywordUse,
    Event,
)


def fold_keyword(keyword: str) -> str:
    """The form in which keywords are stored and compared; folding may lengthen, so it is cut."""
    return keyword.strip().casefold()[:MAX_KEYWORD].strip()


class JournalEntry(StoreTable, table=True):
    """Batches of several tables, from before they are written until they are: see ``journal``."""

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
    """A table as SQLAlchemy knows it."""
    return StoreTable.metadata.tables[table.__tablename__]


def row_key(table: type[AudienceTable]) -> tuple[str, ...]:
    """The columns that a shop's rows are replaced by."""
    return tuple(column.name for column in sql_table(table).primary_key if column.name != "shop_id")


def contact_column(table: str) -> str:
    """Return the name of the column with the contact of a table's rows."""
    return "id" if table == Contact.__tablename__ else "contact_id"


def has_id_key(table: type[AudienceTable]) -> bool:
    """Whether rows are found again by their own id, although sorted by contact."""
    return row_key(table) == ("contact_id", "id")


def readable_tables() -> Mapping[str, Table]:
    """The tables that a statement may name: all that any class declares, whoever imported it.

    A table of a plugin that was left out is among them, so that it is filtered as the others are.
    """
    return {
        name: table
        for name, table in StoreTable.metadata.tables.items()
        if TABLE_NAME.fullmatch(name) and name != JournalEntry.__tablename__
    }

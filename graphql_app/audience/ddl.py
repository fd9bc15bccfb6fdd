"""How the tables lie: in one database, or over the shards and replicas of a cluster.

On a cluster a table of contacts' facts is one of every shard, NAME_local, replicated within the
shard, and NAME stands for all of them. A contact's rows are all in one shard, so what a statement
says of a contact is found there. Whatever is not of contacts is whole on every node: products,
which every shard looks up titles in, the journal and the feed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql_app.audience.tables import (
    FEED,
    AudienceTable,
    JournalEntry,
    Product,
    StoreTable,
    contact_column,
    has_id_key,
    sql_table,
)

LOCAL = "_local"

# Rows are wanted for as long as a process may be behind; the server's clock dates them all.
FEED_COLUMNS = (
    "`writer` String, `number` UInt64, `done` Bool, `shop_id` UInt64, `touched` String, "
    "`at` DateTime64(3, 'UTC') DEFAULT now64(3)"
)
FEED_ENGINE = "MergeTree() ORDER BY at TTL toDateTime(at) + INTERVAL 1 HOUR"

EVERYWHERE = frozenset({Product.__tablename__, JournalEntry.__tablename__, FEED})

# Where rows are, on a cluster: what a subquery reads is read where the contact is, and no shard is
# left out because it does not answer.
CLUSTER_READ_SETTINGS = {"distributed_product_mode": "local", "skip_unavailable_shards": 0}

# Seconds in which all replicas must have what is inserted.
QUORUM_TIMEOUT = 60

# An insert returns once the rows are with all replicas, not once they are kept to be sent.
CLUSTER_INSERT_SETTINGS = {
    "distributed_foreground_insert": 1,
    "insert_quorum_timeout": 1000 * QUORUM_TIMEOUT,
}


@dataclass(frozen=True, slots=True)
class TableLayout:
    """Where the tables of a database are.

    Attributes:
        database: The database.
        cluster: The cluster's name in the servers' configuration; empty where there is none.
    """

    database: str
    cluster: str = ""

    def is_sharded(self, table: str) -> bool:
        """Whether a table's rows are spread over shards, so that an insert is not atomic."""
        return bool(self.cluster) and table not in EVERYWHERE

    def local_name(self, table: str) -> str:
        """The name of the table that holds the rows, on each node."""
        return f"{table}{LOCAL}" if self.is_sharded(table) else table

    def logical_name(self, on_disk: str) -> str:
        """The name of a table by that of the one that holds its rows."""
        return on_disk.removesuffix(LOCAL) if self.cluster else on_disk

    @property
    def on_cluster_clause(self) -> str:
        """What a statement about tables says to be carried out on every node."""
        return f" ON CLUSTER {self.cluster}" if self.cluster else ""

    @property
    def read_settings(self) -> Mapping[str, Any]:
        """Settings that statements need."""
        return CLUSTER_READ_SETTINGS if self.cluster else {}

    def create_table_sql(self, table: type[StoreTable]) -> Sequence[str]:
        """The statements that create a table, unless it is there, and add what it has not yet."""
        declared: Any = sql_table(table)
        name = table.__tablename__
        columns = ", ".join(f"`{column.name}` {column.type}" for column in declared.columns)
        engine = " ".join(declared.engine.compile().removeprefix("Engine ").split())
        made = self._create(name, columns, engine)
        if not issubclass(table, AudienceTable):
            return made
        adding = additions(table)
        return [
            *made,
            self._alter(self.local_name(name), [*adding, *_indexes(table)]),
            *([self._alter(name, adding)] if self.is_sharded(name) else ()),
        ]

    def create_change_feed_sql(self) -> Sequence[str]:
        """The statements that create the table of the change feed."""
        return self._create(FEED, FEED_COLUMNS, FEED_ENGINE)

    def create_database_sql(self) -> str:
        """The statement that creates the database; it is for the operator to execute."""
        return f"CREATE DATABASE IF NOT EXISTS `{self.database}`{self.on_cluster_clause}"

    def _create(self, name: str, columns: str, engine: str) -> list[str]:
        on_disk = self.local_name(name)
        begin = f"{self.on_cluster_clause} ({columns}) ENGINE ="
        made = [f"CREATE TABLE IF NOT EXISTS `{on_disk}`{begin} {self._engine(name, engine)}"]
        if on_disk != name:
            made.append(
                f"CREATE TABLE IF NOT EXISTS `{name}`{begin} "
                f"Distributed('{self.cluster}', '{self.database}', '{on_disk}', "
                f"cityHash64(shop_id, {contact_column(name)}))"
            )
        return made

    def _engine(self, name: str, engine: str) -> str:
        """The engine, replicated on a cluster: within a shard, or over all nodes."""
        if not self.cluster:
            return engine
        shard, replica = ("", "{shard}-{replica}")
        if self.is_sharded(name):
            shard, replica = ("{shard}/", "{replica}")
        path = f"/clickhouse/tables/{shard}{self.database}/{name}"
        kind, given, rest = re.split(r"\((\w*)\)", engine, maxsplit=1)
        arguments = ", ".join([f"'{path}'", f"'{replica}'", *([given] if given else ())])
        return f"Replicated{kind}({arguments}){rest}"

    def _alter(self, on_disk: str, parts: Iterable[str]) -> str:
        return f"ALTER TABLE `{on_disk}`{self.on_cluster_clause} {', '.join(parts)}"


def additions(table: type[AudienceTable]) -> list[str]:
    """What adds missing columns; rows that are there have null or the type's zero."""
    return [
        f"ADD COLUMN IF NOT EXISTS `{column.name}` {column.type}"
        for column in sql_table(table).columns
        if not column.primary_key
    ]


def _indexes(table: type[AudienceTable]) -> list[str]:
    if not has_id_key(table):
        return []
    return ["ADD INDEX IF NOT EXISTS by_id id TYPE minmax GRANULARITY 1"]

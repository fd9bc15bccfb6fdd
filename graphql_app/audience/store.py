"""The store of facts: runs statements on ClickHouse as one shop, and inserts rows.

Isolation is the engine's. Every statement runs with a filter on every table of facts, set to the
caller's shop, so that no fragment reads another shop's rows, whatever it says; the same filters
hide deleted rows and, where asked for, all but a few contacts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Row, text
from sqlalchemy.engine import Connection, make_url

from graphql_app.audience.cancellation import current_cancellation
from graphql_app.audience.clickhouse import (
    ARROW_SETTINGS,
    ARROW_SINK,
    SETTINGS,
    AudienceUnavailableError,
    arrow,
    connect,
    failures,
    set_read_timeout,
    with_settings,
)
from graphql_app.audience.ddl import (
    CLUSTER_INSERT_SETTINGS,
    QUORUM_TIMEOUT,
    TableLayout,
    difference,
)
from graphql_app.audience.plugin_tables import build_fact_types
from graphql_app.audience.shard_safety import check_shard_safe
from graphql_app.audience.tables import (
    PARTITION,
    PARTITIONS,
    TABLES,
    AudienceTable,
    Contact,
    JournalEntry,
    Product,
    Statement,
    StoreTable,
    readable_tables,
)
from graphql_app.observability import traces
from graphql_app.observability.request_context import metrics

# Rows replaced but not yet merged away must not count: FINAL on every read. A partition that is
# one merged part costs nothing more (measured: 0.078 s with and without over 20 M rows).
# Rows being erased must not count either, from the moment the erasure is acknowledged.
# Of what FINAL merges, what the sort key rules out is not even read: for a thousand contacts all
# over 20 M rows, unmerged, that is 43 ms for 57.
# A rule within its limits may still be long as SQL.
READ_SETTINGS = {
    "max_ast_elements": 5_000_000,
    "max_expanded_ast_elements": 5_000_000,
    "final": 1,
    "do_not_merge_across_partitions_select_final": 1,
    "optimize_move_to_prewhere_if_final": 1,
    "apply_mutations_on_fly": 1,
}

QUERY_SETTINGS = {"apply_mutations_on_fly": 1}

# Seconds that a query of the host's own may take, as one for what a batch replaces. An insert may
# take as long on a cluster, until all replicas have it.
OWN_TIMEOUT = QUORUM_TIMEOUT

# Seconds that are waited for a server: for what it has to end by itself, longer than it may take;
# for what takes as long as it takes, as merging does, until nothing can be expected any more.
GRACE = 10
PATIENCE = 600

# One insert is one block is one part: all of it or nothing is there after a crash.
INSERT_SETTINGS = {
    "max_insert_block_size": 100_000_000,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 1,
    "async_insert": 0,  # as servers have it by default: rows would wait for those of others
}


@dataclass(frozen=True, slots=True)
class RenderedStatement:
    """SQL, the values that it binds by name, and the names by the keys of bound parameters."""

    text: str
    values: Mapping[str, Any]
    names: Mapping[str, str]


class Audience:
    """A connection to the facts.

    Args:
        url: A SQLAlchemy URL of the ``clickhousedb`` dialect.
        timeout: Seconds that a statement may take.
        memory: Bytes that a statement may use.
        connections: How many statements run at once.
        tables: Plugins' tables, which are there beside the built-in ones.
        cluster: The cluster that the tables are spread over, if they are.
        slow_rule_seconds: Seconds after which an answer is told in the log.

    Attributes:
        tables: All tables of facts.
        facts: What they hold, as files and mutations give it.
        timeout: Seconds that a statement may take.
        layout: Where the tables are.
        slow_rule_seconds: Seconds after which an answer is told in the log.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30,
        memory: int = 4 * 1024**3,
        connections: int = 4,
        tables: Iterable[type[AudienceTable]] = (),
        slow_rule_seconds: float = math.inf,
        cluster: str = "",
    ) -> None:
        self.use_plugin_tables(tables)
        self._engine = connect(url, connections)
        # The embedded engine shuts down with its last connection, and others are let go.
        self._last = self._engine.connect()
        self.database = make_url(url).database or "default"
        self.layout = TableLayout(self.database, cluster)
        self.timeout = timeout
        self.slow_rule_seconds = slow_rule_seconds
        self._limits = {"max_memory_usage": memory}

    def use_plugin_tables(self, tables: Iterable[type[AudienceTable]]) -> None:
        """Have these plugins' tables beside the built-in ones, and no others."""
        plugins = tuple(tables)
        self.tables = (*TABLES, *plugins)
        self.facts = build_fact_types(plugins)

    def create_tables(self, tables: Sequence[type[AudienceTable]] | None = None) -> None:
        """Create the tables that are missing, and the columns that are missing in the others.

        Args:
            tables: Those; all that the audience has when left out.

        Raises:
            AudienceUnavailableError: As for ``check_tables``.
        """
        tables = self.tables if tables is None else tables
        self.check_tables(tables)
        created: list[type[StoreTable]] = [*tables, JournalEntry]
        for table in created:
            for statement in self.layout.create_table_sql(table):
                self.command(statement)

    def check_tables(self, tables: Sequence[type[AudienceTable]] | None = None) -> None:
        """See whether the tables can be created, as far as that shows without creating any.

        Args:
            tables: Those; all that the audience has when left out.

        Raises:
            AudienceUnavailableError: A table is there that was declared in another way, or the
                server does not know the cluster.
        """
        tables = self.tables if tables is None else tables
        if self.layout.cluster:
            self._replicas_and_nodes()
        on_disk = self.query_unfiltered(
            "SELECT table, name, type, is_in_sorting_key FROM system.columns "
            f"WHERE database = '{self.database}'"
        )
        # What stands for a table on a cluster sorts nothing.
        rows = [
            {**row, "table": self.layout.logical_name(row["table"])}
            for row in on_disk.to_pylist()
            if row["table"] == self.layout.local_name(self.layout.logical_name(row["table"]))
        ]
        found = difference(tables, rows) or self._of_one_server(tables)
        if found is not None:
            raise AudienceUnavailableError(
                f"The audience has the table {found}: keep to what it was, or give the new table "
                "another name."
            )

    def has_table(self, table: str) -> bool:
        """Whether a table has been created."""
        return bool(self.query_unfiltered(f"EXISTS TABLE `{table}`")["result"][0].as_py())

    def _of_one_server(self, tables: Sequence[type[AudienceTable]]) -> str | None:
        """Where a table that should be spread over a cluster was made as one of a server."""
        if not self.layout.cluster:
            return None
        on_disk = self.query_unfiltered(
            f"SELECT name, engine FROM system.tables WHERE database = '{self.database}'"
        )
        engines = {row["name"]: row["engine"] for row in on_disk.to_pylist()}
        for name in (table.__tablename__ for table in tables):
            if self.layout.is_sharded(name) and engines.get(name, "Distributed") != "Distributed":
                return f"{name} with the engine {engines[name]}, where Distributed is declared"
        return None

    def close(self) -> None:
        """Close every connection; what was acknowledged is on disk."""
        self._last.close()
        self._engine.dispose()

    def fetch_rows(
        self,
        statement: Statement,
        shop_id: int,
        contacts: Iterable[int] | None = None,
        timeout: float = math.inf,
        tables: Collection[str] | None = None,
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Execute a statement that sees one shop and, if given, a few of its contacts only.

        Args:
            statement: What to select.
            shop_id: The shop.
            contacts: The contacts.
            timeout: Seconds that it may take, if fewer than any statement may.
            tables: The tables that it reads, if that is known: a filter of many contacts takes
                time for each table that has it.

        Raises:
            AppError: TIMEOUT when it took too long, LIMIT_EXCEEDED when it needed too much memory,
                UNAVAILABLE when the engine failed.
            NotShardSafeError: On a cluster, where the answer might be another than on a server.
        """
        self._check(statement)
        settings = self._read_settings(shop_id, contacts, timeout, tables)
        with self._reading() as connection:
            return connection.execute(statement, execution_options={SETTINGS: settings}).fetchall()

    def fetch_table(
        self,
        statement: Statement,
        shop_id: int,
        contacts: Iterable[int] | None = None,
        timeout: float = math.inf,
        tables: Collection[str] | None = None,
        final: bool = True,
    ) -> pa.Table:
        """As ``rows``, for many of them: an Arrow table.

        Unless ``final``, rows that were replaced may be among them.
        """
        self._check(statement)
        found: list[pa.Table] = []
        settings = self._read_settings(shop_id, contacts, timeout, tables)
        options = {
            SETTINGS: {**settings, **ARROW_SETTINGS, **({} if final else {"final": 0})},
            ARROW_SINK: found.append,
        }
        with self._reading() as connection:
            connection.execute(statement, execution_options=options)
        return found[0]

    def _check(self, statement: Statement) -> None:
        if self.layout.cluster:
            check_shard_safe(statement)

    def render(self, statement: Statement) -> RenderedStatement:
        """A statement's SQL and the values that it binds, by which statements are told apart."""
        compiled = statement.compile(
            dialect=self._engine.dialect, compile_kwargs={"render_postcompile": True}
        )
        names = {bind.key: name for bind, name in getattr(compiled, "bind_names", {}).items()}
        return RenderedStatement(str(compiled), compiled.params, names)

    def _read_settings(
        self,
        shop_id: int,
        contacts: Iterable[int] | None,
        timeout: float,
        tables: Collection[str] | None = None,
    ) -> dict[str, Any]:
        cancellation = current_cancellation.get()
        return {
            **READ_SETTINGS,
            **self.layout.read_settings,
            **({} if cancellation is None else cancellation.begin_statement(self)),
            "additional_table_filters": self._filters(shop_id, contacts, tables),
            **self._limits,
            "max_execution_time": min(timeout, self.timeout),
        }

    def _filters(
        self, shop_id: int, contacts: Iterable[int] | None, tables: Collection[str] | None
    ) -> dict[str, str]:
        filters = {f"{self.database}.{JournalEntry.__tablename__}": "0"}
        # An array is one literal; a list of a thousand is as many, which takes 5 ms to analyse.
        ids = None if contacts is None else ", ".join(str(int(id)) for id in contacts)
        for name, table in readable_tables().items():
            condition = f"shop_id = {int(shop_id)} AND NOT deleted"
            key = contact_column(name)
            read = tables is None or name in tables
            if ids is not None and read and key in table.columns:
                condition += f" AND {key} IN [{ids}]" if ids else " AND 0"
            # On a cluster the engine takes that of the table which a statement reads first to the
            # shards; what its subqueries read there has the names of the shards' own tables.
            for each in {name, self.layout.local_name(name)}:
                filters[f"{self.database}.{each}"] = condition
        return filters

    def query_unfiltered(
        self, query: str, text: bool = True, timeout: float | None = None
    ) -> pa.Table:
        """Execute a query of the host's own, without filters, and return it as Arrow.

        Args:
            query: What to select.
            text: Whether strings come as text, or as the bytes that they are.
            timeout: Seconds that it may take; ``OWN_TIMEOUT`` when left out.
        """
        timeout = OWN_TIMEOUT if timeout is None else timeout
        strings = {"output_format_arrow_string_as_string": int(text)}
        settings = {
            **QUERY_SETTINGS,
            **self.layout.read_settings,
            **ARROW_SETTINGS,
            **strings,
            "max_execution_time": timeout,
        }
        with self._client(timeout + GRACE) as client:
            return arrow(client, with_settings(query, settings))

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows, which are on disk on return; all or none of them, unless they are spread."""
        if rows.num_rows:
            settings = {**INSERT_SETTINGS, **self._quorum(table)}
            with self._client(OWN_TIMEOUT + GRACE) as client:
                client.insert_arrow(table, rows.combine_chunks(), settings=settings)

    def _quorum(self, table: str) -> Mapping[str, Any]:
        """Settings by which an insert returns once all who may read the table have the rows.

        Of the replicas that the cluster is said to have now: one that is taken out of its
        configuration is not waited for any more.
        """
        if not self.layout.cluster:
            return {}
        replicas, nodes = self._replicas_and_nodes()
        quorum = replicas if self.layout.is_sharded(table) else nodes
        return {**CLUSTER_INSERT_SETTINGS, "insert_quorum": quorum}

    def _replicas_and_nodes(self) -> tuple[int, int]:
        """How many replicas each shard of the cluster has, and how many nodes there are."""
        found = self.query_unfiltered(
            "SELECT max(replica_num) AS replicas, count() AS nodes FROM system.clusters "
            f"WHERE cluster = '{self.layout.cluster}'"
        )
        replicas, nodes = found["replicas"][0].as_py(), found["nodes"][0].as_py()
        if not nodes:
            raise AudienceUnavailableError(
                f"AUDIENCE_CLUSTER: the server knows no cluster named {self.layout.cluster}; "
                "add it to remote_servers in the configuration of each node."
            )
        return replicas, nodes

    def list_contact_tables(self) -> Sequence[str]:
        """The tables with rows of contacts, those of plugins that are not there any more included.

        Such are told by their partitions and sort keys.
        """
        known = [table.__tablename__ for table in self.tables if table is not Product]
        found = self.query_unfiltered(
            f"SELECT name FROM system.tables WHERE database = '{self.database}' "
            f"AND engine LIKE '%ReplacingMergeTree' AND partition_key = '{PARTITION}' "
            "AND startsWith(sorting_key, 'shop_id, contact_id')"
        )
        others = map(self.layout.logical_name, found["name"].to_pylist())
        return [*dict.fromkeys([*known, *others])]

    def erase(self, table: str, shop_id: int, contacts: Iterable[int]) -> None:
        """Delete the rows of contacts for good.

        They are out of every answer on return, and off the disk as soon as the engine has
        rewritten the parts that held them, which it takes up again after a crash. On a cluster they
        are off the disks of all replicas, since one of them may come to know later than another.
        """
        ids = ", ".join(str(int(contact)) for contact in contacts)
        with self._client(PATIENCE if self.layout.cluster else OWN_TIMEOUT + GRACE) as client:
            client.command(
                f"ALTER TABLE {self._on_disk(table)} DELETE IN PARTITION {shop_id % PARTITIONS} "
                f"WHERE shop_id = {int(shop_id)} AND {contact_column(table)} IN ({ids})",
                settings={"mutations_sync": 2 if self.layout.cluster else 0},
            )

    def merge_parts(self, table: str, shop_id: int) -> None:
        """Merge the parts of a shop's partition into one, so that reads cost least."""
        with self._client() as client:
            client.command(
                f"OPTIMIZE TABLE {self._on_disk(table)} PARTITION {shop_id % PARTITIONS} FINAL",
                settings={"optimize_skip_merged_partitions": 1},
            )

    def _on_disk(self, table: str) -> str:
        """What a statement says to be about a table on every node."""
        return f"`{self.layout.local_name(table)}`{self.layout.on_cluster_clause}"

    def command(self, statement: str, patience: float = PATIENCE) -> None:
        """Execute a statement of the host's own that returns nothing.

        Args:
            statement: What to do.
            patience: Seconds to wait for a server that says nothing.
        """
        with self._client(patience) as client:
            client.command(statement)

    def kill_statements(self, name: str) -> None:
        """End the statements of the work of that name, if any are going on."""
        self.command(
            f"KILL QUERY{self.layout.on_cluster_clause} "
            f"WHERE Settings['log_comment'] = '{name}' ASYNC",
            GRACE,
        )

    def ping(self) -> None:
        """Answer, or raise UNAVAILABLE."""
        with self._connection(GRACE) as connection:
            connection.execute(text("SELECT 1"))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A connection for a statement that is timed."""
        with (
            traces.span("audience statement"),
            metrics().statements.time(),
            self._connection(self.timeout + GRACE) as connection,
        ):
            yield connection

    @contextmanager
    def _client(self, patience: float = PATIENCE) -> Iterator[Any]:
        """The driver's own client of a connection."""
        with self._connection(patience) as connection:
            driver: Any = connection.connection.dbapi_connection
            yield driver.client

    @contextmanager
    def _connection(self, patience: float = PATIENCE) -> Iterator[Connection]:
        """A connection that waits so many seconds for an answer.

        It is not used again once a statement has failed on it.

        The embedded engine gives what a failed statement had put out to the next statement of that
        connection, as the beginning of its result: rows of another shop, or what cannot be read.
        """
        with failures(), self._engine.connect() as connection:
            driver: Any = connection.connection.dbapi_connection
            set_read_timeout(driver.client, patience)
            try:
                yield connection
            except BaseException:
                connection.invalidate()
                raise


def contact_column(table: str) -> str:
    """The column that says of which contact a row is."""
    return "id" if table == Contact.__tablename__ else "contact_id"

"""The audience: executes statements for one shop at a time, and writes rows.

Every statement runs with filters that the engine applies to each table of facts. They let through
the rows of one shop only, whatever the statement says, and hide deleted rows. On request, they also
let through the rows of some contacts only.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Result, Row, make_url, text

from graphql_app.audience.as_of import AsOf
from graphql_app.audience.cancellation import current_cancellation
from graphql_app.audience.clickhouse import (
    ARROW_SETTINGS,
    ARROW_SINK,
    STATEMENT_SETTINGS,
    ConnectionPool,
    add_settings,
    query_arrow,
)
from graphql_app.audience.clickhouse_errors import AudienceUnavailableError
from graphql_app.audience.ddl import CLUSTER_INSERT_SETTINGS, QUORUM_TIMEOUT, TableLayout
from graphql_app.audience.plugin_tables import build_fact_types
from graphql_app.audience.shard_safety import check_shard_safe
from graphql_app.audience.statements import (
    INSERT_SETTINGS,
    READ_SETTINGS,
    UNFILTERED_SETTINGS,
    RenderedStatement,
    render,
    table_filters,
)
from graphql_app.audience.tables import PARTITIONS, TABLES, AudienceTable, Statement, contact_column
from graphql_app.observability import traces
from graphql_app.observability.request_context import metrics

# Seconds that an unfiltered query may take. On a cluster, an insert may take as long, until all
# replicas have its rows.
UNFILTERED_TIMEOUT = QUORUM_TIMEOUT

# Seconds to wait for a server beyond a statement's own limit, and for statements without a limit,
# such as merges.
GRACE = 10
LONG_TIMEOUT = 600


class Audience:
    """An open audience, the store of contacts and facts.

    Args:
        url: A SQLAlchemy URL of the ``clickhousedb`` dialect.
        timeout: Seconds that a statement may take.
        memory: Bytes that a statement may use.
        connections: How many statements can run at once.
        tables: The tables of plugins; the attribute has the built-in tables, too.
        slow_rule_seconds: Seconds after which an evaluation is logged as slow.
        cluster: The name of the cluster that the tables are sharded over, if any.

    Raises:
        AudienceUnavailableError: The store cannot be opened.
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
        self._pool = ConnectionPool(url, connections)
        self.database = make_url(url).database or "default"
        self.layout = TableLayout(self.database, cluster)
        self.timeout = timeout
        self.slow_rule_seconds = slow_rule_seconds
        self._limits = {"max_memory_usage": memory}

    def use_plugin_tables(self, tables: Iterable[type[AudienceTable]]) -> None:
        """Use these tables of plugins, and no others, beside the built-in ones."""
        plugins = tuple(tables)
        self.tables = (*TABLES, *plugins)
        self.facts = build_fact_types(plugins)

    def close(self) -> None:
        """Close every connection; everything that was acknowledged is on disk."""
        self._pool.close()

    @property
    def is_failing(self) -> bool:
        """Whether the store has not answered lately."""
        return self._pool.health.is_failing()

    def ping(self) -> None:
        """Raise an ``AppError`` if the store does not answer."""
        with self._pool.connection(GRACE) as connection:
            connection.execute(text("SELECT 1"))

    def fetch_rows(
        self,
        statement: Statement,
        shop_id: int,
        contacts: Iterable[int] | None = None,
        timeout: float = math.inf,
        tables: Collection[str] | None = None,
        as_of: AsOf | None = None,
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """Execute a statement on the facts of one shop.

        Args:
            contacts: If given, the statement only sees the rows of these contacts.
            timeout: Seconds that it may take, if fewer than the store's timeout.
            tables: The tables that it reads, if known: a filter of many contacts takes time for
                each table that has it.
            as_of: The instant that the statement sees, if some facts come later.

        Raises:
            AppError: TIMEOUT or LIMIT_EXCEEDED if it took too long or needed too much memory,
                UNAVAILABLE if the engine failed.
            NotShardSafeError: On a cluster, the result could differ from the one on a server.
            WorkCancelledError: The request was cancelled.
        """
        filters = table_filters(self.layout, shop_id, contacts, tables)
        with self._execute(statement, filters, timeout, as_of) as result:
            return result.fetchall()

    def fetch_table(
        self,
        statement: Statement,
        shop_id: int,
        contacts: Iterable[int] | None = None,
        timeout: float = math.inf,
        tables: Collection[str] | None = None,
        as_of: AsOf | None = None,
        final: bool = True,
    ) -> pa.Table:
        """Do the same as ``fetch_rows``, but return an Arrow table, which is faster for many rows.

        Unless ``final``, the result may include rows that have been replaced.
        """
        filters = table_filters(self.layout, shop_id, contacts, tables)
        settings = {**ARROW_SETTINGS, **({} if final else {"final": 0})}
        found: list[pa.Table] = []
        with self._execute(statement, filters, timeout, as_of, settings, found.append):
            return found[0]

    def render(self, statement: Statement) -> RenderedStatement:
        return render(statement, self._pool.dialect)

    @contextmanager
    def _execute(
        self,
        statement: Statement,
        filters: Mapping[str, str],
        timeout: float,
        as_of: AsOf | None,
        settings: Mapping[str, Any] | None = None,
        sink: Callable[[pa.Table], None] | None = None,
    ) -> Iterator[Result[*tuple[Any, ...]]]:
        if self.layout.cluster:
            check_shard_safe(statement)
        if as_of is not None:
            statement = as_of.apply(statement, self.database)
        cancellation = current_cancellation.get()
        all_settings = {
            **READ_SETTINGS,
            **self.layout.read_settings,
            **({} if cancellation is None else cancellation.begin_statement(self)),
            "additional_table_filters": filters,
            **self._limits,
            "max_execution_time": min(timeout, self.timeout),
            **(settings or {}),
        }
        with (
            traces.span("audience statement"),
            metrics().statements.time(),
            self._pool.connection(self.timeout + GRACE) as connection,
        ):
            options = {STATEMENT_SETTINGS: all_settings, ARROW_SINK: sink}
            yield connection.execute(statement, execution_options=options)

    def query_unfiltered(
        self, query: str, text: bool = True, timeout: float | None = None
    ) -> pa.Table:
        """Execute a query that sees all shops and deleted rows, and return an Arrow table.

        It may take ``timeout`` seconds, ``UNFILTERED_TIMEOUT`` by default. Unless ``text``, strings
        are returned as bytes.
        """
        timeout = UNFILTERED_TIMEOUT if timeout is None else timeout
        settings = {
            **UNFILTERED_SETTINGS,
            **self.layout.read_settings,
            **ARROW_SETTINGS,
            "output_format_arrow_string_as_string": int(text),
            "max_execution_time": timeout,
        }
        with self._pool.client(timeout + GRACE) as client:
            return query_arrow(client, add_settings(query, settings))

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows, which are on disk on return.

        The insert is atomic, unless the table is sharded over a cluster.
        """
        if rows.num_rows:
            settings: dict[str, Any] = {**INSERT_SETTINGS}
            if self.layout.cluster:
                # Wait until every replica has the rows. Replicas that were removed from the
                # cluster's configuration do not count.
                replicas, nodes = self.cluster_size()
                quorum = replicas if self.layout.is_sharded(table) else nodes
                settings |= {**CLUSTER_INSERT_SETTINGS, "insert_quorum": quorum}
            with self._pool.client(UNFILTERED_TIMEOUT + GRACE) as client:
                client.insert_arrow(table, rows.combine_chunks(), settings=settings)

    def cluster_size(self) -> tuple[int, int]:
        """Return the number of replicas per shard and of nodes; raise for an unknown cluster."""
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

    def erase(self, table: str, shop_id: int, contacts: Iterable[int]) -> None:
        """Delete the rows of contacts for good.

        After this returns, no statement sees them. They are deleted from the disk when the engine
        has rewritten the parts with them, which it continues after a crash. On a cluster this waits
        until they are deleted from the disks of all replicas, because replicas learn of deletions
        at different times.
        """
        ids = ", ".join(str(int(contact)) for contact in contacts)
        self._mutate(table, shop_id, "DELETE", f"{contact_column(table)} IN ({ids})")

    def clear_column(self, table: str, shop_id: int, column: str, condition: str) -> None:
        """Make a column of texts blank in some rows for good; ``erase`` says when."""
        self._mutate(table, shop_id, f"UPDATE {column} = ''", condition)

    def _mutate(self, table: str, shop_id: int, change: str, condition: str) -> None:
        self.command(
            f"ALTER TABLE {self._name_on_nodes(table)} {change} "
            f"IN PARTITION {shop_id % PARTITIONS} WHERE shop_id = {int(shop_id)} AND ({condition})",
            LONG_TIMEOUT if self.layout.cluster else UNFILTERED_TIMEOUT + GRACE,
            {"mutations_sync": 2 if self.layout.cluster else 0},
        )

    def merge_parts(self, table: str, shop_id: int) -> None:
        """Merge the parts of a shop's partition into one, so that reading it is fast."""
        self.command(
            f"OPTIMIZE TABLE {self._name_on_nodes(table)} PARTITION {shop_id % PARTITIONS} FINAL",
            settings={"optimize_skip_merged_partitions": 1},
        )

    def _name_on_nodes(self, table: str) -> str:
        return f"`{self.layout.local_name(table)}`{self.layout.on_cluster_clause}"

    def command(
        self, statement: str, timeout: float = LONG_TIMEOUT, settings: dict[str, Any] | None = None
    ) -> None:
        """Execute a statement that returns nothing; wait ``timeout`` seconds for the server."""
        with self._pool.client(timeout) as client:
            client.command(statement, settings=settings)

    def kill_statements(self, name: str) -> None:
        self.command(
            f"KILL QUERY{self.layout.on_cluster_clause} "
            f"WHERE Settings['log_comment'] = '{name}' ASYNC",
            GRACE,
        )

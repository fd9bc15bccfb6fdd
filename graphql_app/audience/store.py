"""The store of facts: runs statements on ClickHouse as one shop, and inserts rows.

Isolation is the engine's. Every statement runs with a filter on every table of facts, set to the
caller's shop, so that no fragment reads another shop's rows, whatever it says; the same filters
hide deleted rows and, where asked for, all but a few contacts.
"""

from __future__ import annotations

import fcntl
import logging
import math
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.binding import DT64Param
from clickhouse_connect.driver.exceptions import ClickHouseError
from sqlalchemy import Row, create_engine, event, text
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from graphql_app.audience.declared import all_facts
from graphql_app.audience.layout import additions, difference
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
    stored,
)
from graphql_app.errors import AppError, ErrorCode
from graphql_app.hiding import secrets_in, without
from graphql_app.observing import traces
from graphql_app.observing.exchange import metrics

logger = logging.getLogger(__name__)

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

# Arrow is handed over in this process or to the next machine: packing it costs more than it saves
# (800,000 sums: 90 ms for 132).
ARROW_SETTINGS = {"output_format_arrow_compression_method": "none"}

# Of a session, since a statement's own settings come too late for it: lookups of a batch name its
# identifiers, and filters of contacts those, so their text is long.
MAX_QUERY_SIZE = 256 * 1024**2

# One insert is one block is one part: all of it or nothing is there after a crash.
INSERT_SETTINGS = {
    "max_insert_block_size": 100_000_000,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 1,
}


# The execution option with which a statement's result goes to a function, as an Arrow table.
ARROW_SINK = "arrow_sink"


class StoppedError(Exception):
    """The work was told to stop, since nobody waits for it any more."""


@dataclass(eq=False, slots=True)
class Work:
    """What is done in a thread for a request, which may be told to stop.

    Its statements bear its name in the engine, and are counted.
    """

    name: str = field(default_factory=lambda: secrets.token_hex(16))
    stopped: bool = False
    statements: int = 0
    audiences: set[Audience] = field(default_factory=set)

    def begins(self, audience: Audience) -> dict[str, str]:
        """The settings of a statement that it is about to execute.

        Raises:
            StoppedError: It was told to stop.
        """
        self.audiences.add(audience)
        self.statements += 1
        if self.stopped:
            raise StoppedError
        return {"log_comment": self.name}

    def stop(self) -> None:
        """Have it stop at its next statement, and end the one that is going on."""
        self.stopped = True
        for audience in [*self.audiences]:
            audience.end_statements(self.name)


# The work that a thread does, if it may be told to stop.
WORK: ContextVar[Work | None] = ContextVar("work", default=None)


@dataclass(frozen=True, slots=True)
class Written:
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
        slow: Seconds after which an answer is told in the log.

    Attributes:
        tables: All tables of facts.
        facts: What they hold, as files and mutations give it.
        timeout: Seconds that a statement may take.
        slow: Seconds after which an answer is told in the log.
    """

    def __init__(
        self,
        url: str,
        timeout: float = 30,
        memory: int = 4 * 1024**3,
        connections: int = 4,
        tables: Iterable[type[AudienceTable]] = (),
        slow: float = math.inf,
    ) -> None:
        self.adopt(tables)
        self._engine = self._open(url, connections)
        # The embedded engine shuts down with its last connection, and others are let go.
        self._last = self._engine.connect()
        self.database = make_url(url).database or "default"
        self.timeout = timeout
        self.slow = slow
        self._limits = {"max_memory_usage": memory}

    @staticmethod
    def _open(url: str, connections: int) -> Engine:
        try:
            engine = create_engine(
                url, poolclass=QueuePool, pool_size=connections + 1, max_overflow=2, pool_timeout=60
            )
            event.listen(engine, "connect", _prepare)
            event.listen(engine, "do_execute", _execute_as_arrow)
            engine.connect().close()
        except (SQLAlchemyError, ClickHouseError, RuntimeError, ImportError, ValueError) as error:
            reason = without(str(error).splitlines()[0][:300], secrets_in(url))
            raise AudienceUnavailableError(
                f"The audience at {embedded_in(url) or 'AUDIENCE_URL'} cannot be opened: {reason}"
            ) from error
        return engine

    def adopt(self, tables: Iterable[type[AudienceTable]]) -> None:
        """Have these plugins' tables beside the built-in ones, and no others."""
        plugins = tuple(tables)
        self.tables = (*TABLES, *plugins)
        self.facts = all_facts(plugins)

    def create_tables(self, tables: Sequence[type[AudienceTable]] | None = None) -> None:
        """Create the tables that are missing, and the columns that are missing in the others.

        Args:
            tables: Those; all that the audience has when left out.

        Raises:
            AudienceUnavailableError: A table is there that was declared in another way.
        """
        tables = self.tables if tables is None else tables
        with self._failures():
            made = [*map(stored, tables), stored(JournalEntry)]
            StoreTable.metadata.create_all(self._engine, made)
        for table in tables:
            self.command(additions(table))
        on_disk = self.arrow(
            "SELECT table, name, type, is_in_sorting_key FROM system.columns "
            f"WHERE database = '{self.database}'"
        )
        found = difference(tables, on_disk.to_pylist())
        if found is not None:
            raise AudienceUnavailableError(
                f"The audience has the table {found}: keep to what it was, or give the new table "
                "another name."
            )

    def close(self) -> None:
        """Close every connection; what was acknowledged is on disk."""
        self._last.close()
        self._engine.dispose()

    def rows(
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
        """
        settings = self._read_settings(shop_id, contacts, timeout, tables)
        with self._reading() as connection:
            return connection.execute(
                statement, execution_options={"settings": settings}
            ).fetchall()

    def table(
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
        found: list[pa.Table] = []
        settings = self._read_settings(shop_id, contacts, timeout, tables)
        options = {
            "settings": settings if final else {**settings, "final": 0},
            ARROW_SINK: found.append,
        }
        with self._reading() as connection:
            connection.execute(statement, execution_options=options)
        return found[0]

    def written(self, statement: Statement) -> Written:
        """A statement's SQL and the values that it binds, by which statements are told apart."""
        compiled = statement.compile(
            dialect=self._engine.dialect, compile_kwargs={"render_postcompile": True}
        )
        names = {bind.key: name for bind, name in getattr(compiled, "bind_names", {}).items()}
        return Written(str(compiled), compiled.params, names)

    def _read_settings(
        self,
        shop_id: int,
        contacts: Iterable[int] | None,
        timeout: float,
        tables: Collection[str] | None = None,
    ) -> dict[str, Any]:
        work = WORK.get()
        return {
            **READ_SETTINGS,
            **({} if work is None else work.begins(self)),
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
            key = contact_key(name)
            read = tables is None or name in tables
            if ids is not None and read and key in table.columns:
                condition += f" AND {key} IN [{ids}]" if ids else " AND 0"
            filters[f"{self.database}.{name}"] = condition
        return filters

    def arrow(self, query: str, text: bool = True) -> pa.Table:
        """Execute a query of the host's own, without filters, and return it as Arrow.

        Strings come as text, or as the bytes that they are when ``text`` is false.
        """
        strings = {"output_format_arrow_string_as_string": int(text)}
        with self._client() as client:
            return _arrow(client, query, None, {**QUERY_SETTINGS, **strings})

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows, all or none of them; they are on disk on return."""
        if rows.num_rows:
            with self._client() as client:
                client.insert_arrow(table, rows.combine_chunks(), settings=INSERT_SETTINGS)

    def tables_of_contacts(self) -> Sequence[str]:
        """The tables with rows of contacts, those of plugins that are not there any more included.

        Such are told by their partitions and sort keys.
        """
        known = [table.__tablename__ for table in self.tables if table is not Product]
        found = self.arrow(
            f"SELECT name FROM system.tables WHERE database = '{self.database}' "
            f"AND engine LIKE '%ReplacingMergeTree' AND partition_key = '{PARTITION}' "
            "AND startsWith(sorting_key, 'shop_id, contact_id')"
        )
        return [*dict.fromkeys([*known, *found["name"].to_pylist()])]

    def erase(self, table: str, shop_id: int, contacts: Iterable[int]) -> None:
        """Delete the rows of contacts for good.

        They are out of every answer on return, and off the disk as soon as the engine has
        rewritten the parts that held them, which it takes up again after a crash.
        """
        ids = ", ".join(str(int(contact)) for contact in contacts)
        with self._client() as client:
            client.command(
                f"ALTER TABLE {table} DELETE IN PARTITION {shop_id % PARTITIONS} "
                f"WHERE shop_id = {int(shop_id)} AND {contact_key(table)} IN ({ids})",
                settings={"mutations_sync": 0},
            )

    def merge(self, table: str, shop_id: int) -> None:
        """Merge the parts of a shop's partition into one, so that reads cost least."""
        with self._client() as client:
            client.command(
                f"OPTIMIZE TABLE {table} PARTITION {shop_id % PARTITIONS} FINAL",
                settings={"optimize_skip_merged_partitions": 1},
            )

    def command(self, statement: str) -> None:
        """Execute a statement of the host's own that returns nothing."""
        with self._client() as client:
            client.command(statement)

    def end_statements(self, name: str) -> None:
        """End the statements of the work of that name, if any are going on."""
        self.command(f"KILL QUERY WHERE Settings['log_comment'] = '{name}' ASYNC")

    def ping(self) -> None:
        """Answer, or raise UNAVAILABLE."""
        with self._connection() as connection:
            connection.execute(text("SELECT 1"))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A connection for a statement that is timed."""
        with (
            traces.span("audience statement"),
            metrics().statements.time(),
            self._connection() as connection,
        ):
            yield connection

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """The driver's own client of a connection."""
        with self._connection() as connection:
            driver: Any = connection.connection.dbapi_connection
            yield driver.client

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection, which is not used again once a statement has failed on it.

        The embedded engine gives what a failed statement had put out to the next statement of that
        connection, as the beginning of its result: rows of another shop, or what cannot be read.
        """
        with self._failures(), self._engine.connect() as connection:
            try:
                yield connection
            except BaseException:
                connection.invalidate()
                raise

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, ClickHouseError) as error:
            raise _failure(error) from error


def contact_key(table: str) -> str:
    """The column that says of which contact a row is."""
    return "id" if table == Contact.__tablename__ else "contact_id"


def _prepare(connection: Any, _: object) -> None:
    # clickhouse-connect writes times in the server's zone, which for the embedded engine is that of
    # the process; the columns that they are compared with are in UTC.
    connection.client.server_tz = UTC
    connection.client.set_client_setting("max_query_size", MAX_QUERY_SIZE)


def _execute_as_arrow(cursor: Any, sql: str, parameters: Any, context: Any) -> bool:
    """Execute a statement that has a sink for Arrow, bound as any other; others are left alone."""
    sink = context.execution_options.get(ARROW_SINK)
    if sink is None:
        return False
    # As a DateTime64, which the driver makes of instants only where it executes them itself.
    values = {
        name: DT64Param(value) if isinstance(value, datetime) else value
        for name, value in (parameters or {}).items()
    }
    if not values:
        sql = sql.replace("%%", "%")
    sink(_arrow(cursor.client, sql, values or None, context.execution_options["settings"]))
    return True


def _arrow(
    client: Any, query: str, values: Mapping[str, Any] | None, settings: Mapping[str, Any]
) -> pa.Table:
    """Execute a query, and return its result as Arrow."""
    # The driver's own method would set each setting with a statement and take it back with another.
    clause = ", ".join(
        f"{name} = {_quoted(value)}" for name, value in {**settings, **ARROW_SETTINGS}.items()
    )
    answer = client.raw_query(f"{query}\nSETTINGS {clause}", values, fmt="Arrow")
    return pa.ipc.open_file(pa.py_buffer(answer)).read_all()


def _quoted(value: Any) -> str:
    """A value of a setting as SQL; the engine makes of text what the setting is."""
    if isinstance(value, Mapping):
        pairs = (f"{_quoted(key)}: {_quoted(each)}" for key, each in value.items())
        value = f"{{{', '.join(pairs)}}}"
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


class AudienceUnavailableError(AppError):
    """The store of facts cannot be used; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, message)


class AudienceTakenError(AudienceUnavailableError):
    """The embedded store is open in another process."""


def embedded_in(url: str) -> str | None:
    """The directory of an embedded store; ``None`` for a server."""
    path = make_url(url).query.get("path") if url.startswith("clickhousedb:") else None
    return path if isinstance(path, str) else None


def refuse_if_taken(url: str) -> None:
    """Refuse an embedded store that is open already, before the engine prints that it failed.

    Raises:
        AudienceTakenError: It is open, in all likelihood in another process.
    """
    path = embedded_in(url)
    if path is None:
        return
    try:
        with (Path(path) / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AudienceTakenError(
            f"Another process has the audience in {path} open, e.g. a running server: the embedded "
            "store serves one process at a time. Stop that process, or set DATA_DIR to another "
            "directory, or AUDIENCE_URL to a ClickHouse server."
        ) from None
    except OSError:
        return  # not there yet, or the engine will say what is wrong


def _failure(error: Exception) -> Exception:
    # The driver's own words, without the statement that SQLAlchemy adds, and so a user's.
    reason = str(getattr(error, "orig", error))
    work = WORK.get()
    if "QUERY_WAS_CANCELLED" in reason and work is not None and work.stopped:
        return StoppedError()
    if "TOO_BIG_AST" in reason or "TOO_DEEP_AST" in reason or "Max query size" in reason:
        return AppError(ErrorCode.LIMIT_EXCEEDED, "This is too long a rule; shorten its lists.")
    if "MEMORY_LIMIT_EXCEEDED" in reason:
        return AppError(
            ErrorCode.LIMIT_EXCEEDED,
            "This needed more memory than a statement may have; ask for a simpler rule.",
        )
    if "TIMEOUT_EXCEEDED" in reason or "(TOO_SLOW)" in reason:  # it is foreseen that it would be
        return AppError(
            ErrorCode.TIMEOUT,
            "This took longer than a statement may; ask for a simpler rule or a narrower window.",
        )
    # What the engine says of a statement may quote a person's data; its code and name do not.
    code = re.match(r"(?s).*?(Code: \d+).*\(([A-Z0-9_]+)\)", reason)
    logger.error("the audience store failed: %.200s", " ".join(code.groups()) if code else reason)
    return AudienceUnavailableError("The audience store failed; try again in a moment.")

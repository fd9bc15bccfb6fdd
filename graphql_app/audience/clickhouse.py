"""Connections to ClickHouse: the embedded engine, or a server over HTTP."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.binding import DT64Param
from clickhouse_connect.driver.httpclient import HttpClient
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool
from urllib3 import Timeout

from graphql_app.audience.clickhouse_errors import (
    DRIVER_ERRORS,
    AudienceInUseError,
    AudienceUnavailableError,
    explain_connection_failure,
    translate_errors,
)
from graphql_app.observability.outages import StoreHealth
from graphql_app.redaction import find_secrets, redact

# Bytes of a statement, which may list many ids. It is a setting of the session: a statement's own
# settings are read only after its text.
MAX_QUERY_SIZE = 256 * 1024**2

# Execution options. The settings of a statement are written into its text: the URL of a request has
# no room for filters of many contacts. With a sink, the result goes to it as an Arrow table.
STATEMENT_SETTINGS = "statement_settings"
ARROW_SINK = "arrow_sink"

# Results stay in this process or go to the next machine: compressing them costs more than it saves
# (800,000 sums: 132 ms compressed, 90 ms not).
ARROW_SETTINGS = {"output_format_arrow_compression_method": "none"}

CONNECT_TIMEOUT = 5  # seconds

# No sessions: each statement is complete in itself, a session belongs to one server of several, and
# a lost connection would leave it locked there.
REMOTE_OPTIONS = {
    "autogenerate_session_id": False,
    "connect_timeout": CONNECT_TIMEOUT,
    "send_receive_timeout": 10,  # seconds to wait for each answer while a connection is set up
}


class ConnectionPool:
    """A pool of connections: at most ``size`` are in use at once, and one more stays open.

    Attributes:
        health: The outages of the store.

    Raises:
        AudienceUnavailableError: No connection can be opened.
    """

    def __init__(self, url: str, size: int) -> None:
        self.health = StoreHealth("the audience store")
        self._engine = _connect(url, size)
        # The embedded engine shuts down with its last connection.
        self._keepalive = self._engine.connect()
        self.dialect = self._engine.dialect

    @contextmanager
    def connection(self, read_timeout: float) -> Iterator[Connection]:
        """Check out a connection that waits ``read_timeout`` seconds for each chunk of an answer.

        A connection on which a statement failed is closed: the embedded engine would return the
        output of the failed statement, maybe rows of another shop, with the next result.
        """
        with translate_errors(self.health), self._engine.connect() as connection:
            client = _client_of(connection)
            if isinstance(client, HttpClient):
                client.timeout = Timeout(connect=CONNECT_TIMEOUT, read=read_timeout)
            try:
                yield connection
            except BaseException:
                connection.invalidate()
                raise

    @contextmanager
    def client(self, read_timeout: float) -> Iterator[Any]:
        with self.connection(read_timeout) as connection:
            yield _client_of(connection)

    def close(self) -> None:
        self._keepalive.close()
        self._engine.dispose()


def _client_of(connection: Connection) -> Any:
    driver: Any = connection.connection.dbapi_connection
    return driver.client


def _connect(url: str, size: int) -> Engine:
    try:
        remote = make_url(url).query.get("interface") != "chdb"
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=size + 1,
            max_overflow=2,
            pool_timeout=60,
            connect_args=REMOTE_OPTIONS if remote else {},
        )
        event.listen(engine, "connect", _set_up_connection)
        event.listen(engine, "before_cursor_execute", _write_settings, retval=True)
        event.listen(engine, "do_execute", _execute_as_arrow)
        engine.connect().close()
    except (*DRIVER_ERRORS, RuntimeError, ImportError, ValueError) as error:
        reason = redact(explain_connection_failure(error), find_secrets(url))
        raise AudienceUnavailableError(
            f"Cannot open the audience at {_describe_location(url)}: {reason}"
        ) from error
    return engine


def _describe_location(url: str) -> str:
    """Describe where an audience is, without secrets."""
    with suppress(SQLAlchemyError, ValueError):  # of a URL that cannot be parsed
        address = make_url(url)
        if address.host:
            port = f":{address.port}" if address.port else ""
            return f"{address.host}{port} (AUDIENCE_URL)"
        return embedded_path(url) or "AUDIENCE_URL"
    return "AUDIENCE_URL"


def _set_up_connection(connection: Any, _: object) -> None:
    # clickhouse-connect writes times in the server's zone, which for the embedded engine is the
    # zone of the process. The columns are in UTC.
    connection.client.server_tz = UTC
    connection.client.set_client_setting("max_query_size", MAX_QUERY_SIZE)


def _write_settings(
    _: Any, cursor: Any, sql: str, parameters: Any, context: Any, many: bool
) -> tuple[str, Any]:
    settings = context.execution_options.get(STATEMENT_SETTINGS)
    if settings:
        # The driver formats values into the text, so percent signs are doubled.
        sql += add_settings("", settings).replace("%", "%%")
        context.statement = sql
    return sql, parameters


def _execute_as_arrow(cursor: Any, sql: str, parameters: Any, context: Any) -> bool:
    """Execute a statement that has a sink for Arrow; leave others to the driver."""
    sink = context.execution_options.get(ARROW_SINK)
    if sink is None:
        return False
    # The driver only turns times into DateTime64 in statements that it executes itself.
    values = {
        name: DT64Param(value) if isinstance(value, datetime) else value
        for name, value in (parameters or {}).items()
    }
    if not values:
        sql = sql.replace("%%", "%")
    sink(query_arrow(cursor.client, sql, values or None))
    return True


def query_arrow(client: Any, query: str, values: Mapping[str, Any] | None = None) -> pa.Table:
    # The driver's own method would set and reset each setting with a statement of its own.
    answer = client.raw_query(query, values, fmt="Arrow")
    return pa.ipc.open_file(pa.py_buffer(answer)).read_all()


def add_settings(query: str, settings: Mapping[str, Any]) -> str:
    clause = ", ".join(f"{name} = {_quote(value)}" for name, value in settings.items())
    return f"{query}\nSETTINGS {clause}"


def _quote(value: Any) -> str:
    """Quote the value of a setting; the engine converts text to the setting's type."""
    if isinstance(value, Mapping):
        pairs = (f"{_quote(key)}: {_quote(each)}" for key, each in value.items())
        value = f"{{{', '.join(pairs)}}}"
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def embedded_path(url: str) -> str | None:
    """Return the directory of an embedded store; ``None`` for a server."""
    path = make_url(url).query.get("path") if url.startswith("clickhousedb:") else None
    return path if isinstance(path, str) else None


def refuse_if_in_use(url: str) -> None:
    """Raise ``AudienceInUseError`` if an embedded store is open, most likely in another process.

    Without this check, the engine would print its own error to the terminal.
    """
    path = embedded_path(url)
    if path is None:
        return
    try:
        with (Path(path) / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AudienceInUseError(
            f"Another process has the audience in {path} open, such as a running server: the "
            "embedded store serves one process at a time. Stop that process, set DATA_DIR to "
            "another directory, or set AUDIENCE_URL to a ClickHouse server."
        ) from None
    except OSError:
        return  # the store is new, or the engine will report what is wrong

"""The driver: how statements get to the embedded engine or to a server, and what may go wrong."""

from __future__ import annotations

import fcntl
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import urllib3.exceptions
from clickhouse_connect.driver.binding import DT64Param
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.httpclient import HttpClient
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool
from urllib3 import Timeout

from graphql_app.audience.cancellation import WorkCancelledError, current_cancellation
from graphql_app.errors import AppError, ErrorCode
from graphql_app.redaction import secrets_in, without

logger = logging.getLogger(__name__)

# Of a session, since a statement's own settings come too late for it: lookups of a batch name its
# identifiers, and filters of contacts those, so their text is long.
MAX_QUERY_SIZE = 256 * 1024**2

# Execution options. The settings of a statement become a part of its text: an address has no room
# for filters of many contacts. Where there is a sink, the result goes to it as an Arrow table.
SETTINGS = "clause_of_settings"
ARROW_SINK = "arrow_sink"

# Arrow is handed over in this process or to the next machine: packing it costs more than it saves
# (800,000 sums: 90 ms for 132).
ARROW_SETTINGS = {"output_format_arrow_compression_method": "none"}

# Seconds to wait for a connection, and for answers to what the driver asks first on it.
CONNECT_WITHIN = 5
GREETING = 10

# Each statement is complete in itself. A session would be kept by one server of several, and stay
# locked there where a connection is lost.
REMOTE_OPTIONS = {
    "autogenerate_session_id": False,
    "connect_timeout": CONNECT_WITHIN,
    "send_receive_timeout": GREETING,
}

# What may be raised where a store fails, or an answer is not what was asked for.
FAILURES = (SQLAlchemyError, ClickHouseError, pa.ArrowException, urllib3.exceptions.HTTPError)


class AudienceUnavailableError(AppError):
    """The store of facts cannot be used; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, message)


class AudienceInUseError(AudienceUnavailableError):
    """The embedded store is open in another process."""


def connect(url: str, connections: int) -> Engine:
    """A pool of so many connections, of which one has been made.

    Raises:
        AudienceUnavailableError: None could be made.
    """
    try:
        remote = make_url(url).query.get("interface") != "chdb"
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=connections + 1,
            max_overflow=2,
            pool_timeout=60,
            connect_args=REMOTE_OPTIONS if remote else {},
        )
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "before_cursor_execute", _write_settings, retval=True)
        event.listen(engine, "do_execute", _execute_as_arrow)
        engine.connect().close()
    except (*FAILURES, RuntimeError, ImportError, ValueError) as error:
        reason = without(_why(error), secrets_in(url))
        raise AudienceUnavailableError(
            f"The audience at {place(url)} cannot be opened: {reason}"
        ) from error
    return engine


def place(url: str) -> str:
    """Where an audience is, in words without a secret."""
    with suppress(SQLAlchemyError, ValueError):  # what is wrong with it is told besides
        address = make_url(url)
        if address.host:
            return f"{address.host}{f':{address.port}' if address.port else ''}, of AUDIENCE_URL,"
        return embedded_path(url) or "AUDIENCE_URL"
    return "AUDIENCE_URL"


def set_read_timeout(client: Any, seconds: float) -> None:
    """Have a client wait so long for each piece of an answer; the embedded engine needs none."""
    if isinstance(client, HttpClient):
        client.timeout = Timeout(connect=CONNECT_WITHIN, read=seconds)


def arrow(client: Any, query: str, values: Mapping[str, Any] | None = None) -> pa.Table:
    """Execute a query, and return its result as Arrow."""
    # The driver's own method would set each setting with a statement and take it back with another.
    answer = client.raw_query(query, values, fmt="Arrow")
    return pa.ipc.open_file(pa.py_buffer(answer)).read_all()


def with_settings(query: str, settings: Mapping[str, Any]) -> str:
    """A query with a clause of settings."""
    clause = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items())
    return f"{query}\nSETTINGS {clause}"


def _quoted(value: Any) -> str:
    """A value of a setting as SQL; the engine makes of text what the setting is."""
    if isinstance(value, Mapping):
        pairs = (f"{_quoted(key)}: {_quoted(each)}" for key, each in value.items())
        value = f"{{{', '.join(pairs)}}}"
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _prepare(connection: Any, _: object) -> None:
    # clickhouse-connect writes times in the server's zone, which for the embedded engine is that of
    # the process; the columns that they are compared with are in UTC.
    connection.client.server_tz = UTC
    connection.client.set_client_setting("max_query_size", MAX_QUERY_SIZE)


def _write_settings(
    _: Any, cursor: Any, sql: str, parameters: Any, context: Any, many: bool
) -> tuple[str, Any]:
    settings = context.execution_options.get(SETTINGS)
    if settings:
        # The text is one in which values are put, where a percent sign is written twice.
        sql += with_settings("", settings).replace("%", "%%")
        context.statement = sql
    return sql, parameters


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
    sink(arrow(cursor.client, sql, values or None))
    return True


def embedded_path(url: str) -> str | None:
    """The directory of an embedded store; ``None`` for a server."""
    path = make_url(url).query.get("path") if url.startswith("clickhousedb:") else None
    return path if isinstance(path, str) else None


def refuse_if_in_use(url: str) -> None:
    """Refuse an embedded store that is open already, before the engine prints that it failed.

    Raises:
        AudienceInUseError: It is open, in all likelihood in another process.
    """
    path = embedded_path(url)
    if path is None:
        return
    try:
        with (Path(path) / "status").open("rb") as status:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AudienceInUseError(
            f"Another process has the audience in {path} open, e.g. a running server: the embedded "
            "store serves one process at a time. Stop that process, or set DATA_DIR to another "
            "directory, or AUDIENCE_URL to a ClickHouse server."
        ) from None
    except OSError:
        return  # not there yet, or the engine will say what is wrong


@contextmanager
def failures() -> Iterator[None]:
    """Turn what the store and the way to it raise into errors that a client can see."""
    try:
        yield
    except FAILURES as error:
        raise _failure(error) from error


def _failure(error: Exception) -> Exception:
    cause: Any = getattr(error, "orig", None) or error
    name, cancellation = getattr(cause, "name", None), current_cancellation.get()
    match name:
        case "QUERY_WAS_CANCELLED" if cancellation is not None and cancellation.cancelled:
            return WorkCancelledError()
        case "TOO_BIG_AST" | "TOO_DEEP_AST":
            return _too_long()
        case "SYNTAX_ERROR" if "Max query size" in str(cause):
            return _too_long()
        case "MEMORY_LIMIT_EXCEEDED":
            return AppError(
                ErrorCode.LIMIT_EXCEEDED,
                "This needed more memory than a statement may have; ask for a simpler rule.",
            )
        case "TIMEOUT_EXCEEDED" | "TOO_SLOW":  # the second, where it is foreseen
            return AppError(
                ErrorCode.TIMEOUT,
                "This took longer than a statement may; ask for a simpler rule or a narrower "
                "window.",
            )
    reason = _reason(cause)
    logger.error("the audience store failed: %s", reason)
    if "Timeout" in reason:
        return AppError(
            ErrorCode.TIMEOUT, "The audience store did not answer in time; try again in a moment."
        )
    return AudienceUnavailableError("The audience store failed; try again in a moment.")


def _too_long() -> AppError:
    return AppError(ErrorCode.LIMIT_EXCEEDED, "This is too long a rule; shorten its lists.")


def _reason(cause: Any) -> str:
    """What went wrong, in words of this project's own or the libraries' names for it.

    What the engine says of a statement may quote a person's data, an address of a request has it
    in it, and a proxy's page anything.
    """
    if getattr(cause, "code", None) is not None:
        return f"Code: {cause.code} {cause.name or ''}".rstrip()
    status = re.match(r"HTTP driver received HTTP status \d+", str(cause))
    return status[0] if status else " < ".join(_chain(cause))


def _chain(error: BaseException | None) -> Iterator[str]:
    """The names of an error and of those behind it, up to the system's own."""
    while error is not None:
        words = getattr(error, "strerror", None)
        yield type(error).__name__ + (f" ({words})" if words else "")
        error = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(error, BaseException):
            return


def _why(error: Exception) -> str:
    """Why a store cannot be opened, for its operator."""
    cause: Any = getattr(error, "orig", None) or error
    match getattr(cause, "name", None):
        case "AUTHENTICATION_FAILED" | "REQUIRED_PASSWORD" | "WRONG_PASSWORD" | "UNKNOWN_USER":
            return "the server refuses the user or the password of AUDIENCE_URL."
        case "UNKNOWN_DATABASE":
            return "there is no such database on the server; create it, or name another."
    if isinstance(cause.__cause__, urllib3.exceptions.HTTPError):
        return f"no ClickHouse server answers there ({' < '.join(_chain(cause.__cause__))})."
    return str(cause).splitlines()[0][:300]

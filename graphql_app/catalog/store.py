"""The catalog's database: connections and sessions."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text
from sqlmodel import Session

from graphql_app.errors import AppError, ErrorCode
from graphql_app.observability.outages import StoreHealth
from graphql_app.redaction import find_secrets, redact, redact_url

# Seconds
STATEMENT_TIMEOUT = 30
POOL_TIMEOUT = 10

# InternalError: the server became read-only. TimeoutError: all connections are in use.
FAILURES = (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError)
MAX_REASON_LENGTH = 200  # characters

STORABLE_REQUIRED = "must not contain NUL or a lone surrogate"

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL can store a text: it has no NUL and no lone surrogate."""
    return not UNSTORABLE.search(text)


class Catalog:
    """The catalog in a SQLite or PostgreSQL database.

    Args:
        url: The SQLAlchemy URL, of SQLite or of PostgreSQL with psycopg.

    Attributes:
        engine: The engine for reading.
        writer: The engine for writing.
        secrets: The parts of the URL that must not be printed or logged.
        health: The outages of the database.
    """

    def __init__(self, url: str) -> None:
        self.secrets = find_secrets(url)
        self.health = StoreHealth("the catalog")
        try:
            self.engine = self.writer = self._create_engine(url)
        except (exc.SQLAlchemyError, ImportError, ValueError) as error:
            message = f"CATALOG_URL cannot be used: {redact(str(error), self.secrets)}."
            raise AppError(ErrorCode.UNAVAILABLE, message) from error
        if self.engine.dialect.name == "sqlite":
            # BEGIN IMMEDIATE acquires SQLite's write lock at once. A transaction that reads first
            # cannot wait for the lock later.
            self.writer = self._create_engine(url)
            for engine, begin in ((self.engine, "BEGIN"), (self.writer, "BEGIN IMMEDIATE")):
                event.listen(engine, "connect", _prepare_sqlite)
                event.listen(engine, "begin", partial(_begin, begin))

    @staticmethod
    def _create_engine(url: str) -> Engine:
        address = make_url(url)
        options = connection_options(address)
        if options:
            options["pool_timeout"] = POOL_TIMEOUT
        # Parameters may be personal data, so keep them out of exceptions.
        return create_engine(address, hide_parameters=True, **options)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session for reading; raise UNAVAILABLE if the database does not answer."""
        with self._report_outages(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session whose changes are committed together when the block ends.

        Raises:
            AppError: UNAVAILABLE if the database does not answer.
        """
        session = Session(self.writer, expire_on_commit=False)
        with self._report_outages(), session, session.begin():
            yield session

    def ping(self) -> None:
        """Raise UNAVAILABLE if the database does not answer."""
        with self._report_outages(), self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    @contextmanager
    def _report_outages(self) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            self.health.failed(error, describe_failure(error))
            message = "The catalog does not answer; try again in a moment."
            raise AppError(ErrorCode.UNAVAILABLE, message) from error
        self.health.answered()

    def close(self) -> None:
        self.engine.dispose()
        self.writer.dispose()

    @property
    def name(self) -> str:
        """The database's URL with its secrets redacted."""
        return redact_url(self.engine.url.render_as_string())


def describe_failure(error: Exception) -> str:
    """Describe why the database failed, for the log."""
    return str(getattr(error, "orig", error))[:MAX_REASON_LENGTH]


def connection_options(url: URL) -> dict[str, Any]:
    """Return engine options that detect a PostgreSQL server's restart, failover or silence."""
    if url.get_backend_name() != "postgresql":
        return {}
    options = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "tcp_user_timeout": 15_000,
        "options": f"-c statement_timeout={STATEMENT_TIMEOUT}s",
    }
    return {
        "pool_pre_ping": True,
        "connect_args": {name: given for name, given in options.items() if name not in url.query},
    }


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # Keep the driver from beginning transactions: _begin does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(statement: str, connection: Connection) -> None:
    connection.exec_driver_sql(statement)

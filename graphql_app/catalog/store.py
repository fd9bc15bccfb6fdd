"""The catalog's database: connections and sessions."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
    TimeoutError,
)
from sqlmodel import Session

from graphql_app.errors import AppError, ErrorCode
from graphql_app.redaction import find_secrets, redact, redact_url

logger = logging.getLogger(__name__)

# Seconds
STATEMENT_TIMEOUT = 30
POOL_TIMEOUT = 10

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL can store a text: it has no NUL and no lone surrogate."""
    return not UNSTORABLE.search(text)


class Catalog:
    """The catalog in a SQLite or PostgreSQL database.

    Args:
        url: The SQLAlchemy URL, of SQLite or of PostgreSQL with psycopg.

    Attributes:
        secrets: The parts of the URL that must not be printed or logged.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = self._writer = self._create_engine(url)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            reason = redact(str(error), find_secrets(url))
            raise AppError(
                ErrorCode.UNAVAILABLE, f"CATALOG_URL cannot be used: {reason}."
            ) from error
        self.secrets = find_secrets(url)
        if self._engine.dialect.name == "sqlite":
            # BEGIN IMMEDIATE acquires SQLite's write lock at once. A transaction that reads first
            # cannot wait for the lock later.
            self._writer = self._create_engine(url)
            for engine, begin in ((self._engine, "BEGIN"), (self._writer, "BEGIN IMMEDIATE")):
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
        """Open a session for reading.

        Raises:
            AppError: UNAVAILABLE if the database does not answer.
        """
        with _report_outages(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session whose changes are committed together when the block ends.

        Raises:
            AppError: UNAVAILABLE if the database does not answer.
        """
        with (
            _report_outages(),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def ping(self) -> None:
        """Check that the database answers.

        Raises:
            AppError: UNAVAILABLE if it does not.
        """
        with _report_outages(), self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()
        self._writer.dispose()

    @property
    def engine(self) -> Engine:
        """The engine for reading."""
        return self._engine

    @property
    def writer(self) -> Engine:
        """The engine for writing."""
        return self._writer

    @property
    def name(self) -> str:
        """The database's URL with its secrets redacted."""
        return redact_url(self._engine.url.render_as_string())


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


@contextmanager
def _report_outages() -> Iterator[None]:
    try:
        yield
    # InternalError: the server became read-only. TimeoutError: all connections are in use.
    except (OperationalError, InterfaceError, InternalError, TimeoutError) as error:
        logger.error("the catalog failed: %.200s", getattr(error, "orig", error))
        message = "The catalog does not answer; try again in a moment."
        raise AppError(ErrorCode.UNAVAILABLE, message) from error


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # Keep the driver from beginning transactions: _begin does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(statement: str, connection: Connection) -> None:
    connection.exec_driver_sql(statement)

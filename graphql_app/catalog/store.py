"""The catalog's database: its connections and its sessions."""

from __future__ import annotations

import logging
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

# Seconds that a statement may take, and that are waited for a connection while all are in use.
STATEMENT_TIMEOUT = 30
POOL_TIMEOUT = 10


class Catalog:
    """A connection to the catalog.

    Args:
        url: A SQLAlchemy URL of SQLite or PostgreSQL (psycopg).

    Attributes:
        secrets: What of the URL is not to be shown.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = self._writer = self._created(url)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            reason = redact(str(error), find_secrets(url))
            raise AppError(
                ErrorCode.UNAVAILABLE, f"CATALOG_URL cannot be used: {reason}."
            ) from error
        self.secrets = find_secrets(url)
        if self._engine.dialect.name == "sqlite":
            # A writer takes SQLite's lock as it begins; one that only read so far could not wait.
            self._writer = self._created(url)
            for engine, begin in ((self._engine, "BEGIN"), (self._writer, "BEGIN IMMEDIATE")):
                event.listen(engine, "connect", _prepare_sqlite)
                event.listen(engine, "begin", partial(_begin, begin))

    @staticmethod
    def _created(url: str) -> Engine:
        address = make_url(url)
        options = connection_options(address)
        if options:
            options["pool_timeout"] = POOL_TIMEOUT
        # What is written may be a person's data, and so is in no exception.
        return create_engine(address, hide_parameters=True, **options)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session to read in.

        Raises:
            AppError: UNAVAILABLE when the database does not answer.
        """
        with _outages(), Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are committed at the end, all of them or none.

        Raises:
            AppError: UNAVAILABLE when the database does not answer.
        """
        with (
            _outages(),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def ping(self) -> None:
        """Answer, or raise UNAVAILABLE."""
        with _outages(), self._engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._writer.dispose()

    @property
    def engine(self) -> Engine:
        """What is read with."""
        return self._engine

    @property
    def writer(self) -> Engine:
        """What is written with."""
        return self._writer

    @property
    def name(self) -> str:
        """The database's URL, without its secrets."""
        return redact_url(self._engine.url.render_as_string())


def connection_options(url: URL) -> dict[str, Any]:
    """What a PostgreSQL server needs that restarts, fails over or does not answer."""
    if url.get_backend_name() != "postgresql":
        return {}
    # A connection is tried before it is used, and one that is not answered is given up.
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
def _outages() -> Iterator[None]:
    try:
        yield
    # The third: only to be read. The last: all connections are in use for long.
    except (OperationalError, InterfaceError, InternalError, TimeoutError) as error:
        logger.error("the catalog failed: %.200s", getattr(error, "orig", error))
        message = "The catalog does not answer; try again in a moment."
        raise AppError(ErrorCode.UNAVAILABLE, message) from error


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    # The driver must not begin transactions by itself: _begin does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(statement: str, connection: Connection) -> None:
    connection.exec_driver_sql(statement)

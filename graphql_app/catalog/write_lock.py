"""Write locks for several processes that share an audience and a catalog.

On PostgreSQL a shop's lock is an advisory lock, on SQLite a lock on a file next to the database.
Both are released when the process that holds them exits. The catalog also issues versions, so the
last write wins even if the clocks of the machines differ.
"""

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import get_ident

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from graphql_app.catalog.store import Catalog, connection_options, describe_failure
from graphql_app.errors import AppError, ErrorCode, pluralize

logger = logging.getLogger(__name__)

# Seconds to wait for a shop's lock. A write normally holds it for less time than this.
LOCK_TIMEOUT = 60

NOT_LOCKED = "The shop's facts cannot be written right now; try again in a moment."
LOCK_LOST = (
    "The connection to the catalog was lost during the write, and with it the shop's write lock; "
    "try again in a moment."
)

# First half of every advisory lock's key, so that it differs from the keys of other applications.
NAMESPACE = 0x5E6

# The transaction that holds a lock is idle while facts are written, so no timeout may end it. It
# blocks no row and no snapshot. Each setting has the PostgreSQL version that introduced it.
LOCK_SETTINGS = {
    "statement_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "transaction_timeout": 17,
}

LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's code for a lock that was not free in time

NEXT_VERSION = text(
    """
    INSERT INTO facts_clock (shop_id, version) VALUES (:shop, :least)
    ON CONFLICT (shop_id) DO UPDATE SET version = CASE
        WHEN facts_clock.version >= :least THEN facts_clock.version + 1 ELSE :least END
    RETURNING version
    """
)


class SharedWriteLocks:
    """Write locks that all processes with the same catalog share; see ``audience.write_lock``."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        url = catalog.engine.url
        self._uses_files = url.get_backend_name() == "sqlite"
        # Older versions lock files in this directory, so keep its name.
        self._files = Path(f"{url.database}-turns")
        # Not from the catalog's pool: a thread that holds a lock may need a connection from there.
        self._lock_engine = create_engine(url, poolclass=NullPool, **connection_options(url))
        # Keyed by thread and shop: after a lock is lost, another thread of this process may acquire
        # it.
        self._held: dict[tuple[int, int], Connection] = {}

    def hold(self, shop_id: int) -> AbstractContextManager[None]:
        return self._hold_file(shop_id) if self._uses_files else self._hold_advisory(shop_id)

    def check_held(self, shop_id: int) -> None:
        connection = self._held.get((get_ident(), shop_id))  # None for a lock on a file
        try:
            if connection is not None:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise self._unavailable(error, LOCK_LOST) from error

    def next_version(self, shop_id: int, after: int) -> int:
        with self._catalog.write() as session:
            least = max(after + 1, time.time_ns())
            found = session.connection().execute(NEXT_VERSION, {"shop": shop_id, "least": least})
            version: int = found.scalar_one()
            return version

    @contextmanager
    def _hold_advisory(self, shop_id: int) -> Iterator[None]:
        try:
            connection = self._lock_engine.connect()
        except OperationalError as error:
            raise self._unavailable(error) from error
        try:
            self._acquire(connection, shop_id)
            self._held[get_ident(), shop_id] = connection
            try:
                yield
            finally:
                del self._held[get_ident(), shop_id]
        finally:
            self._close(connection)

    def _acquire(self, connection: Connection, shop_id: int) -> None:
        """Wait for a shop's advisory lock, which the connection holds until it is closed."""
        try:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'"))
            for setting, since in LOCK_SETTINGS.items():
                if (connection.dialect.server_version_info or ()) >= (since,):
                    connection.execute(text(f"SET LOCAL {setting} = 0"))
            key = {"space": NAMESPACE, "shop": shop_id}
            connection.execute(text("SELECT pg_advisory_xact_lock(:space, :shop)"), key)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                raise _lock_timeout(shop_id) from error
            raise self._unavailable(error) from error

    def _close(self, connection: Connection) -> None:
        try:
            connection.close()
        except SQLAlchemyError as error:  # the lock was released when the connection broke
            self._log_failure(error)

    @contextmanager
    def _hold_file(self, shop_id: int) -> Iterator[None]:
        try:
            self._files.mkdir(mode=0o700, exist_ok=True)
            lock = (self._files / str(shop_id)).open("ab")
        except OSError as error:
            raise self._unavailable(error) from error
        with lock:
            deadline = time.monotonic() + LOCK_TIMEOUT
            while not _try_lock(lock.fileno()):
                if time.monotonic() > deadline:
                    raise _lock_timeout(shop_id)
                time.sleep(0.005)
            yield

    def _log_failure(self, error: Exception) -> None:
        self._catalog.health.failed(error, describe_failure(error))

    def _unavailable(self, error: Exception, message: str = NOT_LOCKED) -> AppError:
        """Log a failure of the catalog, and return the error to raise for it."""
        self._log_failure(error)
        return AppError(ErrorCode.UNAVAILABLE, message)


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_timeout(shop_id: int) -> AppError:
    seconds = pluralize(LOCK_TIMEOUT, "second")
    logger.error("the write lock of shop %s was not free within %s", shop_id, seconds)
    return AppError(ErrorCode.UNAVAILABLE, NOT_LOCKED)

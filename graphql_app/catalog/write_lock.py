"""Turns of processes that write facts to one store: the catalog, which they share too, gives them.

On PostgreSQL a turn is an advisory lock, on SQLite a lock of a file beside the database: both go
with the process that holds them. Versions come from the catalog as well, so that the last write
wins whatever the clocks of several machines say.
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident

from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from graphql_app.catalog.store import Catalog, connection_options
from graphql_app.errors import AppError, ErrorCode

logger = logging.getLogger(__name__)

# Seconds to wait for others' writes of a shop, each of which takes a few at most.
PATIENCE = 60

NO_TURN = "The shop's facts cannot be written just now; try again in a moment."
LOST_TURN = "The catalog was lost meanwhile, and the shop's turn with it; try again in a moment."

# The first half of the advisory locks' keys, so that they are nobody else's in the database.
NAMESPACE = 0x5E6

# Of who has a turn, whatever is set for others: its transaction says nothing while facts are
# written, and with it the lock would go. It keeps no row and no snapshot from anybody.
# By the version of PostgreSQL that brought them.
LOCK_SETTINGS = {
    "statement_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "transaction_timeout": 17,
}

NEXT_VERSION = text(
    """
    INSERT INTO facts_clock (shop_id, version) VALUES (:shop, :least)
    ON CONFLICT (shop_id) DO UPDATE SET version = CASE
        WHEN facts_clock.version >= :least THEN facts_clock.version + 1 ELSE :least END
    RETURNING version
    """
)


class SharedTurns:
    """Turns that the processes take which have the same catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        url = catalog.engine.url
        self._files = Path(f"{url.database}-turns")
        # Connections of their own, so that who has a turn never waits for one of the catalog's.
        self._locker = create_engine(url, poolclass=NullPool, **connection_options(url))
        # By thread too: where a turn was lost, another thread of this process may have it since.
        self._held: dict[tuple[int, int], Connection] = {}
        self._take = self._lock_file if url.get_backend_name() == "sqlite" else self._lock_advisory

    @contextmanager
    def take(self, shop_id: int) -> Iterator[None]:
        """Wait for one's turn in a shop, and have it; see ``audience.turns``."""
        with self._take(shop_id):
            yield

    def require(self, shop_id: int) -> None:
        """See that the turn is not lost; see ``audience.turns``."""
        connection = self._held.get((get_ident(), shop_id))  # none where it is a file's lock
        try:
            if connection is not None:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise _no_turn(str(error), LOST_TURN) from error

    def version(self, shop_id: int, after: int) -> int:
        """A version later than those of all processes before; see ``audience.turns``."""
        with self._catalog.write() as session:
            least = max(after + 1, time.time_ns())
            found = session.connection().execute(NEXT_VERSION, {"shop": shop_id, "least": least})
            version: int = found.scalar_one()
            return version

    @contextmanager
    def _lock_advisory(self, shop_id: int) -> Iterator[None]:
        try:
            connection = self._locker.connect()
        except OperationalError as error:
            raise _no_turn(str(error.orig)) from error
        try:
            try:
                connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE}s'"))
                for setting, since in LOCK_SETTINGS.items():
                    if (connection.dialect.server_version_info or ()) >= (since,):
                        connection.execute(text(f"SET LOCAL {setting} = 0"))
                held = {"space": NAMESPACE, "shop": shop_id}
                connection.execute(text("SELECT pg_advisory_xact_lock(:space, :shop)"), held)
            except OperationalError as error:
                raise _no_turn(str(error.orig)) from error
            self._held[get_ident(), shop_id] = connection
            try:
                yield
            finally:
                del self._held[get_ident(), shop_id]
        finally:
            try:
                connection.close()
            except SQLAlchemyError:  # it is gone, and with it the lock
                logger.warning("the catalog was lost during a write of facts")

    @contextmanager
    def _lock_file(self, shop_id: int) -> Iterator[None]:
        try:
            self._files.mkdir(mode=0o700, exist_ok=True)
            lock = (self._files / str(shop_id)).open("ab")
        except OSError as error:
            raise _no_turn(str(error)) from error
        with lock:
            deadline = time.monotonic() + PATIENCE
            while not _locked(lock.fileno()):
                if time.monotonic() > deadline:
                    raise _no_turn("another process holds it")
                time.sleep(0.005)
            yield


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _no_turn(reason: str, told: str = NO_TURN) -> AppError:
    logger.error("no turn to write facts: %.200s", reason)
    return AppError(ErrorCode.UNAVAILABLE, told)

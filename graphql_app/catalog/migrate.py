"""The catalog's schema: which revision a database has, and the way to another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from graphql_app.catalog.store import Catalog
from graphql_app.errors import AppError, ErrorCode
from graphql_app.redaction import redact

MIGRATIONS = Path(__file__).parent / "migrations"

# Of PostgreSQL's advisory locks: that of who migrates.
MIGRATION_LOCK = 0x5E60


def list_revisions() -> list[str]:
    """Every revision of the schema, the first one first; the last is what this version needs."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    return [script.revision for script in scripts.walk_revisions()][::-1]


def read_revision(catalog: Catalog) -> str | None:
    """The revision of a catalog's schema; ``None`` where there is none yet.

    Raises:
        AppError: UNAVAILABLE when the database cannot be used.
    """
    with _usable(catalog), catalog.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_current(catalog: Catalog) -> None:
    """Refuse a catalog whose schema is not of the revision that this version needs.

    Raises:
        AppError: UNAVAILABLE, with the command to run.
    """
    found, known = read_revision(catalog), list_revisions()
    if found == known[-1]:
        return
    name = catalog.name
    if found is None:
        message = f"The catalog {name} is empty: run `segments migrate` to make its tables."
    elif found in known:
        message = (
            f"The catalog {name} has the schema {found}, and this version needs {known[-1]}: stop "
            "the servers, make a backup, and run `segments migrate`."
        )
    else:
        message = (
            f"The catalog {name} has the schema {found}, of a newer version than this one, which "
            f"has {known[-1]}: run that version, or with it `segments migrate --to {known[-1]}`."
        )
    raise AppError(ErrorCode.UNAVAILABLE, message)


def migrate(catalog: Catalog, to: str = "head") -> None:
    """Bring the schema to a revision, all of the way or not at all; makes it where there is none.

    Going back drops what later revisions added.

    Raises:
        AppError: UNAVAILABLE when the database cannot be used; INVALID for an unknown revision.
    """
    known = list_revisions()
    target = known[-1] if to == "head" else to
    if target not in known:
        raise AppError(
            ErrorCode.INVALID, f"There is no revision {to!r}; there are {', '.join(known)}."
        )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with _usable(catalog), _alone(catalog) as connection:
        config.attributes["connection"] = connection
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found not in known:
            require_current(catalog)
        if found is not None and known.index(target) < known.index(found):
            command.downgrade(config, target)
        else:
            command.upgrade(config, target)


@contextmanager
def _alone(catalog: Catalog) -> Iterator[Connection]:
    """A transaction in which nobody else migrates."""
    with catalog.writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:it)"), {"it": MIGRATION_LOCK})
        yield connection


@contextmanager
def _usable(catalog: Catalog) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = redact(str(error.__cause__ or error), catalog.secrets)
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"The catalog {catalog.name} cannot be used ({reason}): check DATA_DIR, or "
            "CATALOG_URL.",
        ) from error

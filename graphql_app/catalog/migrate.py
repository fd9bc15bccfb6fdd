"""The catalog's schema: read its revision and migrate it to another.

Alembic is imported only to migrate: importing it takes a quarter of a short command's run time, and
every command reads the revision.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    text,
)
from sqlalchemy.exc import SQLAlchemyError

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import CatalogTable
from graphql_app.errors import AppError, ErrorCode
from graphql_app.redaction import redact

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"

# The key of the PostgreSQL advisory lock that serializes migrations.
MIGRATION_LOCK = 0x5E60


def alembic_config(connection: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415 - slow, and only migrations need it

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def list_revisions() -> list[str]:
    """Return all revisions of the schema, oldest first. This version needs the last one.

    The names of the migrations' files begin with their revisions.
    """
    files = (MIGRATIONS / "versions").glob("[0-9]*.py")
    return sorted(file.name.partition("_")[0] for file in files)


def read_revision(catalog: Catalog) -> str | None:
    """Return the schema's revision, or ``None`` if the database is empty.

    Raises:
        AppError: UNAVAILABLE if the database cannot be used.
    """
    with _report_failures(catalog), catalog.engine.connect() as connection:
        return read_revision_with(connection)


def read_revision_with(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def require_current(catalog: Catalog) -> None:
    """Raise UNAVAILABLE unless the schema has the revision that this version needs."""
    found, known = read_revision(catalog), list_revisions()
    if found == known[-1]:
        return
    name = catalog.name
    if found is None:
        message = f"The catalog {name} is empty: run `segments migrate` to create its tables."
    elif found in known:
        message = (
            f"The catalog {name} has the schema {found}, and this version needs {known[-1]}: stop "
            "the servers, create a backup, and run `segments migrate`."
        )
    else:
        raise _newer_schema_error(name, found, known[-1])
    raise AppError(ErrorCode.UNAVAILABLE, message)


def _newer_schema_error(name: str, found: str, needed: str) -> AppError:
    return AppError(
        ErrorCode.UNAVAILABLE,
        f"The catalog {name} has the schema {found} of a newer version; this version needs "
        f"{needed}: run the newer version, or use it to run `segments migrate --to {needed}`.",
    )


def migrate(catalog: Catalog, to: str = "head") -> None:
    """Migrate the schema to a revision in one transaction.

    An empty database gets the newest tables at once. An older revision drops the data that newer
    revisions added.

    Raises:
        AppError: UNAVAILABLE if the database cannot be used or has the schema of a newer version;
            INVALID for an unknown revision.
    """
    known = list_revisions()
    target = known[-1] if to == "head" else to
    if target not in known:
        raise AppError(
            ErrorCode.INVALID, f"Unknown revision {to!r}: choose one of {', '.join(known)}."
        )
    with _report_failures(catalog), _migration_lock(catalog) as connection:
        found = read_revision_with(connection)
        if found is None and target == known[-1]:
            _create_tables(connection, target)
            return
        if found is not None and found not in known:
            raise _newer_schema_error(catalog.name, found, known[-1])
        from alembic import command  # noqa: PLC0415 - slow, and only migrations need it

        config = alembic_config(connection)
        if found is not None and known.index(target) < known.index(found):
            command.downgrade(config, target)
        else:
            command.upgrade(config, target)


def _create_tables(connection: Connection, revision: str) -> None:
    """Create the tables of the newest revision, and record it where Alembic does."""
    version = Table(
        "alembic_version",
        MetaData(),
        Column("version_num", String(32), nullable=False),
        PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
    )
    version.create(connection)
    connection.execute(version.insert(), {"version_num": revision})
    CatalogTable.metadata.create_all(connection)


@contextmanager
def _migration_lock(catalog: Catalog) -> Iterator[Connection]:
    """Begin a transaction in which no other process can migrate."""
    with catalog.writer.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        yield connection


@contextmanager
def _report_failures(catalog: Catalog) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = redact(str(error.__cause__ or error), catalog.secrets)
        raise AppError(
            ErrorCode.UNAVAILABLE,
            f"The catalog {catalog.name} cannot be used ({reason}): check DATA_DIR or CATALOG_URL.",
        ) from error

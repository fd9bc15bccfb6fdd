"""Dump the catalog's rows, shop by shop, and load them into another database.

Rows are mappings with JSON values.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from graphql_app.catalog.migrate import alembic_config, read_revision_with
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import CatalogTable, Shop

Row = Mapping[str, Any]

CHUNK = 1000
TABLES = CatalogTable.metadata.sorted_tables
SHOPS = CatalogTable.metadata.tables[Shop.__tablename__]


class Snapshot:
    """The catalog at one instant."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def revision(self) -> str:
        return read_revision_with(self._connection) or ""

    def shop_ids(self) -> Sequence[int]:
        return self._connection.scalars(sa.select(SHOPS.c.id).order_by(SHOPS.c.id)).all()

    def rows(self, table: sa.Table, shop_id: int) -> Iterator[Row]:
        statement = sa.select(table).where(_belongs_to(shop_id, table)).order_by(*table.primary_key)
        for row in self._connection.execute(statement).mappings():
            yield json.loads(json.dumps(dict(row), default=datetime.isoformat))


@contextmanager
def snapshot(catalog: Catalog) -> Iterator[Snapshot]:
    """Open a snapshot of the catalog, taken at the first statement in the block."""
    with catalog.read() as session:
        postgres = catalog.engine.dialect.name == "postgresql"
        options = {"isolation_level": "REPEATABLE READ"} if postgres else {}
        yield Snapshot(session.connection(execution_options=options))


def _belongs_to(shop_id: int, table: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row, or the row it refers to, belongs to a shop."""
    if table is SHOPS:
        return table.c.id == shop_id
    if "shop_id" in table.c:
        return table.c.shop_id == shop_id
    reference = min(table.foreign_keys, key=lambda key: key.parent.name)
    owners = sa.select(reference.column).where(_belongs_to(shop_id, reference.column.table))
    return reference.parent.in_(owners)


def list_shops(catalog: Catalog) -> Sequence[tuple[int, str]]:
    """Return the ids and handles of a catalog's shops; none if the database is empty."""
    with catalog.read() as session:
        connection = session.connection()
        if not sa.inspect(connection).has_table(SHOPS.name):
            return []
        found = connection.execute(sa.select(SHOPS.c.id, SHOPS.c.handle).order_by(SHOPS.c.id))
        return [(row.id, row.handle) for row in found]


def load(catalog: Catalog, revision: str, rows: Callable[[str], Iterable[Row]]) -> None:
    """Load rows into an empty catalog and migrate its schema, in one transaction.

    Args:
        catalog: A catalog without rows, or an empty database.
        revision: The revision of the schema that the rows have.
        rows: Returns the rows of a table, given its name.

    Raises:
        CatalogNotEmptyError: The catalog has rows.
        AppError: UNAVAILABLE if the database does not answer.
    """
    from alembic import command  # noqa: PLC0415 - slow, and a server imports this module

    with catalog.write() as session:
        connection = session.connection()
        config = alembic_config(connection)
        _refuse_rows(connection)
        command.downgrade(config, "base")
        command.upgrade(config, revision)
        for table in _tables(connection):
            _insert(connection, table, rows(table.name))
        command.upgrade(config, "head")


class CatalogNotEmptyError(Exception):
    """The catalog to load rows into has rows already."""


def _tables(connection: sa.Connection) -> Sequence[sa.Table]:
    """Return the database's tables, each after the tables that it refers to."""
    existing = sa.MetaData()
    existing.reflect(connection)
    return [table for table in existing.sorted_tables if table.name != "alembic_version"]


def _refuse_rows(connection: sa.Connection) -> None:
    tables = _tables(connection)
    if tables and connection.dialect.name == "postgresql":
        names = ", ".join(connection.dialect.identifier_preparer.format_table(t) for t in tables)
        connection.execute(sa.text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    if any(connection.execute(sa.select(table).limit(1)).first() for table in tables):
        raise CatalogNotEmptyError


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    times = {column.name for column in table.c if column.type.python_type is datetime}
    remaining = iter(rows)
    while chunk := [_parse_times(row, times) for row in islice(remaining, CHUNK)]:
        connection.execute(table.insert(), chunk)
    column = table.autoincrement_column
    if connection.dialect.name == "postgresql" and column is not None:
        # Let the table's ids continue after its highest id.
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        highest = sa.select(sa.func.max(column)).scalar_subquery()
        raised = sa.select(sa.func.setval(sequence, highest)).where(sequence.is_not(None))
        connection.execute(raised)


def _parse_times(row: Row, times: Collection[str]) -> Row:
    return {
        name: datetime.fromisoformat(value) if name in times and value is not None else value
        for name, value in row.items()
    }

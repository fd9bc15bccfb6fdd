"""Dump the catalog's rows, shop by shop, and load them into another database.

Rows are mappings with JSON values.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)

from graphql_app.catalog.migrate import MIGRATIONS
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import CatalogTable, Shop

Row = Mapping[str, Any]

CHUNK = 1000
TABLES = CatalogTable.metadata.sorted_tables
SHOPS = CatalogTable.metadata.tables[Shop.__tablename__]


class Snapshot:
    """The catalog at one instant."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def revision(self) -> str:
        """Return the revision of the schema."""
        return MigrationContext.configure(self._connection).get_current_revision() or ""

    def shop_ids(self) -> Sequence[int]:
        return self._connection.scalars(select(SHOPS.c.id).order_by(SHOPS.c.id)).all()

    def rows(self, table: Table, shop_id: int) -> Iterator[Row]:
        """Yield a shop's rows of a table."""
        statement = select(table).where(_belongs_to(shop_id, table)).order_by(*table.primary_key)
        for row in self._connection.execute(statement).mappings():
            yield json.loads(json.dumps(dict(row), default=_to_json))


@contextmanager
def snapshot(catalog: Catalog) -> Iterator[Snapshot]:
    """Open a snapshot of the catalog, taken at the first statement in the block."""
    with catalog.read() as session:
        postgres = catalog.engine.dialect.name == "postgresql"
        options = {"isolation_level": "REPEATABLE READ"} if postgres else {}
        yield Snapshot(session.connection(execution_options=options))


def _belongs_to(shop_id: int, table: Table) -> ColumnElement[bool]:
    """Return the condition that a row, or the row it refers to, belongs to a shop."""
    if table is SHOPS:
        return table.c.id == shop_id
    if "shop_id" in table.c:
        return table.c.shop_id == shop_id
    reference = min(table.foreign_keys, key=lambda key: key.parent.name)
    owners = select(reference.column).where(_belongs_to(shop_id, reference.column.table))
    return reference.parent.in_(owners)


def _to_json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


# Parsers of JSON values, by the Python type of the column.
_PARSERS: Mapping[type, Callable[[str], Any]] = {
    datetime: datetime.fromisoformat,
    bytes: bytes.fromhex,
}


def list_shops(catalog: Catalog) -> Sequence[tuple[int, str]]:
    """Return the ids and handles of a catalog's shops; none if the database is empty."""
    with catalog.read() as session:
        connection = session.connection()
        if not inspect(connection).has_table(SHOPS.name):
            return []
        found = connection.execute(select(SHOPS.c.id, SHOPS.c.handle).order_by(SHOPS.c.id))
        return [(row.id, row.handle) for row in found]


def load(catalog: Catalog, revision: str, rows: Callable[[str], Iterable[Row]]) -> None:
    """Load rows into an empty catalog and migrate its schema, in one transaction.

    Args:
        catalog: A catalog without rows, or an empty database.
        revision: The revision of the schema that the rows have.
        rows: Returns the rows of a table, by its name.

    Raises:
        CatalogNotEmptyError: The catalog has rows.
        AppError: UNAVAILABLE if the database does not answer.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with catalog.write() as session:
        connection = config.attributes["connection"] = session.connection()
        _refuse_rows(connection)
        command.downgrade(config, "base")
        command.upgrade(config, revision)
        for table in _tables(connection):
            _insert(connection, table, rows(table.name))
        command.upgrade(config, "head")


class CatalogNotEmptyError(Exception):
    """The catalog to load rows into has rows already."""


def _tables(connection: Connection) -> Sequence[Table]:
    """Return the database's tables, each after the tables that it refers to."""
    existing = MetaData()
    existing.reflect(connection)
    return [table for table in existing.sorted_tables if table.name != "alembic_version"]


def _refuse_rows(connection: Connection) -> None:
    tables = _tables(connection)
    if tables and connection.dialect.name == "postgresql":
        names = ", ".join(connection.dialect.identifier_preparer.format_table(t) for t in tables)
        connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    if any(connection.execute(select(table).limit(1)).first() for table in tables):
        raise CatalogNotEmptyError


def _insert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    remaining = iter(rows)
    while chunk := [_from_json(table, row) for row in islice(remaining, CHUNK)]:
        connection.execute(insert(table), chunk)
    if connection.dialect.name == "postgresql" and table.autoincrement_column is not None:
        _set_sequence(connection, table, table.autoincrement_column)


def _from_json(table: Table, row: Row) -> Row:
    def parse(name: str, value: Any) -> Any:
        parser = _PARSERS.get(table.c[name].type.python_type)
        return value if parser is None or value is None else parser(value)

    return {name: parse(name, value) for name, value in row.items()}


def _set_sequence(connection: Connection, table: Table, column: Column[Any]) -> None:
    """Continue a table's ids after its highest id."""
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    highest = select(func.max(column)).scalar_subquery()
    connection.execute(select(func.setval(sequence, highest)).where(sequence.is_not(None)))

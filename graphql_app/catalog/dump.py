"""The catalog's rows, shop by shop, out of one database and into another.

A row is a mapping of values that JSON has.
"""

from __future__ import annotations

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
        """The revision of its schema."""
        found = MigrationContext.configure(self._connection).get_current_revision()
        return found or ""

    def shops(self) -> Sequence[int]:
        """The ids of the shops."""
        return self._connection.scalars(select(SHOPS.c.id).order_by(SHOPS.c.id)).all()

    def rows(self, table: Table, shop_id: int) -> Iterator[Row]:
        """A shop's rows of a table."""
        statement = select(table).where(_of_shop(table, shop_id)).order_by(*table.primary_key)
        for row in self._connection.execute(statement).mappings():
            yield json.loads(json.dumps(dict(row), default=_json))


@contextmanager
def snapshot(catalog: Catalog) -> Iterator[Snapshot]:
    """The catalog at the instant of its first question."""
    with catalog.read() as session:
        postgres = catalog.engine.dialect.name == "postgresql"
        options = {"isolation_level": "REPEATABLE READ"} if postgres else {}
        yield Snapshot(session.connection(execution_options=options))


def _of_shop(table: Table, shop_id: int) -> ColumnElement[bool]:
    """That a row belongs to a shop: itself, or what it refers to."""
    if table is SHOPS:
        return table.c.id == shop_id
    if "shop_id" in table.c:
        return table.c.shop_id == shop_id
    reference = min(table.foreign_keys, key=lambda key: key.parent.name)
    owners = select(reference.column).where(_of_shop(reference.column.table, shop_id))
    return reference.parent.in_(owners)


def _json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value).__name__)


# From JSON to what a column takes, by the type of Python that it has.
_READ: Mapping[type, Callable[[str], Any]] = {
    datetime: datetime.fromisoformat,
    bytes: bytes.fromhex,
}


def list_shops(catalog: Catalog) -> Sequence[tuple[int, str]]:
    """The ids and handles of the shops of a catalog, which may be an empty database."""
    with catalog.read() as session:
        connection = session.connection()
        if not inspect(connection).has_table(SHOPS.name):
            return []
        found = connection.execute(select(SHOPS.c.id, SHOPS.c.handle).order_by(SHOPS.c.id))
        return [(row.id, row.handle) for row in found]


def load(catalog: Catalog, revision: str, rows: Callable[[str], Iterable[Row]]) -> None:
    """Fill a catalog that has no rows, all or nothing, and bring its schema up to date.

    Args:
        catalog: The catalog, or an empty database.
        revision: The revision of the schema that the rows are of.
        rows: Gives the rows of a table by its name.

    Raises:
        CatalogNotEmptyError: It has rows.
        AppError: UNAVAILABLE when the database does not answer.
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
    """A catalog that was to be filled has rows of its own."""


def _tables(connection: Connection) -> Sequence[Table]:
    """The tables that there are, each after those that it refers to."""
    there = MetaData()
    there.reflect(connection)
    return [table for table in there.sorted_tables if table.name != "alembic_version"]


def _refuse_rows(connection: Connection) -> None:
    tables = _tables(connection)
    if tables and connection.dialect.name == "postgresql":
        names = ", ".join(connection.dialect.identifier_preparer.format_table(t) for t in tables)
        connection.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    if any(connection.execute(select(table).limit(1)).first() for table in tables):
        raise CatalogNotEmptyError


def _insert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    waiting = iter(rows)
    while chunk := [_typed(table, row) for row in islice(waiting, CHUNK)]:
        connection.execute(insert(table), chunk)
    if connection.dialect.name == "postgresql" and table.autoincrement_column is not None:
        _set_sequence(connection, table, table.autoincrement_column)


def _typed(table: Table, row: Row) -> Row:
    def typed(name: str, value: Any) -> Any:
        read = _READ.get(table.c[name].type.python_type)
        return value if read is None or value is None else read(value)

    return {name: typed(name, value) for name, value in row.items()}


def _set_sequence(connection: Connection, table: Table, column: Column[Any]) -> None:
    """Have new rows numbered after those that are there."""
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    highest = select(func.max(column)).scalar_subquery()
    connection.execute(select(func.setval(sequence, highest)).where(sequence.is_not(None)))

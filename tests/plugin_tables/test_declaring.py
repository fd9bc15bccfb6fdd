"""Which tables plugins can declare, and the errors for tables that they cannot."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from clickhouse_connect.cc_sqlalchemy import engines
from clickhouse_connect.cc_sqlalchemy.datatypes import sqltypes
from sqlalchemy import MetaData, select
from sqlmodel import Field, SQLModel

from graphql_app.audience.as_of import AsOf
from graphql_app.audience.tables import (
    INSTANT,
    Array,
    AudienceTable,
    Bool,
    Contact,
    Int64,
    Nullable,
    String,
    UInt64,
    fact_engine,
)
from graphql_app.criteria import hookimpl
from graphql_app.errors import InvalidInputError
from graphql_app.plugin_discovery import register
from graphql_app.plugins import Plugin, PluginError, Registry
from graphql_app.startup.plugins import CHECKS
from tests.fact_tables import load_file
from tests.plugin_tables.conftest import Started
from tests.plugin_tables.test_recording import RECORD, record
from tests.schema.operations import refused
from tests.support import Server

ACME = Plugin("acme", "acme-tables", "1.2")
_numbers = count(1)

# A process can declare a table once.
ONCE = pytest.mark.parametrize("store", ["embedded"], indirect=True)


def _registered(*tables: Any, strict: bool = True) -> Registry:
    @hookimpl
    def register_audience_tables() -> list[Any]:
        return list(tables)

    module = ModuleType("acme")
    vars(module)["register_audience_tables"] = register_audience_tables
    return register({ACME: module}, strict, CHECKS.declarations)


def _declare(name: str = "", /, doc: str | None = "What a row is.", **changes: Any) -> Any:
    """Declare a table with a key and a field; ``None`` removes an attribute."""
    number = next(_numbers)
    attributes: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": doc,
        "__tablename__": name or f"acme_{number}",
        "__table_args__": (fact_engine("contact_id"),),
        "contact_id": (int, _key()),
        "points": (int, _field(Int64)),
    }
    attributes = {k: v for k, v in {**attributes, **changes}.items() if v is not None}
    annotations = {k: v[0] for k, v in attributes.items() if isinstance(v, tuple) and k[0] != "_"}
    values = {k: v[1] if k in annotations else v for k, v in attributes.items()}
    namespace = {**values, "__annotations__": annotations}
    metaclass: Any = type(AudienceTable)
    return metaclass(f"Acme{number}", (AudienceTable,), namespace, table=True)


def _field(kind: Any, **more: Any) -> Any:
    return Field(**{"sa_type": kind, "description": "What it is.", **more})


def _key(kind: Any = UInt64, **more: Any) -> Any:
    return _field(kind, primary_key=True, **more)


class NoTable(AudienceTable):
    """A class without table=True."""


class Elsewhere(SQLModel, table=True):
    """A table of another store."""

    id: int = Field(primary_key=True)


ENGINE: dict[str, Any] = {"order_by": ("shop_id", "contact_id"), "version": "version"}
LONG = "acme_" + "x" * 59

BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no table": (lambda: NoTable, "NoTable must be declared with table=True"),
    "the base": (lambda: AudienceTable, "AudienceTable must be declared with table=True"),
    "a built-in table": (lambda: Contact, "'contacts' is a reserved name; start it with the name"),
    "a name of a format": (lambda: _declare("shopify_orders"), "'shopify_orders' is a reserved"),
    "a name in capitals": (lambda: _declare("Acme"), "'Acme' must be a name in snake case"),
    "a name with a dash": (lambda: _declare("acme-points"), "'acme-points' must be a name in"),
    "a name with a quote": (lambda: _declare("acme'"), "must be a name in snake case"),
    "a short name": (lambda: _declare("ab"), "with 3 to 63 characters"),
    "a long name": (lambda: _declare(LONG), "with 3 to 63 characters"),
    "a schema": (
        lambda: _declare(__table_args__=(fact_engine("contact_id"), {"schema": "system"})),
        "must be declared with table=True, without a schema",
    ),
    "metadata of its own": (lambda: _declare(metadata=MetaData()), "without metadata of its own"),
    "no docstring": (lambda: _declare(doc=None), r"Acme\d+ needs a docstring"),
    "an index": (lambda: _declare(points=(int, _field(Int64, index=True))), "must have no index"),
    "a unique field": (
        lambda: _declare(points=(int, _field(Int64, unique=True))), "must have no index"
    ),
    "a version of its own": (
        lambda: _declare(version=(str, _field(String))), "must not declare shop_id, version, del"
    ),
    "a field without a type": (
        lambda: _declare(points=(int, Field(description="Points."))),
        r"Acme\d+.points has the type INTEGER; set sa_type to UInt64",
    ),
    "a field without a description": (
        lambda: _declare(points=(int, Field(sa_type=Int64))), "points needs a description; write F"
    ),
    "a field in camel case": (
        lambda: _declare(points=None, manyPoints=(int, _field(Int64))), "manyPoints must be a name"
    ),
    "a number after an underscore": (
        lambda: _declare(points=None, points_2=(int, _field(Int64))), "a letter after each under"
    ),
    "a float": (lambda: _declare(points=(float, _field(sqltypes.Float64))), "has the type Float64"),
    "a time without a zone": (
        lambda: _declare(at=(datetime, _field(sqltypes.DateTime64(3)))), r"the type DateTime64\(3\)"
    ),
    "a list of nulls": (
        lambda: _declare(tags=(list[str], _field(Array(Nullable(String))))), "has the type Array"
    ),
    "null where none can be": (
        lambda: _declare(points=(int | None, _field(Int64))), "must be optional if its sa_type is N"
    ),
    "no null where one can be": (
        lambda: _declare(points=(int, _field(Nullable(Int64)))), "must be optional if its sa_type"
    ),
    "a default that cannot be": (
        lambda: _declare(points=(int, _field(Int64, default=1.5))),
        "points has an invalid default: it must be a whole number",
    ),
    "a default factory": (
        lambda: _declare(tags=(list[str], _field(Array(String), default_factory=list))),
        "tags has a default_factory; use default, or no default",
    ),
    "no contact": (
        lambda: _declare(
            contact_id=None, person=(int, _key()), __table_args__=(fact_engine("person"),)
        ),
        "must have contact_id as the first field of its primary key; declare contact_id: int",
    ),
    "a contact that is text": (
        lambda: _declare(contact_id=(str, _key(String))), "must have contact_id as the first field"
    ),
    "a key with a default": (
        lambda: _declare(
            kind=(str, _key(String, default="x")),
            __table_args__=(fact_engine("contact_id", "kind"),),
        ),
        "kind is in the primary key, so it must be required",
    ),
    "a list in the key": (
        lambda: _declare(
            kind=(list[str], _key(Array(String))),
            __table_args__=(fact_engine("contact_id", "kind"),),
        ),
        "kind is in the primary key, so it must be required",
    ),
    "an id that is text": (
        lambda: _declare(
            id=(str, _key(String)), __table_args__=(fact_engine("contact_id", "id"),)
        ),
        r"id must have the type UInt64; rename an id of another type",
    ),
    "a time that is no field": (
        lambda: _declare(time_column="written_at"),
        "time_column names 'written_at', which must be a field of the type INSTANT",
    ),
    "a time that is text": (
        lambda: _declare(written=(str, _field(String)), time_column="written"),
        "time_column names 'written', which must be a field of the type INSTANT",
    ),
    "a later change that is not nullable": (
        lambda: _declare(read=(datetime, _field(INSTANT)), later_columns=["read"]),
        r"later_columns names 'read', which must be a field of the type Nullable\(INSTANT\)",
    ),
    "no engine": (
        lambda: _declare(__table_args__=()),
        r'declare __table_args__ = \(fact_engine\("contact_id"\),\)',
    ),
    "the engine of another key": (
        lambda: _declare(kind=(str, _key(String))),
        r'declare __table_args__ = \(fact_engine\("contact_id", "kind"\),\)',
    ),
    "an engine that replaces nothing": (
        lambda: _declare(__table_args__=(engines.MergeTree(order_by=("shop_id", "contact_id")),)),
        "must have the engine of its primary key",
    ),
    "an engine without partitions": (
        lambda: _declare(__table_args__=(engines.ReplacingMergeTree(**ENGINE),)),
        "must have the engine of its primary key",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_an_unusable_table_is_refused(what: str) -> None:
    declare, message = BAD[what]
    table = declare()
    expected = f"acme-tables 1.2 has an audience table that cannot be used: .*{message}"
    with pytest.raises(PluginError, match=expected):
        _registered(table)
    left_out = _registered(table, strict=False)
    assert (left_out.tables, len(left_out.failures)) == ((), 1)


def test_other_classes_are_refused() -> None:
    for thing in (Elsewhere, object, "contacts"):
        with pytest.raises(PluginError, match="must return classes of audience tables"):
            _registered(thing)


def test_two_plugins_with_the_same_table_are_named() -> None:
    table = _declare()
    with pytest.raises(PluginError, match=rf"has the audience table '{table.__tablename__}'"):
        _registered(table, table)


@ONCE
def test_names_can_be_sql_keywords(start: Started, server: Server, tmp_path: Path) -> None:
    table = _declare(
        "table",
        row=(str, _key(String)),
        null=(str, _key(String)),
        lines=(list[str], _field(Array(String))),
        order=(bool, _field(Bool, default=False)),
        select=(datetime | None, _field(Nullable(INSTANT))),
        __table_args__=(fact_engine("contact_id", "row", "null"),),
        time_column="select",
    )
    path = tmp_path / "some.ndjson"
    path.write_text('{"contact_id": 2, "row": "b", "null": "c", "points": 7, "lines": ["x"]}\n')
    with start(_registered(table)) as plugged:
        shop, services = plugged.client(server.shop().shop), plugged.services
        row = {"contactId": 1, "row": "a", "null": "b", "points": 1, "order": True}
        record(shop, "table", row, {**row, "row": "z"}, {**row, "points": 2})
        load_file(services, shop.shop_id, path)
        expected = [("a", 2, []), ("b", 7, ["x"]), ("z", 1, [])]
        assert _rows(services, "row, points, lines") == expected
        later = {**row, "row": "y", "select": "2199-01-01T00:00:00Z"}
        record(shop, "table", later)
        seen, now = select(table.row).order_by(table.row), AsOf(datetime.now(UTC), [table])
        rows = services.audience.fetch_rows(seen, shop.shop_id, as_of=now)
        assert [each[0] for each in rows] == ["a", "b", "z"]
        record(shop, "table", {**later, "select": "1999-01-01T00:00:00Z"})
        shop.forget("1")
        assert _rows(services, "row, `order`") == [("b", False)]
    with start(_registered(table)):
        pass


def _rows(services: Any, columns: str) -> list[tuple[Any, ...]]:
    query = f"SELECT {columns} FROM `table` FINAL ORDER BY row"
    return [tuple(row.values()) for row in services.audience.query_unfiltered(query).to_pylist()]


@ONCE
def test_the_file_name_or_the_format_distinguishes_tables_with_the_same_columns(
    start: Started, server: Server, tmp_path: Path
) -> None:
    one, other = _declare("acme_one"), _declare("acme_other")
    with start(_registered(one, other)) as plugged:
        shop = (plugged.services, server.shop().shop_id)
        path, named = tmp_path / "points.csv", tmp_path / "acme_other.csv"
        for file in (path, named):
            file.write_text("contact_id,points\n1,5\n")
        with pytest.raises(InvalidInputError, match="more than one format: acme_one, acme_other"):
            load_file(*shop, path)
        assert load_file(*shop, path, format="acme_one").format == "acme_one"
        assert load_file(*shop, named).format == "acme_other"


def test_the_error_for_a_left_out_table_names_its_plugin(start: Started, server: Server) -> None:
    with start(_registered(_declare(doc=None), strict=False)) as plugged:
        answer = plugged.client(server.shop().shop).ask(RECORD, table="acme_points", rows=[])
        assert refused(answer) == [("INVALID", ["table"])]
        assert "left out at startup: acme-tables 1.2 (acme)" in str(answer)

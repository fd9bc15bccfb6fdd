"""Migrations from an empty database and every earlier schema, in both directions, with rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, inspect

from graphql_app.catalog.migrate import (
    MIGRATIONS,
    list_revisions,
    migrate,
    read_revision,
    require_current,
)
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import CatalogTable, Segment
from graphql_app.errors import AppError, ErrorCode
from graphql_app.settings import Settings
from graphql_app.startup.catalog import open_catalog
from tests.catalog.rows import ROWS, SEGMENT_ID, insert_rows, read_rows
from tests.e2e import process

EARLIER = list_revisions()[:-1]


@pytest.fixture
def empty_catalog(catalog_url: str) -> Iterator[Catalog]:
    with closing(Catalog(catalog_url)) as catalog:
        yield catalog


def _differences(catalog: Catalog) -> list[Any]:
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, CatalogTable.metadata))


def test_the_files_are_named_after_their_revisions() -> None:
    scripts = [*ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
    assert [script.revision for script in scripts][::-1] == list_revisions()


def _schema(catalog: Catalog) -> dict[str, Any]:
    """Return all that the database says about the tables, apart from the order of columns."""
    found = inspect(catalog.engine)
    return {
        table: {
            "columns": {
                each["name"]: {**each, "type": str(each["type"])}
                for each in found.get_columns(table)
            },
            "keys": found.get_pk_constraint(table),
            "indexes": sorted(found.get_indexes(table), key=str),
            "unique": sorted(found.get_unique_constraints(table), key=str),
            "references": sorted(found.get_foreign_keys(table), key=str),
            "checks": found.get_check_constraints(table),
        }
        for table in found.get_table_names()
    }


def test_tables_created_at_once_equal_those_of_all_migrations(empty_catalog: Catalog) -> None:
    migrate(empty_catalog, EARLIER[0])
    migrate(empty_catalog)
    migrated = _schema(empty_catalog)
    with empty_catalog.writer.begin() as connection:
        every = MetaData()
        every.reflect(connection)
        every.drop_all(connection)
    migrate(empty_catalog)
    assert _schema(empty_catalog) == migrated


def test_an_empty_database_migrates_up_and_back(empty_catalog: Catalog) -> None:
    assert read_revision(empty_catalog) is None
    migrate(empty_catalog)
    migrate(empty_catalog)
    assert read_revision(empty_catalog) == list_revisions()[-1]
    assert _differences(empty_catalog) == []
    for earlier in EARLIER[::-1]:
        migrate(empty_catalog, earlier)
        assert read_revision(empty_catalog) == earlier
    migrate(empty_catalog)
    assert _differences(empty_catalog) == []


@pytest.mark.parametrize("earlier", EARLIER)
def test_rows_of_an_earlier_version_survive_a_migration_and_the_way_back(
    empty_catalog: Catalog, earlier: str
) -> None:
    migrate(empty_catalog, earlier)
    insert_rows(empty_catalog, earlier)
    before = read_rows(empty_catalog)
    assert all(before[table] for table in ROWS[earlier])
    migrate(empty_catalog)
    assert _differences(empty_catalog) == []
    for table, rows in before.items():  # with the columns that later revisions add
        for row, later in zip(rows, read_rows(empty_catalog)[table], strict=True):
            assert later.items() >= row.items()
    migrate(empty_catalog, earlier)
    assert read_rows(empty_catalog) == before
    migrate(empty_catalog)


def test_the_id_of_a_deleted_segment_is_never_reused(empty_catalog: Catalog) -> None:
    migrate(empty_catalog)
    insert_rows(empty_catalog, list_revisions()[-1])

    def create(name: str) -> int | None:
        with empty_catalog.write() as session:
            segment = Segment(shop_id=7, name=name, name_key=name, rule={"all": []}, summary="")
            session.add(segment)
        return segment.id

    first = create("First")
    with empty_catalog.write() as session:
        session.delete(session.get_one(Segment, first))
    assert create("Second") not in {None, first, SEGMENT_ID}


def test_every_revision_and_every_table_has_sample_rows() -> None:
    assert {*ROWS} == {*list_revisions()}
    tables = {table for rows in ROWS.values() for table in rows}
    assert tables == {*CatalogTable.metadata.tables}


def test_concurrent_migrations_all_succeed(catalog_url: str, empty_catalog: Catalog) -> None:
    def run(_: int) -> None:
        with closing(Catalog(catalog_url)) as catalog:
            migrate(catalog)

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(run, range(4))] == [None] * 4
    assert _differences(empty_catalog) == []


def test_a_migration_that_fails_changes_nothing(empty_catalog: Catalog) -> None:
    migrate(empty_catalog, EARLIER[0])
    with empty_catalog.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE facts_clock (odd INTEGER)")
    with pytest.raises(AppError):
        migrate(empty_catalog)
    assert read_revision(empty_catalog) == EARLIER[0]
    with empty_catalog.engine.connect() as connection:
        assert "segment_use" not in inspect(connection).get_table_names()


def test_a_catalog_with_another_schema_is_refused_with_the_command_to_run(
    catalog_url: str, empty_catalog: Catalog, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, catalog_url=catalog_url, _env_file=None)

    def refusal() -> str:
        with pytest.raises(AppError) as refused, open_catalog(settings):
            pass
        assert refused.value.code is ErrorCode.UNAVAILABLE
        return str(refused.value)

    assert "is empty: run `segments migrate`" in refusal()
    migrate(empty_catalog, EARLIER[-1])
    needed = f"has the schema {EARLIER[-1]}, and this version needs {list_revisions()[-1]}"
    assert needed in refusal()
    migrate(empty_catalog)
    with open_catalog(settings) as catalog:
        require_current(catalog)
    with empty_catalog.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "of a newer version" in refusal()
    with pytest.raises(AppError, match="of a newer version"):
        migrate(empty_catalog)


def test_the_command_migrates_back_only_when_confirmed(tmp_path: Path) -> None:
    process.segments(tmp_path, "shop", "create", "acme")
    latest = list_revisions()[-1]
    assert f"already has the schema {latest}" in process.segments(tmp_path, "migrate")
    process.segments(tmp_path, "migrate", "--to", "0001", status=1)  # not confirmed
    assert "acme" in process.segments(tmp_path, "shop", "list")
    output = process.segments(tmp_path, "migrate", "--to", "0001", "--yes")
    assert "now has the schema 0001" in output
    refused = process.segments(tmp_path, "serve", status=1)
    assert "run `segments migrate`" in refused
    assert "Unknown revision 'x'" in process.segments(tmp_path, "migrate", "--to", "x", status=1)
    process.segments(tmp_path, "migrate")
    assert "acme" in process.segments(tmp_path, "shop", "list")

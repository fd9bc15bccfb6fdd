"""Migrations: from nothing and from every earlier schema, both directions, with rows in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, select

from graphql_app.catalog.migrate import list_revisions, migrate, read_revision, require_current
from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import CatalogTable, Segment
from graphql_app.errors import AppError, ErrorCode
from graphql_app.settings import Settings
from graphql_app.startup.catalog import open_catalog
from tests.catalog.rows import ROWS, fill
from tests.e2e import process

EARLIER = list_revisions()[:-1]


@pytest.fixture
def opened(catalog_url: str) -> Iterator[Catalog]:
    """A catalog without a schema: on SQLite, and on PostgreSQL."""
    catalog = Catalog(catalog_url)
    yield catalog
    catalog.close()


def _content(catalog: Catalog) -> dict[str, list[Any]]:
    """All rows of all tables."""
    found = MetaData()
    with catalog.engine.connect() as connection:
        found.reflect(connection)
        return {
            name: [tuple(row) for row in connection.execute(select(table))]
            for name, table in found.tables.items()
            if name != "alembic_version"
        }


def _differences(catalog: Catalog) -> list[Any]:
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, CatalogTable.metadata))


def test_from_nothing_to_the_schema_of_the_tables_and_back(opened: Catalog) -> None:
    assert read_revision(opened) is None
    migrate(opened)
    migrate(opened)
    assert read_revision(opened) == list_revisions()[-1]
    assert _differences(opened) == []
    for earlier in EARLIER[::-1]:
        migrate(opened, earlier)
        assert read_revision(opened) == earlier
    migrate(opened)
    assert _differences(opened) == []


@pytest.mark.parametrize("earlier", EARLIER)
def test_what_an_earlier_version_kept_is_there_after_and_after_the_way_back(
    opened: Catalog, earlier: str
) -> None:
    migrate(opened, earlier)
    fill(opened, earlier)
    before = _content(opened)
    assert all(before[table] for table in ROWS[earlier])
    migrate(opened)
    assert _differences(opened) == []
    after = _content(opened)
    assert {table: after[table] for table in before} == before
    migrate(opened, earlier)
    assert _content(opened) == before
    migrate(opened)


def test_the_id_of_a_segment_that_was_deleted_is_not_given_again(opened: Catalog) -> None:
    migrate(opened)
    fill(opened, list_revisions()[-1])

    def made(name: str) -> int | None:
        with opened.write() as session:
            segment = Segment(shop_id=7, name=name, name_key=name, rule={"all": []}, summary="")
            session.add(segment)
        return segment.id

    first = made("First")
    with opened.write() as session:
        session.delete(session.get_one(Segment, first))
    assert made("Second") not in {None, first, 3}


def test_the_rows_of_this_version_are_tried_as_well() -> None:
    assert {*ROWS} == {*list_revisions()}
    tables = {table for rows in ROWS.values() for table in rows}
    assert tables == {*CatalogTable.metadata.tables}


def test_of_many_that_migrate_at_once_each_finds_it_done(catalog_url: str, opened: Catalog) -> None:
    failed: list[Exception] = []

    def go() -> None:
        catalog = Catalog(catalog_url)
        try:
            migrate(catalog)
        except Exception as error:
            failed.append(error)
        finally:
            catalog.close()

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert _differences(opened) == []


def test_a_migration_that_fails_changes_nothing(opened: Catalog) -> None:
    migrate(opened, EARLIER[0])
    with opened.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE facts_clock (odd INTEGER)")
    with pytest.raises(AppError):
        migrate(opened)
    assert read_revision(opened) == EARLIER[0]
    with opened.engine.connect() as connection:
        assert "segment_use" not in inspect(connection).get_table_names()


def test_a_catalog_of_another_schema_is_refused_with_the_command_to_run(
    catalog_url: str, opened: Catalog, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, catalog_url=catalog_url, _env_file=None)

    def refusal() -> str:
        with pytest.raises(AppError) as refused, open_catalog(settings):
            pass
        assert refused.value.code is ErrorCode.UNAVAILABLE
        return str(refused.value)

    assert "is empty: run `segments migrate`" in refusal()
    migrate(opened, EARLIER[-1])
    assert (
        f"has the schema {EARLIER[-1]}, and this version needs {list_revisions()[-1]}" in refusal()
    )
    migrate(opened)
    with open_catalog(settings) as catalog:
        require_current(catalog)
    with opened.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "of a newer version" in refusal()
    with pytest.raises(AppError, match="of a newer version"):
        migrate(opened)


def test_the_command_migrates_and_goes_back_only_when_it_is_meant(tmp_path: Path) -> None:
    process.segments(tmp_path, "shop", "create", "acme")
    latest = list_revisions()[-1]
    assert f"already has the schema {latest}" in process.segments(tmp_path, "migrate")
    process.segments(tmp_path, "migrate", "--to", "0001", status=1)  # nobody said yes
    assert "acme" in process.segments(tmp_path, "shop", "list")
    output = process.segments(tmp_path, "migrate", "--to", "0001", "--yes")
    assert "now has the schema 0001" in output
    refused = process.segments(tmp_path, "serve", status=1)
    assert "run `segments migrate`" in refused
    assert "no revision 'x'" in process.segments(tmp_path, "migrate", "--to", "x", status=1)
    process.segments(tmp_path, "migrate")
    assert "acme" in process.segments(tmp_path, "shop", "list")

"""Two rounds of ``kill -9``; ``make soak`` runs hundreds."""

from pathlib import Path

from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
from tests.catalog.rows import insert_rows
from tests.e2e import process
from tests.faults import kills


def test_a_server_killed_during_writes_loses_nothing_and_keeps_no_half_write(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    process.segments(data, "migrate")
    answered = [*kills.rounds_of_writing(data, rounds=2, seed=1)]
    assert all(answered)


def test_a_killed_migration_leaves_the_old_or_the_new_schema(catalog_url: str) -> None:
    catalog = Catalog(catalog_url)
    migrate(catalog, "0001")
    insert_rows(catalog, "0001")
    catalog.close()
    assert len([*kills.rounds_of_migrations(catalog_url, rounds=2, seed=1)]) == 2

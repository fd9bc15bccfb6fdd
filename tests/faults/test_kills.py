"""A few rounds of ``kill -9``; ``make soak`` does hundreds."""

from __future__ import annotations

from pathlib import Path

from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
from tests.catalog.rows import fill
from tests.e2e import process
from tests.faults import kills


def test_killed_while_it_is_written_to_it_loses_nothing_and_keeps_no_half(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process.segments(data, "migrate")
    answered = [*kills.rounds_of_writing(data, rounds=3, seed=1)]
    assert all(answered)


def test_killed_while_it_migrates_the_catalog_is_of_one_schema_or_the_other(
    catalog_url: str,
) -> None:
    catalog = Catalog(catalog_url)
    migrate(catalog, "0001")
    fill(catalog, "0001")
    catalog.close()
    assert len([*kills.rounds_of_migrating(catalog_url, rounds=4, seed=1)]) == 4

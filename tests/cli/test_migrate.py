"""``segments migrate`` lists what an upgrade changes before it changes anything."""

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from graphql_app.catalog.migrate import list_revisions, migrate, read_revision
from graphql_app.catalog.store import Catalog
from graphql_app.cli import migrate as command
from graphql_app.cli.app import app
from tests.catalog.rows import insert_rows
from tests.e2e import process

NOWHERE = "clickhousedb://localhost:1/segments"
SEGMENTS, SHOPS = "These saved segments have criteria", "These shops have no country"
RULE = '{"tag": {"operator": "ANY_OF", "tags": ["a"]}}'


def write_catalog(url: str, revision: str) -> None:
    """Write the catalog of a revision, with one shop and one segment about tags."""
    with closing(Catalog(url)) as catalog:
        migrate(catalog, revision)
        insert_rows(catalog, revision)
        with catalog.writer.begin() as connection:
            connection.execute(text("UPDATE segment SET rule = :rule"), {"rule": RULE})


def revision_of(url: str) -> str | None:
    with closing(Catalog(url)) as catalog:
        return read_revision(catalog)


def lists(output: str) -> list[str]:
    """Return the headings and the names of the lists, without reasons."""
    names = (SEGMENTS, SHOPS, "  - acme: All (tag)", "- acme")
    return [name for line in output.splitlines() for name in names if line.startswith(name)]


EVERYTHING = [SEGMENTS, "  - acme: All (tag)", SHOPS, "- acme"]


def test_it_lists_everything_after_the_audience_could_not_be_opened(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'earlier.sqlite3'}"
    write_catalog(url, "0006")
    with process.server(tmp_path):
        in_use = process.segments(tmp_path, "migrate", status=1, CATALOG_URL=url)
    unreachable = process.segments(
        tmp_path, "migrate", status=1, CATALOG_URL=url, AUDIENCE_URL=NOWHERE
    )
    assert "Another process has the audience" in in_use
    assert "Cannot open the audience at localhost:1" in unreachable
    assert lists(in_use + unreachable) == []
    assert revision_of(url) == "0006"
    assert lists(process.segments(tmp_path, "migrate", CATALOG_URL=url)) == EVERYTHING
    assert lists(process.segments(tmp_path, "migrate", CATALOG_URL=url)) == []


@pytest.mark.parametrize("revision", list_revisions()[:-1])
def test_it_lists_what_changes_since_any_revision(
    catalog_url: str, revision: str, tmp_path: Path
) -> None:
    write_catalog(catalog_url, revision)
    env = {"DATA_DIR": str(tmp_path), "CATALOG_URL": catalog_url}
    done = CliRunner().invoke(app, ["migrate"], env=env)
    assert lists(done.output) == (EVERYTHING if revision < "0007" else EVERYTHING[2:])


@pytest.mark.parametrize(
    ("step", "listed_again"),
    [("_migrate_catalog", EVERYTHING), ("_migrate_facts", list[str]())],
)
def test_an_interruption_loses_no_list(
    step: str,
    listed_again: list[str],
    open_database: Callable[[str], AbstractContextManager[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    write_catalog(f"sqlite:///{tmp_path / 'catalog.sqlite3'}", "0006")
    with open_database("http") as url:
        env = {"DATA_DIR": str(tmp_path), "AUDIENCE_URL": url}
        with monkeypatch.context() as patch:
            patch.setattr(command, step, interrupt)
            first = CliRunner().invoke(app, ["migrate"], env=env)
        second = CliRunner().invoke(app, ["migrate"], env=env)
    assert (first.exit_code, second.exit_code) == (130, 0), second.output
    assert lists(first.output) == EVERYTHING
    assert lists(second.output) == listed_again

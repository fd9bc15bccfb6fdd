"""A restore reproduces the whole installation in stores of any kind."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from graphql_app.backup.archive import MANIFEST, SUMS, Manifest
from graphql_app.catalog import tokens
from graphql_app.catalog.migrate import migrate
from graphql_app.plugins import Registry
from tests.backup.conftest import CreateInstallation, Source
from tests.backup.installation import ORDERED, rewrite, view_shop
from tests.factories import order
from tests.installed import run
from tests.plugin_tables.test_recording import points, record, reviews
from tests.schema.operations import EVERYONE, create
from tests.support import Client, Server

NEWER = ("facts_clock", "idempotency_key")  # tables added after revision 0002


def _clients(server: Server, shops: tuple[Client, ...]) -> list[Client]:
    """Return clients that use the same tokens at another installation's server."""
    return [replace(shop, address=server.address, http=server.http) for shop in shops]


def test_a_restore_reproduces_the_installation(
    source: Source, backup: Path, create_installation: CreateInstallation, tmp_path: Path
) -> None:
    # To PostgreSQL and back to SQLite, so that both are dumped and loaded.
    shutil.copytree(backup, tmp_path / "0")
    facts = source.installation.facts()
    assert sum(map(len, facts.values())) > 400
    for number, kind in enumerate(("postgresql", "sqlite")):
        target = create_installation(kind)
        manifest = target.restore(tmp_path / str(number))
        assert (manifest.shops, target.facts()) == (2, facts)
        with target.serving() as server:
            assert [view_shop(shop) for shop in _clients(server, source.shops)] == source.seen
            target.back_up(tmp_path / str(number + 1))
    for name in sorted(path.name for path in (tmp_path / "0" / "catalog").iterdir()):
        one, other = ((tmp_path / which / "catalog" / name).read_text() for which in "02")
        assert [*map(json.loads, one.splitlines())] == [*map(json.loads, other.splitlines())]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_restored_installation_can_be_written_to(
    source: Source, backup: Path, create_installation: CreateInstallation, kind: str
) -> None:
    target = create_installation(kind)
    target.restore(backup)
    with target.serving() as server:
        shop, other = _clients(server, source.shops)
        # Later writes win, also when they move a row, and new rows get unused ids.
        assert (reviews(shop, 2), points(shop, 30)) == (1, 1)
        record(shop, "acme_reviewers", {"contactId": "1", "points": 7})
        assert points(shop, 30) == 0
        ordered = shop.members(ORDERED)
        shop.record("ordersUpsert", [order(4, 2)])
        assert shop.members(ORDERED) == ordered - 1
        contacts = shop.members(EVERYONE)
        shop.forget("1")
        assert shop.members(EVERYONE) == contacts - 1
        create(shop, "new")
        create(other, "new")
        assert tokens.create_token(target.services.catalog, shop.shop, [])
        assert server.shop().shop_id > max(shop.shop_id, other.shop_id)
    with target.serving() as server:
        (shop, _) = _clients(server, source.shops)
        assert points(shop, 7) == 0  # the contact was forgotten


def test_a_backup_includes_tables_of_uninstalled_plugins(
    source: Source,
    create_installation: CreateInstallation,
    registry_with_reviews: Registry,
    tmp_path: Path,
) -> None:
    use_tables = source.installation.services.audience.use_plugin_tables
    use_tables(())  # as after a start without the plugin
    try:
        manifest = source.installation.back_up(tmp_path / "backup")
    finally:
        use_tables(registry_with_reviews.tables)
    assert manifest.audience["acme_reviewers"].rows > 1
    target = create_installation(with_plugin=False)
    target.restore(tmp_path / "backup")
    target.services.audience.use_plugin_tables(registry_with_reviews.tables)
    target.services = replace(target.services, registry=registry_with_reviews)
    with target.serving() as server:  # with the plugin again
        shop, _ = _clients(server, source.shops)
        assert (reviews(shop, 2), points(shop, 30)) == (1, 1)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_of_an_older_version_is_migrated(
    source: Source, backup: Path, create_installation: CreateInstallation, tmp_path: Path, kind: str
) -> None:
    shutil.copytree(backup, tmp_path / "old")
    for table in NEWER:
        (tmp_path / "old" / "catalog" / f"{table}.ndjson").unlink()
    lines = (backup / SUMS).read_text().splitlines()
    kept = [line for line in lines if not any(table in line for table in NEWER)]
    (tmp_path / "old" / SUMS).write_text("\n".join(kept) + "\n")
    catalog = json.loads((backup / MANIFEST).read_text())["catalog"]
    for table in NEWER:
        del catalog[table]
    rewrite(tmp_path / "old", revision="0002", catalog=catalog)
    target = create_installation(kind)
    migrate(target.services.catalog)  # a newer schema, without rows
    target.restore(tmp_path / "old")
    with target.serving() as server:
        assert [*map(view_shop, _clients(server, source.shops))] == source.seen


def test_sha256sum_accepts_the_checksums(backup: Path) -> None:
    output = run("/usr/bin/sha256sum", "--check", "--strict", SUMS, cwd=backup)
    assert output.count(": OK") >= 10
    manifest = Manifest.model_validate_json((backup / "manifest.json").read_text())
    assert manifest.audience["acme_reviews"].rows > 2


def test_only_the_owner_can_read_a_backup(backup: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0

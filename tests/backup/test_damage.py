"""Restores refuse damaged, incomplete and incompatible backups before they change anything."""

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from graphql_app.audience.table_reader import list_fact_tables
from graphql_app.backup import BackupError, check_backup
from graphql_app.backup.archive import MANIFEST, SUMS
from graphql_app.catalog import dump
from graphql_app.catalog.migrate import migrate
from graphql_app.errors import AppError
from tests.backup.conftest import CreateInstallation, Source
from tests.backup.installation import Installation, rewrite


@pytest.fixture
def intact(backup: Path, tmp_path: Path) -> Path:
    shutil.copytree(backup, tmp_path / "intact")
    return tmp_path / "intact"


def _assert_refused(target: Installation, path: Path, message: str) -> None:
    """Assert that a restore fails with a message and leaves the stores empty."""
    with pytest.raises(BackupError, match=message):
        target.restore(path)
    assert dump.list_shops(target.services.catalog) == []
    assert target.rows() == 0


def test_cut_changed_and_missing_files_are_detected(
    intact: Path, create_installation: CreateInstallation
) -> None:
    target = create_installation()
    every = [path for path in intact.rglob("*.*") if path.stat().st_size]
    files = sorted(path.relative_to(intact) for path in every)
    assert len(files) >= 12
    for name in (*files, Path(SUMS)):
        content = (intact / name).read_bytes()
        middle = len(content) // 2
        flipped = bytes([*content[:middle], content[middle] ^ 1, *content[middle + 1 :]])
        for damaged in (None, content[:-2], flipped):
            (intact / name).unlink()
            if damaged is not None:
                (intact / name).write_bytes(damaged)
            with pytest.raises(BackupError, match=r"damaged|missing"):
                check_backup(intact)
            (intact / name).write_bytes(content)
        if name.suffix == ".parquet":
            (intact / name).write_bytes(flipped)
            _assert_refused(target, intact, "does not match its checksum")
            (intact / name).write_bytes(content)
    target.restore(intact)


def test_files_without_checksum_are_detected(
    intact: Path, create_installation: CreateInstallation
) -> None:
    lines = (intact / SUMS).read_text().splitlines()
    for unlisted in (MANIFEST, "catalog/segment.ndjson", "audience/orders.parquet"):
        kept = [line for line in lines if not line.endswith(unlisted)]
        (intact / SUMS).write_text("\n".join(kept) + "\n")
        _assert_refused(create_installation(), intact, "does not list")


def test_a_directory_that_is_not_a_backup_is_refused(
    tmp_path: Path, create_installation: CreateInstallation
) -> None:
    _assert_refused(create_installation(), tmp_path / "nowhere", "nowhere/SHA256SUMS is missing")
    _assert_refused(create_installation(), tmp_path, "is not a complete backup")
    (tmp_path / SUMS).write_bytes(b"\xff\x00")
    _assert_refused(create_installation(), tmp_path, "damaged")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / SUMS).write_text("")
    _assert_refused(create_installation(), tmp_path / "empty", "missing")


def test_an_unreadable_backup_is_not_reported_as_damaged(
    intact: Path, create_installation: CreateInstallation
) -> None:
    _assert_refused(
        create_installation(), intact / MANIFEST, "SHA256SUMS cannot be read: Not a directory"
    )
    (intact / MANIFEST).unlink()
    (intact / MANIFEST).mkdir()
    _assert_refused(create_installation(), intact, "manifest.json cannot be read: Is a directory")


@pytest.mark.parametrize("change", [{"format": 2}, {"revision": "9999"}], ids=str)
def test_a_backup_of_a_newer_version_is_refused(
    intact: Path, create_installation: CreateInstallation, change: dict[str, object]
) -> None:
    rewrite(intact, product="7.0", **change)
    _assert_refused(
        create_installation(), intact, "created by the newer version 7.0, and this version is"
    )


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("contacts; DROP TABLE contacts", {}, "not a table of facts"),
        ("acme_other", {"key": ["id"]}, "not a table of facts"),
        ("acme_other", {"columns": {"shop_id": "UInt64"}}, "not a table of facts"),
        ("acme_other", {"columns": {"contact_id": "UInt64", "a": "Array(UInt64)"}},
         "not a table of facts"),
        ("products", {"columns": {"id": "UInt64"}},
         r"products.id is UInt64 in .*, but String in the audience"),
        ("products", {"columns": {"more": "String"}},
         r"products.more is String in .*, but missing in the audience"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_fit_is_refused(
    intact: Path,
    create_installation: CreateInstallation,
    name: str,
    table: dict[str, object],
    message: str,
) -> None:
    audience = json.loads((intact / MANIFEST).read_text())["audience"]
    added = {"columns": {"contact_id": "UInt64"}, "key": ["contact_id"], "rows": 0, **table}
    rewrite(intact, audience={**audience, name: added})
    target = create_installation()
    _assert_refused(target, intact, message)
    assert "acme_other" not in {each.name for each in list_fact_tables(target.services.audience)}


def test_a_restore_leaves_nonempty_stores_unchanged(
    source: Source, intact: Path, create_installation: CreateInstallation
) -> None:
    facts = source.installation.facts()
    with pytest.raises(BackupError, match="catalog already has shops"):
        source.installation.restore(intact)
    assert source.installation.facts() == facts
    # Only one of the two stores is empty.
    empty = create_installation()
    with pytest.raises(BackupError, match="catalog already has shops"):
        source.installation.with_audience_of(empty).restore(intact)
    with pytest.raises(BackupError, match="audience already has rows in contacts"):
        empty.with_audience_of(source.installation).restore(intact)
    assert source.installation.facts() == facts
    assert empty.rows() == 0


def test_a_restore_leaves_a_catalog_of_a_newer_version_unchanged(
    backup: Path, create_installation: CreateInstallation
) -> None:
    target = create_installation()
    migrate(target.services.catalog)
    with target.services.catalog.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(AppError, match="has the schema 9999 of a newer version"):
        target.restore(backup)
    assert target.rows() == 0


def test_a_backup_never_overwrites_a_path(source: Source, intact: Path) -> None:
    before = (intact / SUMS).read_bytes()
    for existing in (intact, intact / MANIFEST, intact.parent):
        with pytest.raises(BackupError, match="already exists: give the backup another name"):
            source.installation.back_up(existing)
    assert (intact / SUMS).read_bytes() == before
    for nowhere in (intact / MANIFEST, intact.parent / "unmounted"):
        with pytest.raises(BackupError, match="does not exist: create the directory"):
            source.installation.back_up(nowhere / "below")
    assert not (intact.parent / "unmounted").exists()
    assert check_backup(intact)

"""What is not a whole backup, or does not fit, is refused before anything is changed."""

from __future__ import annotations

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
from tests.backup.conftest import New, Source
from tests.backup.installation import Installation, rewrite


@pytest.fixture
def whole(backup: Path, tmp_path: Path) -> Path:
    """A copy of a backup."""
    shutil.copytree(backup, tmp_path / "whole")
    return tmp_path / "whole"


def _refused(target: Installation, path: Path, told: str) -> None:
    """A backup is refused, and the stores are as they were: without anything."""
    with pytest.raises(BackupError, match=told):
        target.restore(path)
    assert dump.list_shops(target.services.catalog) == []
    assert target.rows() == 0


def test_any_file_that_is_cut_changed_or_gone_is_told(whole: Path, new: New) -> None:
    target = new()
    every = [path for path in whole.rglob("*.*") if path.stat().st_size]
    files = sorted(path.relative_to(whole) for path in every)
    assert len(files) >= 12
    for name in (*files, Path(SUMS)):
        content = (whole / name).read_bytes()
        middle = len(content) // 2
        flipped = bytes([*content[:middle], content[middle] ^ 1, *content[middle + 1 :]])
        for damaged in (None, content[:-2], flipped):
            (whole / name).unlink()
            if damaged is not None:
                (whole / name).write_bytes(damaged)
            with pytest.raises(BackupError, match=r"damaged|missing"):
                check_backup(whole)
            (whole / name).write_bytes(content)
        if name.suffix == ".parquet":
            (whole / name).write_bytes(flipped)
            _refused(target, whole, "is not as it was written")
            (whole / name).write_bytes(content)
    target.restore(whole)  # which was none of them


def test_files_that_are_not_listed_are_told(whole: Path, new: New) -> None:
    lines = (whole / SUMS).read_text().splitlines()
    for gone in (MANIFEST, "catalog/segment.ndjson", "audience/orders.parquet"):
        kept = [line for line in lines if not line.endswith(gone)]
        (whole / SUMS).write_text("\n".join(kept) + "\n")
        _refused(new(), whole, "lacks")


def test_what_is_no_backup_is_told(tmp_path: Path, new: New) -> None:
    _refused(new(), tmp_path / "nowhere", "nowhere/SHA256SUMS is missing")
    _refused(new(), tmp_path, "is no backup")
    (tmp_path / SUMS).write_bytes(b"\xff\x00")
    _refused(new(), tmp_path, "damaged")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / SUMS).write_text("")
    _refused(new(), tmp_path / "empty", "missing")


def test_a_backup_that_cannot_be_read_is_not_called_damaged(whole: Path, new: New) -> None:
    _refused(new(), whole / MANIFEST, "SHA256SUMS cannot be read: Not a directory")
    (whole / MANIFEST).unlink()
    (whole / MANIFEST).mkdir()
    _refused(new(), whole, "manifest.json cannot be read: Is a directory")


@pytest.mark.parametrize("change", [{"format": 2}, {"revision": "9999"}], ids=str)
def test_a_newer_version_is_told(whole: Path, new: New, change: dict[str, object]) -> None:
    rewrite(whole, product="7.0", **change)
    _refused(new(), whole, "of a newer version, 7.0, than this one")


@pytest.mark.parametrize(
    ("name", "table", "told"),
    [
        ("contacts; DROP TABLE contacts", {}, "no table of facts"),
        ("acme_other", {"key": ["id"]}, "no table of facts"),
        ("acme_other", {"columns": {"shop_id": "UInt64"}}, "no table of facts"),
        (
            "acme_other",
            {"columns": {"contact_id": "UInt64", "a": "Array(UInt64)"}},
            "no table of facts",
        ),
        ("products", {"columns": {"id": "UInt64"}}, "products.id as UInt64, the audience as Str"),
        ("products", {"columns": {"more": "String"}}, "products.more as String"),
    ],
)
def test_a_table_that_does_not_fit_is_told(
    whole: Path, new: New, name: str, table: dict[str, object], told: str
) -> None:
    audience = json.loads((whole / MANIFEST).read_text())["audience"]
    made = {"columns": {"contact_id": "UInt64"}, "key": ["contact_id"], "rows": 0, **table}
    rewrite(whole, audience={**audience, name: made})
    target = new()
    _refused(target, whole, told)
    names = {table.name for table in list_fact_tables(target.services.audience)}
    assert not names & {"acme_other"}


def test_stores_that_are_not_empty_are_left_alone(source: Source, whole: Path, new: New) -> None:
    facts = source.installation.facts()
    with pytest.raises(BackupError, match="catalog has shops already"):
        source.installation.restore(whole)
    assert source.installation.facts() == facts
    # A catalog with a shop, and an audience with rows, each with the other one empty.
    empty = new()
    with pytest.raises(BackupError, match="catalog has shops already"):
        source.installation.with_audience_of(empty).restore(whole)
    with pytest.raises(BackupError, match="audience has rows already, in contacts"):
        empty.with_audience_of(source.installation).restore(whole)
    assert source.installation.facts() == facts
    assert empty.rows() == 0


def test_a_catalog_of_a_newer_version_is_left_alone(backup: Path, new: New) -> None:
    target = new()
    migrate(target.services.catalog)
    with target.services.catalog.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(AppError, match="has the schema 9999 of a newer version"):
        target.restore(backup)
    assert target.rows() == 0


def test_a_backup_takes_nobody_elses_place(source: Source, whole: Path) -> None:
    before = (whole / SUMS).read_bytes()
    for taken in (whole, whole / MANIFEST, whole.parent):
        with pytest.raises(BackupError, match="already: give the backup another name"):
            source.installation.back_up(taken)
    assert (whole / SUMS).read_bytes() == before
    for nowhere in (whole / MANIFEST, whole.parent / "unmounted"):
        with pytest.raises(BackupError, match="There is no directory"):
            source.installation.back_up(nowhere / "below")
    assert not (whole.parent / "unmounted").exists()
    assert check_backup(whole)

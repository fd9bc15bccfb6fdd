"""Restoring a backup into empty stores, of whatever kind.

The facts come first, and the catalog at the end, in one transaction: until then there is no shop to
ask for. That a restore is going on is noted in the journal of the audience, so that a store that is
half restored is not served, and the same restore can be done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graphql_app.audience.journal import Journal
from graphql_app.audience.store import Audience
from graphql_app.audience.table_reader import count_rows, has_rows, list_fact_tables, table_class
from graphql_app.audience.table_setup import create_tables
from graphql_app.audience.tables import PARTITIONS, JournalEntry
from graphql_app.backup.archive import (
    BackupError,
    Manifest,
    Progress,
    audience_file,
    catalog_file,
    check_backup,
)
from graphql_app.catalog import dump
from graphql_app.catalog.migrate import list_revisions, read_revision, require_current
from graphql_app.catalog.store import Catalog

# One insert takes no more than this, or one page of one shop.
INSERT_ROWS = 200_000
INSERT_BYTES = 64 * 1024**2

ELSEWHERE = (
    "A backup is restored into empty stores only: name new ones with DATA_DIR, or with CATALOG_URL "
    "and AUDIENCE_URL."
)


def restore_backup(
    path: Path,
    catalog: Catalog,
    audience: Audience,
    progress: Progress = lambda what, done, total: None,
) -> Manifest:
    """Restore a backup, after all of it was checked.

    Args:
        path: Where it is.
        catalog: A catalog without rows, or an empty database.
        audience: An audience without rows, or one of which a restore of this backup was begun.
        progress: Is told how many files are checked, then how many rows are there.

    Raises:
        BackupError: The backup is damaged, of a newer version or does not fit, or the stores are
            not empty; nothing was changed.
        AppError: A store failed. The audience is half restored then, and says so.
    """
    manifest, name = check_backup(path, progress)
    if read_revision(catalog) not in {None, *list_revisions()}:
        require_current(catalog)  # which it is not: a newer version made it
    create_tables(audience)
    journal = Journal(audience)
    begun = journal.unfinished_restore()
    if begun not in {None, name}:
        raise BackupError(f"A restore of another backup into this audience was begun. {ELSEWHERE}")
    shops = dump.list_shops(catalog)
    if begun == name and shops and shops == _shops(path):
        journal.end_restore()  # the last that was left to do
        return manifest
    if shops:
        raise BackupError(f"The catalog has shops already. {ELSEWHERE}")
    if begun is None:
        _refuse_rows(audience)
    _make_tables(manifest, audience, path)
    if begun is None:
        journal.begin_restore(name)
    total, done = sum(table.rows for table in manifest.audience.values()), 0
    for table in manifest.audience:
        for rows in _chunks(audience_file(path, table)):
            progress("Facts", done, total)
            audience.insert(table, rows)
            done += rows.num_rows
    progress("Facts", done, total)
    for table, expected in manifest.audience.items():
        if count_rows(audience, table) != expected.rows:
            raise BackupError(f"The rows of {table} are not all there: restore again.")
    try:
        dump.load(catalog, manifest.revision, lambda table: _rows(path, table))
    except dump.CatalogNotEmptyError:
        raise BackupError(f"The catalog is not empty any more. {ELSEWHERE}") from None
    journal.end_restore()
    return manifest


def _refuse_rows(audience: Audience) -> None:
    names = [*(table.name for table in list_fact_tables(audience)), JournalEntry.__tablename__]
    for name in names:
        if has_rows(audience, name):
            raise BackupError(f"The audience has rows already, in {name}. {ELSEWHERE}")


def _make_tables(manifest: Manifest, audience: Audience, path: Path) -> None:
    """Create the tables that are missing, such as those of plugins, and compare all of them."""
    try:
        create_tables(
            audience,
            [table_class(table.on_disk(name)) for name, table in manifest.audience.items()],
        )
    except ValueError as error:
        raise BackupError(f"{path} cannot be restored: {error}.") from error
    on_disk = {table.name: table for table in list_fact_tables(audience)}
    for name, table in manifest.audience.items():
        for column, kind in table.columns.items():
            found = on_disk[name].columns.get(column)
            if found != kind:
                raise BackupError(
                    f"{path} has {name}.{column} as {kind}, the audience as {found}: restore it "
                    "with the version that wrote it."
                )


def _chunks(file: Path) -> Iterator[pa.Table]:
    """A file's rows, as many at once as may be inserted: of one partition."""
    if not file.exists():
        return  # there were none
    with pq.ParquetFile(file) as opened:
        waiting: list[pa.Table] = []
        for number in range(opened.num_row_groups):
            group = opened.read_row_group(number)
            if waiting and (
                _partition(waiting[0]) != _partition(group)
                or sum(each.num_rows for each in waiting) + group.num_rows > INSERT_ROWS
                or sum(each.nbytes for each in waiting) + group.nbytes > INSERT_BYTES
            ):
                yield pa.concat_tables(waiting)
                waiting = []
            waiting.append(group)
        if waiting:
            yield pa.concat_tables(waiting)


def _partition(rows: pa.Table) -> int:
    shop_id: int = rows["shop_id"][0].as_py()
    return shop_id % PARTITIONS


def _rows(path: Path, table: str) -> Iterator[dump.Row]:
    file = catalog_file(path, table)
    if not file.exists():
        return  # a table of another version
    with file.open() as lines:
        for line in lines:
            yield json.loads(line)


def _shops(path: Path) -> Sequence[tuple[int, str]]:
    """The shops of a backup, by their ids, as ``copying.shops`` has those of a catalog."""
    return sorted((row["id"], row["handle"]) for row in _rows(path, dump.SHOPS.name))

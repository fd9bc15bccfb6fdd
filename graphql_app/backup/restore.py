"""Restore a backup into empty stores of any kind.

The facts are restored first, then the catalog in one transaction, so no shop exists until the end.
The audience's journal marks an unfinished restore: servers refuse to open the audience, and the
same backup can be restored again to finish it.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graphql_app.audience.journal import Journal
from graphql_app.audience.migrate import migrate_rows
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
from graphql_app.catalog.segment_names import refold_names
from graphql_app.catalog.store import Catalog

# Limits of one insert. A single row group may exceed them.
INSERT_ROWS = 200_000
INSERT_BYTES = 64 * 1024**2

EMPTY_STORES_ONLY = (
    "Backups can only be restored into empty stores: set DATA_DIR, or CATALOG_URL and "
    "AUDIENCE_URL, to new ones."
)


def restore_backup(
    path: Path,
    catalog: Catalog,
    audience: Audience,
    progress: Progress = lambda what, done, total: None,
) -> Manifest:
    """Check a backup and restore it.

    Args:
        catalog: A catalog without rows, or an empty database.
        audience: An audience without rows, or with an unfinished restore of this backup.
        progress: Called with the number of checked files, then of restored rows of facts.

    Raises:
        BackupError: The backup is damaged, was created by a newer version or does not fit the
            stores, or the stores are not empty. No rows were written, unless rows are missing after
            the restore or the catalog has been filled meanwhile.
        AppError: A store failed; the audience is marked as partly restored.
    """
    manifest, name = check_backup(path, progress)
    if read_revision(catalog) not in {None, *list_revisions()}:
        require_current(catalog)  # raises: a newer version created the catalog
    create_tables(audience)
    journal = Journal(audience)
    unfinished = journal.unfinished_restore()
    if unfinished not in {None, name}:
        raise BackupError(
            f"A restore of another backup into this audience did not finish. {EMPTY_STORES_ONLY}"
        )
    shops = dump.list_shops(catalog)
    if unfinished == name and shops and shops == _list_shops(path):
        # An earlier restore wrote everything, but failed before it marked itself finished.
        journal.end_restore()
        return manifest
    if shops:
        raise BackupError(f"The catalog already has shops. {EMPTY_STORES_ONLY}")
    if unfinished is None:
        _require_empty(audience)
    _create_backed_up_tables(manifest, audience, path)
    if unfinished is None:
        journal.begin_restore(name)
    _insert_facts(manifest, audience, path, progress)
    countries = {row["id"]: row.get("country") for row in _read_rows(path, dump.SHOPS.name)}
    migrate_rows(audience, lambda shop_id: nullcontext(), countries.get, progress)
    try:
        dump.load(catalog, manifest.revision, lambda table: _read_rows(path, table))
    except dump.CatalogNotEmptyError:
        raise BackupError(f"The catalog is no longer empty. {EMPTY_STORES_ONLY}") from None
    refold_names(catalog)
    journal.end_restore()
    return manifest


def _require_empty(audience: Audience) -> None:
    for name in [*(table.name for table in list_fact_tables(audience)), JournalEntry.__tablename__]:
        if has_rows(audience, name):
            raise BackupError(f"The audience already has rows in {name}. {EMPTY_STORES_ONLY}")


def _create_backed_up_tables(manifest: Manifest, audience: Audience, path: Path) -> None:
    """Create missing tables, e.g. of plugins, and check that all columns have the right types."""
    try:
        tables = manifest.audience.items()
        create_tables(audience, [table_class(table.to_fact_table(name)) for name, table in tables])
    except ValueError as error:
        raise BackupError(f"{path} cannot be restored: {error}.") from error
    existing = {table.name: table for table in list_fact_tables(audience)}
    for name, table in manifest.audience.items():
        for column, kind in table.columns.items():
            found = existing[name].columns.get(column)
            if found != kind:
                raise BackupError(
                    f"{name}.{column} is {kind} in {path}, but {found or 'missing'} in the "
                    f"audience: restore the backup with version {manifest.product}."
                )


def _insert_facts(manifest: Manifest, audience: Audience, path: Path, progress: Progress) -> None:
    """Insert the backup's facts, and check that none is missing afterwards."""
    total, done = sum(table.rows for table in manifest.audience.values()), 0
    for table in manifest.audience:
        for rows in _read_chunks(audience_file(path, table)):
            progress("Facts", done, total)
            audience.insert(table, rows)
            done += rows.num_rows
    progress("Facts", done, total)
    for table, expected in manifest.audience.items():
        if count_rows(audience, table) != expected.rows:
            raise BackupError(f"Some rows of {table} are missing in the audience: restore again.")


def _read_chunks(file: Path) -> Iterator[pa.Table]:
    """Yield a file's rows in chunks. Each chunk fits into one insert and one partition."""
    if not file.exists():
        return  # the table had no rows
    with pq.ParquetFile(file) as parquet:
        chunk: list[pa.Table] = []
        for number in range(parquet.num_row_groups):
            group = parquet.read_row_group(number)
            if chunk and (
                _partition(chunk[0]) != _partition(group)
                or sum(each.num_rows for each in chunk) + group.num_rows > INSERT_ROWS
                or sum(each.nbytes for each in chunk) + group.nbytes > INSERT_BYTES
            ):
                yield pa.concat_tables(chunk)
                chunk = []
            chunk.append(group)
        if chunk:
            yield pa.concat_tables(chunk)


def _partition(rows: pa.Table) -> int:
    shop_id: int = rows["shop_id"][0].as_py()
    return shop_id % PARTITIONS


def _read_rows(path: Path, table: str) -> Iterator[dump.Row]:
    file = catalog_file(path, table)
    if not file.exists():
        return  # the backup's version does not have the table
    with file.open() as lines:
        for line in lines:
            yield json.loads(line)


def _list_shops(path: Path) -> Sequence[tuple[int, str]]:
    return sorted((row["id"], row["handle"]) for row in _read_rows(path, dump.SHOPS.name))

"""Create a backup, shop by shop, while the shops are in use."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

import pyarrow.parquet as pq

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.table_reader import list_fact_tables, read_pages
from graphql_app.audience.tables import PARTITIONS
from graphql_app.backup.archive import (
    MANIFEST,
    Manifest,
    Progress,
    Table,
    audience_file,
    catalog_file,
    new_directory,
)
from graphql_app.catalog.dump import TABLES, snapshot
from graphql_app.catalog.store import Catalog


def create_backup(
    path: Path,
    catalog: Catalog,
    audience: Audience,
    recorder: Recorder,
    progress: Progress = lambda what, done, total: None,
) -> Manifest:
    """Write a backup to a new directory, which does not exist afterwards if an error is raised.

    Each shop's catalog rows and facts are those of one instant, and include only whole batches. The
    shop's writes wait while it is copied. A shop created after the backup started is not included.
    ``progress`` gets the number of finished shops, then of finished files.

    Raises:
        BackupError: The directory cannot be written.
        AppError: A store failed.
    """
    begun_at = datetime.now(UTC)
    with snapshot(catalog) as first:
        revision, shops = first.revision(), first.shop_ids()
    # Sorted by partition, so that a restore writes few parts.
    shops = sorted(shops, key=lambda shop_id: (shop_id % PARTITIONS, shop_id))
    with new_directory(path, progress) as directory:
        with ExitStack() as open_files:
            files = _BackupFiles(directory, audience, open_files)
            for done, shop_id in enumerate(shops):
                report = partial(progress, "Shops", done, len(shops))
                report()
                with recorder.quiesce(shop_id):
                    files.copy_catalog(shop_id, catalog)
                    files.copy_facts(shop_id, report)
            progress("Shops", len(shops), len(shops))
        manifest = Manifest(
            begun=begun_at,
            ended=datetime.now(UTC),
            revision=revision,
            shops=len(shops),
            catalog=files.catalog_rows,
            audience={
                table.name: Table(
                    columns=table.columns, key=table.key, rows=files.fact_rows[table.name]
                )
                for table in files.fact_tables
            },
        )
        (directory / MANIFEST).write_text(manifest.model_dump_json(indent=2))
    return manifest


class _BackupFiles:
    """The open files of an unfinished backup, with the number of rows in each."""

    def __init__(self, directory: Path, audience: Audience, open_files: ExitStack) -> None:
        self._audience = audience
        self._directory = directory
        self._open_files = open_files
        self._catalog: dict[str, IO[str]] = {}
        self._facts: dict[str, Any] = {}
        self.catalog_rows = {table.name: 0 for table in TABLES}
        self.fact_tables = list_fact_tables(audience)
        self.fact_rows = {table.name: 0 for table in self.fact_tables}
        for table in TABLES:
            file = catalog_file(directory, table.name).open("w")
            self._catalog[table.name] = open_files.enter_context(file)

    def copy_catalog(self, shop_id: int, catalog: Catalog) -> None:
        with snapshot(catalog) as current:
            for table in TABLES:
                for row in current.rows(table, shop_id):
                    self._catalog[table.name].write(json.dumps(row) + "\n")
                    self.catalog_rows[table.name] += 1

    def copy_facts(self, shop_id: int, report: Callable[[], None]) -> None:
        for table in self.fact_tables:
            for rows in read_pages(self._audience, table, shop_id):
                if table.name not in self._facts:
                    writer = pq.ParquetWriter(
                        audience_file(self._directory, table.name), rows.schema, compression="zstd"
                    )
                    self._facts[table.name] = self._open_files.enter_context(writer)
                self._facts[table.name].write_table(rows, row_group_size=rows.num_rows)
                self.fact_rows[table.name] += rows.num_rows
                report()

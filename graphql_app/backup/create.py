"""Taking a backup, shop by shop, while the shops are in use."""

from __future__ import annotations

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
    """Write a backup to a new directory.

    Each shop is in it as it was at one instant: catalog and facts, of whole batches. Its writes of
    facts wait while its turn lasts. A shop that is created after the beginning is not in it.

    Args:
        path: The directory, which is there at the end if all went well, and not otherwise.
        catalog: The catalog.
        audience: The facts.
        recorder: Who writes the facts.
        progress: Is told how many shops are done, then how many files; where it raises, nothing is
            left.

    Raises:
        BackupError: The directory cannot be written.
        AppError: A store failed.
    """
    begun = datetime.now(UTC)
    with snapshot(catalog) as beginning:
        revision, shops = beginning.revision(), beginning.shop_ids()
    # Those of one partition one after another, so that restoring writes few parts.
    shops = sorted(shops, key=lambda shop_id: (shop_id % PARTITIONS, shop_id))
    with new_directory(path, progress) as directory:
        with ExitStack() as open_files:
            copies = _Copies(directory, audience, open_files)
            for done, shop_id in enumerate(shops):
                tell = partial(progress, "Shops", done, len(shops))
                tell()
                with recorder.quiesce(shop_id):
                    copies.catalog_of(shop_id, catalog)
                    copies.facts_of(shop_id, tell)
            progress("Shops", len(shops), len(shops))
        manifest = Manifest(
            begun=begun,
            ended=datetime.now(UTC),
            revision=revision,
            shops=len(shops),
            catalog=copies.catalog_rows,
            audience={
                table.name: Table(
                    columns=dict(table.columns),
                    key=tuple(table.key),
                    rows=copies.fact_rows[table.name],
                )
                for table in copies.fact_tables
            },
        )
        (directory / MANIFEST).write_text(manifest.model_dump_json(indent=2))
    return manifest


class _Copies:
    """The files of a backup that is being written, and how many rows are in each."""

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

    def catalog_of(self, shop_id: int, catalog: Catalog) -> None:
        with snapshot(catalog) as now:
            for table in TABLES:
                for row in now.rows(table, shop_id):
                    self._catalog[table.name].write(json.dumps(row) + "\n")
                    self.catalog_rows[table.name] += 1

    def facts_of(self, shop_id: int, tell: Callable[[], None]) -> None:
        for table in self.fact_tables:
            for rows in read_pages(self._audience, table, shop_id):
                if table.name not in self._facts:
                    writer = pq.ParquetWriter(
                        audience_file(self._directory, table.name), rows.schema, compression="zstd"
                    )
                    self._facts[table.name] = self._open_files.enter_context(writer)
                self._facts[table.name].write_table(rows, row_group_size=rows.num_rows)
                self.fact_rows[table.name] += rows.num_rows
                tell()

"""The commands ``segments backup`` and ``segments restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from graphql_app.audience.table_setup import create_tables
from graphql_app.backup import Manifest, check_backup, create_backup, request_backup, restore_backup
from graphql_app.backup.archive import Progress
from graphql_app.cli.console import out, progress_bars
from graphql_app.observability import logs
from graphql_app.settings import Settings
from graphql_app.startup.audience import open_audience, open_recorder
from graphql_app.startup.catalog import open_catalog, open_unchecked_catalog


def backup_command(
    directory: Annotated[Path, typer.Argument(help="A directory that is not there yet.")],
) -> None:
    """Write all shops with their facts to a new directory, also while a server runs."""
    settings = Settings()
    logs.configure(settings)
    with progress_bars() as progress:
        manifest = None
        if not settings.audience_url:  # a running server has it, and nobody else can
            manifest = request_backup(settings.data_dir, directory, progress)
        if manifest is None:
            manifest = _create_backup(settings, directory, progress)
    out.print(f"Backed up {_told(manifest)} to {escape(str(directory))}.")


def _create_backup(settings: Settings, directory: Path, progress: Progress) -> Manifest:
    with open_catalog(settings) as catalog, open_audience(settings) as audience:
        create_tables(audience)
        recorder = open_recorder(settings, catalog, audience)
        return create_backup(directory, catalog, audience, recorder, progress)


def restore_command(
    directory: Annotated[Path, typer.Argument(help="A directory that `segments backup` wrote.")],
    only_check: Annotated[
        bool, typer.Option("--check", help="Only check that it is whole and can be restored.")
    ] = False,
) -> None:
    """Restore a backup into empty stores."""
    if only_check:
        with progress_bars() as progress:
            manifest, _ = check_backup(directory, progress)
        out.print(f"{escape(str(directory))} is whole: {_told(manifest)}.")
        return
    settings = Settings()
    logs.configure(settings)
    with (
        open_unchecked_catalog(settings) as catalog,
        open_audience(settings) as audience,
        progress_bars() as progress,
    ):
        manifest = restore_backup(directory, catalog, audience, progress)
    out.print(f"Restored {_told(manifest)}.")


def _told(manifest: Manifest) -> str:
    """What is in a backup, for people."""
    rows = sum(table.rows for table in manifest.audience.values())
    shops = "1 shop" if manifest.shops == 1 else f"{manifest.shops:,} shops"
    return f"{shops} with {rows:,} rows of facts, as of {manifest.begun:%Y-%m-%d %H:%M} UTC"

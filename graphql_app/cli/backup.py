"""``segments backup`` and ``segments restore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from graphql_app.cli.console import configure, out, progress_bars

if TYPE_CHECKING:
    from graphql_app.backup import Manifest
    from graphql_app.backup.archive import Progress
    from graphql_app.settings import Settings


def backup_command(
    directory: Annotated[Path, typer.Argument(help="A directory that does not exist yet.")],
) -> None:
    """Write all shops with their facts to a new directory, even while a server runs."""
    from graphql_app.backup import request_backup

    settings = configure()
    with progress_bars() as progress:
        manifest = None
        if not settings.audience_url:  # only a running server can read its embedded audience
            manifest = request_backup(settings.data_dir, directory, progress)
        if manifest is None:
            manifest = _create_backup(settings, directory, progress)
    out.print(f"Backed up {_contents(manifest)} to {escape(str(directory))}.")


def _create_backup(settings: Settings, directory: Path, progress: Progress) -> Manifest:
    from graphql_app.audience.table_setup import create_tables
    from graphql_app.backup import create_backup
    from graphql_app.startup.audience import open_audience, open_recorder
    from graphql_app.startup.catalog import open_catalog

    with open_catalog(settings) as catalog, open_audience(settings) as audience:
        create_tables(audience)
        recorder = open_recorder(settings, catalog, audience)
        return create_backup(directory, catalog, audience, recorder, progress)


def restore_command(
    directory: Annotated[Path, typer.Argument(help="A directory that `segments backup` wrote.")],
    only_check: Annotated[
        bool,
        typer.Option("--check", help="Only check that the backup is complete and can be restored."),
    ] = False,
) -> None:
    """Restore a backup into empty stores."""
    from graphql_app.backup import check_backup, restore_backup
    from graphql_app.startup.audience import open_audience
    from graphql_app.startup.catalog import open_unchecked_catalog

    if only_check:
        with progress_bars() as progress:
            manifest, _ = check_backup(directory, progress)
        out.print(f"{escape(str(directory))} is complete: {_contents(manifest)}.")
        return
    settings = configure()
    with (
        open_unchecked_catalog(settings) as catalog,
        open_audience(settings) as audience,
        progress_bars() as progress,
    ):
        manifest = restore_backup(directory, catalog, audience, progress)
    out.print(f"Restored {_contents(manifest)}.")


def _contents(manifest: Manifest) -> str:
    rows = sum(table.rows for table in manifest.audience.values())
    shops = "1 shop" if manifest.shops == 1 else f"{manifest.shops:,} shops"
    return f"{shops} with {rows:,} rows of facts, as of {manifest.begun:%Y-%m-%d %H:%M} UTC"

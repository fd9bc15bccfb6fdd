"""``segments export``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from graphql_app.cli.console import ShopOption, configure, err
from graphql_app.errors import AppError

if TYPE_CHECKING:
    from graphql_app.audience.export_formats import ExportFormat
    from graphql_app.runtime.services import Services


def export_command(
    segment: Annotated[str, typer.Argument(help="The segment's id or name.")],
    shop: ShopOption,
    format: Annotated[
        Literal["csv", "ndjson", "parquet"], typer.Option(help="The file's format.")
    ] = "csv",
    output: Annotated[
        Path | None,
        typer.Option(help="The file. Default: standard output, if that is a pipe or a file."),
    ] = None,
    after: Annotated[
        str | None, typer.Option(help="Resume after the contact with this id.")
    ] = None,
) -> None:
    """Write the members of a saved segment to a file, sorted by id."""
    from graphql_app.audience.clickhouse_errors import AudienceInUseError
    from graphql_app.audience.export_formats import ExportFormat
    from graphql_app.startup.services import open_services

    if output is None and (format == "parquet" or sys.stdout.isatty()):
        raise typer.BadParameter(f"name a file, e.g. --output members.{format}")
    settings = configure()
    try:
        with open_services(settings) as services:
            _export(services, segment, shop, ExportFormat(format), output, after)
    except AudienceInUseError as error:
        raise AppError(
            error.code,
            f"{error} Or download the export from the running server: curl -H "
            "'Authorization: Bearer <token>' http://HOST:PORT/segments/<id>/members.csv",
        ) from error


def _export(
    services: Services,
    segment: str,
    handle: str,
    format: ExportFormat,
    output: Path | None,
    after: str | None,
) -> None:
    from rich import progress

    from graphql_app.catalog import shops
    from graphql_app.cli.export_file import open_output, row_writer
    from graphql_app.runtime.shop_engine import shop_engine
    from graphql_app.segments.export import Export
    from graphql_app.segments.repository import SavedSegments
    from graphql_app.segments.scope import shop_scope

    owner = shops.find_shop(services.catalog, handle)
    saved = SavedSegments(services.catalog, services.registry, owner)
    found = saved.find(segment)
    rule = saved.rule(found)
    engine = shop_engine(services, shops.stored_id(owner), shop_scope(owner))
    [summary] = services.summaries.summaries(saved, engine, [found])
    err.print(f"{found.name}: {summary}", markup=False, highlight=False)
    export = Export(rule, after)
    bars = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=err,
    )
    with bars, open_output(output) as file:
        # The count includes the members before ``after``, so it is no total for a resumed export.
        bar = bars.add_task("members", total=engine.count(rule) if after is None else None)
        with row_writer(format, file) as write:
            while not export.done:
                rows = export.next_page(engine)
                write(rows)
                bars.advance(bar, rows.num_rows)

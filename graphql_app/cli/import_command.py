"""``segments import``."""

from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape

from graphql_app.cli.console import ShopOption, configure, err, out, progress_bars
from graphql_app.errors import pluralize

# Repeated here because importing the facts is slow; a test compares the two.
FORMATS = (
    "contacts",
    "orders",
    "order_lines",
    "products",
    "texts",
    "keywords",
    "events",
    "shopify_customers",
    "shopify_orders",
)


def import_command(
    file: Annotated[
        Path, typer.Argument(help="A .csv, .tsv, .xlsx, .ndjson, .jsonl or .parquet file.")
    ],
    shop: ShopOption,
    format: Annotated[
        str | None,
        typer.Option(
            help=f"{', '.join(FORMATS)}, or a plugin's table. Default: detected from the columns."
        ),
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Import the good rows even if others are bad.")
    ] = False,
    subscribed_at: Annotated[
        str | None,
        typer.Option(
            help="For a Shopify customer export, which has no subscription dates: when the "
            "customers who accept texts subscribed, as an ISO 8601 time with an offset."
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(help="The encoding of a text file. Default: UTF-8, UTF-16 or UTF-32."),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(help="The time zone of times without an offset, such as Europe/Berlin."),
    ] = None,
    date_format: Annotated[
        str | None,
        typer.Option(
            help="How times are written, in the codes of strptime, such as '%m/%d/%Y %H:%M'. "
            "Default: ISO 8601."
        ),
    ] = None,
    bad_rows_shown: Annotated[
        int, typer.Option(min=0, help="How many bad values, and how many warnings, to print.")
    ] = 20,
) -> None:
    """Import a file of facts: all of it, or nothing if a row is bad."""
    from graphql_app.audience.importers import import_file
    from graphql_app.audience.importers.notation import Notation
    from graphql_app.catalog import shops
    from graphql_app.startup.services import open_services

    settings = configure()
    notation = Notation(_parse_zone(timezone), date_format)
    since = None if subscribed_at is None else _parse_instant(subscribed_at)
    with open_services(settings) as services, progress_bars() as progress:
        owner = shops.find_shop(services.catalog, shop)
        report = import_file(
            file,
            format=format,
            shop_id=shops.stored_id(owner),
            shop_currency=owner.currency,
            audience=services.audience,
            recorder=services.recorder,
            skip_bad_rows=skip_bad_rows,
            encoding=None if encoding is None else _parse_encoding(encoding),
            notation=notation,
            subscribed_at=since,
            progress=progress,
        )
    for bad in report.bad_rows[:bad_rows_shown]:
        problem = f"{bad.column} {bad.message}".strip()
        err.print(escape(f"{file}: {report.unit} {bad.line}: {problem}"))
    if report.bad_row_count > bad_rows_shown:
        err.print(f"... and {report.bad_row_count - bad_rows_shown} more.")
    if report.refused:
        bad_values = pluralize(report.bad_row_count, "bad value")
        err.print(
            f"[red]Nothing was imported[/red]: {bad_values}. Fix the file, "
            "or skip the bad rows with --skip-bad-rows."
        )
        raise typer.Exit(1)
    for warning in report.warnings[:bad_rows_shown]:
        message = f"warning: {warning.column} {warning.message}"
        err.print(escape(f"{file}: {report.unit} {warning.line}: {message}"))
    if report.warning_count > bad_rows_shown:
        err.print(f"... and {pluralize(report.warning_count - bad_rows_shown, 'more warning')}.")
    for fact, count in report.recorded.items():
        skipped = report.skipped.get(fact, 0)
        out.print(f"{fact}: {count:,} recorded" + (f", {skipped:,} skipped" if skipped else ""))


def _parse_instant(text: str) -> datetime:
    from graphql_app.audience.column_parser import BadValueError
    from graphql_app.audience.value_parsers import parse_instant

    try:
        return parse_instant(text)
    except BadValueError as error:
        message = f"{text!r} {error}."
        raise typer.BadParameter(message, param_hint="--subscribed-at") from error


def _parse_encoding(name: str) -> str:
    from graphql_app.audience.importers.input_file import check_encoding

    try:
        return check_encoding(name)
    except LookupError as error:
        message = f"{name!r} is not an encoding; use one such as windows-1252."
        raise typer.BadParameter(message, param_hint="--encoding") from error


def _parse_zone(name: str | None) -> ZoneInfo | None:
    from graphql_app.timezones import zone_names

    if name is not None and name not in zone_names():
        message = f"{name!r} is not a time zone; use one such as Europe/Berlin."
        raise typer.BadParameter(message, param_hint="--timezone")
    return None if name is None else ZoneInfo(name)

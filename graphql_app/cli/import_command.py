"""``segments import``."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape

from graphql_app.cli.console import ShopOption, configure, err, out, progress_bars
from graphql_app.errors import pluralize

if TYPE_CHECKING:
    from graphql_app.audience.importers import ImportReport

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
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN",
            help="The column of the file that holds a field, such as phone=Mobile. Repeat it for "
            "more fields.",
        ),
    ] = None,
    ignore_unknown: Annotated[
        bool, typer.Option("--ignore-unknown", help="Ignore columns that the format lacks.")
    ] = False,
    rest_to_properties: Annotated[
        bool,
        typer.Option(
            "--rest-to-properties", help="Add columns that the format lacks to the properties."
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Only check the file, and show where its columns would go."),
    ] = False,
    bad_rows_shown: Annotated[
        int, typer.Option(min=0, help="How many bad values, and how many warnings, to print.")
    ] = 20,
) -> None:
    """Import a file of facts: all of it, or nothing if a row is bad."""
    from graphql_app.audience.importers import import_file
    from graphql_app.audience.importers.column_mapping import ColumnMapping, UnknownColumns
    from graphql_app.audience.importers.notation import Notation
    from graphql_app.catalog import shops
    from graphql_app.startup.services import open_services

    settings = configure()
    unknown = UnknownColumns.REFUSE
    if ignore_unknown and rest_to_properties:
        raise typer.BadParameter("Choose --ignore-unknown or --rest-to-properties, not both.")
    if ignore_unknown:
        unknown = UnknownColumns.IGNORE
    if rest_to_properties:
        unknown = UnknownColumns.TO_PROPERTIES
    mapping = ColumnMapping(_parse_map(mapped or ()), unknown)
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
            mapping=mapping,
            dry_run=dry_run,
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
    if dry_run:
        _print_preview(report)
    for fact, count in report.recorded.items():
        skipped = report.skipped.get(fact, 0)
        out.print(f"{fact}: {count:,} recorded" + (f", {skipped:,} skipped" if skipped else ""))
    if report.waiting:
        rows = pluralize(report.waiting, "row")
        err.print(f"{rows} will count once the contacts are recorded: nobody has their id, email")
        err.print("address or phone number yet.")


def _print_preview(report: "ImportReport") -> None:
    """Print where the columns of a file would go, and the first rows as they would be recorded."""
    out.print(f"The file would be imported as {report.format}.")
    for column, destination in report.columns.items():
        out.print(escape(f"{column} -> {destination or 'ignored'}"))
    for row in report.preview:
        out.print_json(data=row, default=str, indent=None)


def _parse_map(options: Sequence[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for option in options:
        field, separator, column = option.partition("=")
        if not separator or not column.strip() or field.strip() in columns:
            message = f"{option!r} must be a field, which is mapped once, '=', and a column."
            raise typer.BadParameter(message, param_hint="--map")
        columns[field.strip()] = column.strip()
    return columns


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

"""Importing a file: check every row, then record all of them, or nothing if a row is bad."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphql_app.audience.importers import shopify
from graphql_app.audience.importers.checked_rows import preview_rows
from graphql_app.audience.importers.column_mapping import SAME_NAMES, ColumnMapping
from graphql_app.audience.importers.csv_file import open_csv
from graphql_app.audience.importers.excel_file import open_excel
from graphql_app.audience.importers.existing_rows import ExistingRows
from graphql_app.audience.importers.fact_format import FactFormat
from graphql_app.audience.importers.format_detection import detect_format, format_names
from graphql_app.audience.importers.input_file import open_input, translate_read_errors
from graphql_app.audience.importers.ndjson_file import open_ndjson
from graphql_app.audience.importers.notation import ISO_8601, Notation
from graphql_app.audience.importers.parquet_file import open_parquet
from graphql_app.audience.importers.report import (
    CHECKING,
    RECORDING,
    BadRowCollector,
    ImportReport,
    Progress,
    bad_file,
)
from graphql_app.audience.importers.shopify_customers import CustomersFormat
from graphql_app.audience.importers.shopify_orders import OrdersFormat
from graphql_app.audience.importers.source import Source
from graphql_app.audience.importers.spool import SpoolRecording, open_spool
from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience

# After an import of this many rows, the parts of the tables are merged at once. The engine merges
# fewer rows itself, in the background.
MANY_ROWS = 100_000

PREVIEW = 5  # rows

EXTENSIONS = (".csv", ".tsv", ".ndjson", ".jsonl", ".parquet", ".xlsx")


def import_file(
    path: Path,
    *,
    format: str | None = None,
    shop_id: int,
    shop_currency: str,
    audience: Audience,
    recorder: Recorder,
    skip_bad_rows: bool = False,
    encoding: str | None = None,
    notation: Notation = ISO_8601,
    mapping: ColumnMapping = SAME_NAMES,
    dry_run: bool = False,
    now: datetime | None = None,
    subscribed_at: datetime | None = None,
    progress: Progress = lambda phase, done, total: None,
) -> ImportReport:
    """Import a file of facts.

    Args:
        path: A file with one of ``EXTENSIONS``, as it is or compressed.
        format: One of ``format_names``; ``None`` detects the format from the columns.
        shop_currency: The shop's currency, an ISO 4217 code.
        audience: The store to read existing facts from.
        encoding: The encoding of a text file; ``None`` for Unicode of any kind.
        notation: How the file writes times.
        mapping: Which columns of the file hold which fields.
        dry_run: Only check the file.
        skip_bad_rows: Record the good rows of a file with bad rows, instead of nothing.
        now: The time of the import, with its zone; by default the current time.
        subscribed_at: For Shopify's customers: when those subscribed who accept texts and were not
            subscribed before; ``now`` by default.
        progress: See ``Progress``.

    Raises:
        InvalidInputError: The file as a whole cannot be imported; nothing is recorded.
        AppError: The store failed.
    """
    now = now or datetime.now(UTC)
    existing = ExistingRows(audience, shop_id, recorder.country_of(shop_id))
    with ExitStack() as stack:
        with translate_read_errors(path):
            source = mapping.rename(_open(path, stack, encoding))
        name = format or detect_format(source, audience.facts, mapping.unknown)
        columns: dict[str, str] = {}
        import_format: FactFormat | CustomersFormat | OrdersFormat
        if name == shopify.CUSTOMERS:
            import_format = CustomersFormat(source, existing, now, subscribed_at)
        elif name == shopify.ORDERS:
            import_format = OrdersFormat(source, existing, shop_currency)
        elif name in audience.facts:
            fact = audience.facts[name]
            columns = {
                source.original.get(column, column): mapping.destination(
                    column, fact, source.file_type
                )
                for column in source.columns
            }
            source = mapping.set_unknown_aside(source, fact)
            import_format = FactFormat(fact, existing, source, notation)
        else:
            known = ", ".join(format_names(audience.facts))
            raise bad_file(path, f'unknown format "{name}"; choose one of {known}.')
        import_format.check_columns()
        spool = stack.enter_context(open_spool())
        bad, warnings, skipped = BadRowCollector(), BadRowCollector(), 0
        bad_orders: set[str] = set()
        preview: list[dict[str, Any]] = []
        progress(CHECKING, 0, source.total)
        with translate_read_errors(path):
            for checked in import_format.check_blocks(source.blocks):
                bad.add(checked.bad)
                warnings.add(checked.warnings)
                bad_orders |= checked.bad_orders
                skipped += checked.skipped
                spool.write(checked.rows)
                preview += preview_rows(checked.rows.slice(0, PREVIEW - len(preview)))
                progress(CHECKING, checked.progress, source.total)
        counts, waiting = {}, 0
        if not dry_run and (skip_bad_rows or not bad.count):
            recording = SpoolRecording(
                import_format.fact, import_format.has_lines, shop_id, recorder, bad_orders, warnings
            )
            counts = recording.record(spool, lambda done: progress(RECORDING, done, spool.rows))
            skipped, waiting = skipped + recording.skipped, recording.waiting
            if spool.rows >= MANY_ROWS:
                recorder.merge_parts(shop_id)
    return ImportReport(
        format=name,
        unit=source.file_type.unit,
        recorded=counts,
        skipped={import_format.fact.name: skipped},
        waiting=waiting,
        bad_rows=tuple(bad.kept),
        bad_row_count=bad.count,
        warnings=tuple(warnings.kept),
        warning_count=warnings.count,
        columns=columns,
        preview=preview,
    )


def _open(path: Path, stack: ExitStack, encoding: str | None) -> Source:
    input = stack.enter_context(open_input(path))
    match input.suffix:
        case ".csv" | ".tsv":
            return open_csv(input, stack, encoding)
        case ".ndjson" | ".jsonl":
            return open_ndjson(input, stack, encoding)
        case ".parquet":
            return open_parquet(input)
        case ".xlsx":
            return open_excel(input)
    names = f"{', '.join(EXTENSIONS)}, or in one of them and .gz"
    raise bad_file(path, f"its name must end in one of {names}; a ZIP archive may contain one.")

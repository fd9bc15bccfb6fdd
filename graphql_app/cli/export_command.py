"""The command ``segments export``."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Annotated

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from graphql_app.audience.clickhouse_errors import AudienceInUseError
from graphql_app.audience.export_formats import EXPORT_SCHEMA, ExportFormat, to_csv, to_ndjson
from graphql_app.catalog import shops
from graphql_app.cli.console import ShopOption, err
from graphql_app.errors import AppError, ErrorCode
from graphql_app.observability import logs
from graphql_app.runtime.services import Services
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.export import Export
from graphql_app.segments.repository import SavedSegments
from graphql_app.segments.scope import shop_scope
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services


def export_command(
    segment: Annotated[str, typer.Argument(help="Its id, or its name.")],
    shop: ShopOption,
    format: Annotated[ExportFormat, typer.Option(help="What to write.")] = ExportFormat.CSV,
    output: Annotated[
        Path | None, typer.Option(help="The file; standard output, where that is a pipe or a file.")
    ] = None,
    after: Annotated[
        int | None,
        typer.Option(min=0, max=2**64 - 1, help="Go on after the contact of this id."),
    ] = None,
) -> None:
    """Write the members of a saved segment to a file, by id."""
    if output is None and (format is ExportFormat.PARQUET or sys.stdout.isatty()):
        raise typer.BadParameter("say where to, e.g. --output members." + format)
    settings = Settings()
    logs.configure(settings)
    try:
        with open_services(settings) as services:
            _export(services, segment, shop, format, output, after)
    except AudienceInUseError as error:
        raise AppError(
            error.code,
            f"{error} Or have the running server export it, at its address: curl -H "
            "'Authorization: Bearer <token>' http://HOST:PORT/segments/<id>/members.csv",
        ) from error


def _export(
    services: Services,
    segment: str,
    handle: str,
    format: ExportFormat,
    output: Path | None,
    after: int | None,
) -> None:
    owner = shops.find_shop(services.catalog, handle)
    saved = SavedSegments(services.catalog, services.registry, owner)
    rule = saved.rule(saved.find(segment))
    shop_id, scope = shops.stored_id(owner), shop_scope(owner)
    engine = ShopEngine(services.audience, shop_id, scope, services.index)
    export = Export(engine, rule, after)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bars, _opened(output) as file:
        # Those before ``after`` are members too, and not among what there is to come.
        bar = bars.add_task("members", total=engine.count(rule) if after is None else None)
        with _writer(format, file) as write:
            while not export.done:
                rows = export.next_page()
                write(rows)
                bars.advance(bar, rows.num_rows)


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    """Standard output; or a file that has its name once it is whole, and its owner alone can read.

    What is there and is no file, such as a pipe or a device, is written as it is.

    Raises:
        AppError: It cannot be written.
    """
    try:
        if output is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif output.exists() and not output.is_file():
            with output.open("wb") as file:
                yield file
        else:
            with _beside(output.resolve()) as file:
                yield file
    except BrokenPipeError:
        raise  # whoever read it has had enough
    except OSError as error:
        name = output or "Standard output"
        raise AppError(
            ErrorCode.UNAVAILABLE, f"{name} cannot be written: {error.strerror or error}."
        ) from error


@contextmanager
def _beside(output: Path) -> Iterator[IO[bytes]]:
    """A file beside another, whose place it takes at the end if all went well."""
    number, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(output)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


@contextmanager
def _writer(format: ExportFormat, file: IO[bytes]) -> Iterator[Callable[[pa.Table], None]]:
    """What writes rows to a file, in a format."""
    match format:
        case ExportFormat.PARQUET:
            with pq.ParquetWriter(file, EXPORT_SCHEMA, compression="zstd") as parquet:
                yield parquet.write_table
        case ExportFormat.NDJSON:
            yield lambda rows: _write(file, to_ndjson(rows))
        case ExportFormat.CSV:
            header = iter([True])
            yield lambda rows: _write(file, to_csv(rows, header=next(header, False)))


def _write(file: IO[bytes], data: bytes) -> None:
    file.write(data)

"""The file that ``segments export`` writes."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from graphql_app.audience.export_formats import EXPORT_SCHEMA, ExportFormat, to_csv, to_ndjson
from graphql_app.errors import AppError, ErrorCode


@contextmanager
def open_output(output: Path | None) -> Iterator[IO[bytes]]:
    """Open the output for writing; standard output if there is no path.

    A regular file gets its name only once it is complete, and only its owner can read it. Pipes
    and devices are written directly. Raise UNAVAILABLE if it cannot be written.
    """
    try:
        if output is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif output.exists() and not output.is_file():
            with output.open("wb") as file:
                yield file
        else:
            with _open_temporary(output.resolve()) as file:
                yield file
    except BrokenPipeError:
        raise  # the reader closed the pipe; that is no fault of the output
    except OSError as error:
        name = output or "standard output"
        raise AppError(
            ErrorCode.UNAVAILABLE, f"Cannot write to {name}: {error.strerror or error}."
        ) from error


@contextmanager
def _open_temporary(output: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside the output, and rename it to the output on success."""
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
def row_writer(format: ExportFormat, file: IO[bytes]) -> Iterator[Callable[[pa.Table], object]]:
    """Yield a function that appends rows to a file in a format."""
    match format:
        case ExportFormat.PARQUET:
            with pq.ParquetWriter(file, EXPORT_SCHEMA, compression="zstd") as parquet:
                yield parquet.write_table
        case ExportFormat.NDJSON:
            yield lambda rows: file.write(to_ndjson(rows))
        case ExportFormat.CSV:
            header = iter([True])
            yield lambda rows: file.write(to_csv(rows, header=next(header, False)))

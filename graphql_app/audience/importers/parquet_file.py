"""Parquet files, read as columns."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graphql_app.audience.importers.input_file import PARQUET_MAGIC, InputFile
from graphql_app.audience.importers.report import bad_file
from graphql_app.audience.importers.source import Block, FileType, Source

BATCH_ROWS = 200_000


def open_parquet(input: InputFile) -> Source:
    """Open a complete Parquet file, or refuse it."""
    path, file = input.path, input.content
    start = file.read(4)
    file.seek(0)
    if start != PARQUET_MAGIC:
        raise bad_file(path, "is not a Parquet file.")
    try:
        parquet = pq.ParquetFile(file)
        schema = parquet.schema_arrow
        rows = parquet.metadata.num_rows
    except (pa.ArrowException, OSError) as error:
        raise bad_file(path, f"is not a complete Parquet file ({_shorten(error)}).") from None
    blocks = _blocks(path, parquet)
    return Source(path, input.stem, FileType.PARQUET, tuple(schema.names), rows, blocks, schema)


def _blocks(path: Path, parquet: pq.ParquetFile) -> Iterator[Block]:
    done = 0
    try:
        for batch in parquet.iter_batches(BATCH_ROWS):
            columns = dict(
                zip(batch.schema.names, map(_replace_invalid_text, batch.columns), strict=True)
            )
            first, done = done + 1, done + batch.num_rows
            yield Block(columns, range(first, done + 1), done)
    except (pa.ArrowException, OSError) as error:
        raise bad_file(path, f"is damaged after row {done} ({_shorten(error)}).") from None


def _replace_invalid_text(values: pa.Array) -> pa.Array | list[str | None]:
    """Replace bytes of text that are not UTF-8 by lone surrogates.

    Parquet readers do not check text. The parser of the column refuses surrogates, with their row.
    """
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            raise
        raw = values.cast(pa.large_binary()).to_pylist()
        return [None if text is None else text.decode(errors="surrogateescape") for text in raw]
    return values


def _shorten(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")[:200]

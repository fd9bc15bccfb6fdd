"""Files as blocks of columns, with the positions of their rows in the file."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from graphql_app.audience.importers.report import BadRow, bad_file

BLOCK_ROWS = 10_000

_MAGIC = {
    b"\x1f\x8b": "compressed with gzip",
    b"PK\x03\x04": "a ZIP archive (or a spreadsheet)",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"\x04\x22\x4d\x18": "compressed with lz4",
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of a file.

    Attributes:
        columns: The values of each column, by its name in the file.
        line_numbers: Where each row starts; the lines of a text file, the rows of a Parquet file.
        progress: How much of the file has been read.
        bad: Rows that could not be parsed; ``columns`` does not have them.
    """

    columns: Mapping[str, pa.Array | Sequence[Any]]
    line_numbers: Sequence[int]
    progress: int
    bad: Sequence[BadRow] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """An open file.

    Attributes:
        file_type: "CSV", "NDJSON" or "Parquet".
        columns: The names of its columns; for NDJSON only of the first rows.
        total: The ``progress`` of the last block.
        blocks: The rows; iterating raises if the file turns out to be incomplete.
        types: The Arrow types of the columns of a Parquet file.
    """

    path: Path
    file_type: str
    columns: tuple[str, ...]
    total: int
    blocks: Iterator[Block]
    types: pa.Schema | None = None


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file; raise ``InvalidInputError`` if it is not a regular file, empty or compressed."""
    if path.is_dir():
        raise bad_file(path, "is a directory; choose a file in it.")
    if path.exists() and not path.is_file():
        raise bad_file(path, "is not a regular file; save its contents to a file first.")
    with path.open("rb") as file:
        start = file.read(8)
        file.seek(0)
        if not start:
            raise bad_file(path, "is empty.")
        for magic, what in _MAGIC.items():
            if start.startswith(magic):
                raise bad_file(path, f"is {what}; decompress it first.")
        yield file


@contextmanager
def open_text(path: Path, newline: str) -> Iterator[tuple[BinaryIO, io.TextIOWrapper]]:
    """Open a UTF-8 file, with or without a byte order mark, as bytes and as text; or refuse it."""
    with (
        open_file(path) as file,
        io.TextIOWrapper(file, encoding="utf-8-sig", newline=newline) as text,
    ):
        start = file.read(4)
        file.seek(0)
        if start.startswith(PARQUET_MAGIC):
            raise bad_file(path, "is a Parquet file; rename it to end in .parquet.")
        if start.startswith(_UTF_16):
            raise bad_file(path, "is in UTF-16; save it as UTF-8.")
        yield file, text


def not_utf8(path: Path, newline: str) -> Exception:
    """Return the error for a file that is not UTF-8, with the first such line."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline=newline) as text:
        for number, line in enumerate(text, 1):
            try:
                line.encode()
            except UnicodeEncodeError:
                return bad_file(path, f"line {number} is not UTF-8; save the file as UTF-8.")
    return bad_file(path, "is not UTF-8; save it as UTF-8.")  # the file changed meanwhile

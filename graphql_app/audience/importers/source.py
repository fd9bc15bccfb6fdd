"""Reading files, whatever their format, as blocks of columns that know where their rows are."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
        columns: Their values by the file's names of the columns.
        lines: Where each row starts in the file.
        done: How much of the file has been read with this block.
        bad: Rows that could not be read as such; they are not in ``columns``.
        unread: How many rows these are.
    """

    columns: Mapping[str, pa.Array | Sequence[Any]]
    lines: Sequence[int]
    done: int
    bad: Sequence[BadRow] = field(default=())

    @property
    def unread(self) -> int:
        """How many rows could not be read."""
        return len(self.bad)


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is being read.

    Attributes:
        path: The file.
        kind: "CSV", "NDJSON" or "Parquet".
        columns: The names of its columns, as far as known: all but in NDJSON, where they are those
            of the first rows and any row may bring others.
        types: Their Arrow types, of a Parquet file.
        total: What ``Block.done`` is of.
        blocks: The rows; reading them raises for a file that is not whole.
    """

    path: Path
    kind: str
    columns: tuple[str, ...]
    total: int
    blocks: Iterator[Block]
    types: pa.Schema | None = None


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file that may be one of facts.

    Raises:
        InvalidInputError: It is no file, is empty, or is compressed.
        OSError: It cannot be read.
    """
    if path.is_dir():
        raise bad_file(path, "is a directory; name a file in it.")
    if path.exists() and not path.is_file():
        raise bad_file(path, "is not a regular file; save what it gives in a file first.")
    with path.open("rb") as file:
        start = file.read(8)
        file.seek(0)
        if not start:
            raise bad_file(path, "is empty.")
        for magic, what in _MAGIC.items():
            if start.startswith(magic):
                raise bad_file(path, f"is {what}; unpack it first.")
        yield file


@contextmanager
def open_text(path: Path, newline: str) -> Iterator[tuple[BinaryIO, io.TextIOWrapper]]:
    """Open a file of text in UTF-8, with or without a byte order mark: its bytes and its text.

    Raises:
        InvalidInputError: As ``open_file``, or it is seen to be something else.
    """
    with (
        open_file(path) as file,
        io.TextIOWrapper(file, encoding="utf-8-sig", newline=newline) as text,
    ):
        _refuse_other_than_text(path, file)
        yield file, text


def _refuse_other_than_text(path: Path, file: BinaryIO) -> None:
    start = file.read(4)
    file.seek(0)
    if start.startswith(PARQUET_MAGIC):
        raise bad_file(path, "is a Parquet file; give it a name that ends in .parquet.")
    if start.startswith(_UTF_16):
        raise bad_file(path, "is in UTF-16; save it as UTF-8.")


def not_utf8(path: Path, newline: str) -> Exception:
    """The error for a file that is not UTF-8, with the first line that is not."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline=newline) as text:
        for number, line in enumerate(text, 1):
            try:
                line.encode()
            except UnicodeEncodeError:
                return bad_file(path, f"line {number} is not UTF-8; save the file as UTF-8.")
    return bad_file(path, "is not UTF-8; save it as UTF-8.")  # changed in between

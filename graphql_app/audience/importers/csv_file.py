"""CSV files (RFC 4180): a header, then one record per row."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from graphql_app.audience.formula_escaping import unescape_formula
from graphql_app.audience.importers.report import BadRow, bad_file
from graphql_app.audience.importers.source import BLOCK_ROWS, Block, Source, not_utf8, open_text

MAX_FIELD = 1 << 20  # characters; a longer field means that a quote is not closed


class _Records:
    """Reads the records of a CSV file, with the lines on which they start."""

    def __init__(self, path: Path, file: BinaryIO, text: TextIOWrapper) -> None:
        self._path = path
        self._file = file
        csv.field_size_limit(MAX_FIELD)
        self._reader = csv.reader(text, strict=True)

    def bytes_read(self) -> int:
        return self._file.tell()

    def read(self, count: int) -> tuple[list[list[str]], list[int]]:
        """Read the next records, skipping blank lines; none at the end of the file."""
        rows: list[list[str]] = []
        lines: list[int] = []
        start = self._reader.line_num + 1
        try:
            for row in self._reader:
                if row:
                    rows.append(row)
                    lines.append(start)
                start = self._reader.line_num + 1
                if len(rows) == count:
                    break
        except UnicodeDecodeError:
            raise not_utf8(self._path, newline="") from None
        except csv.Error as error:
            raise bad_file(self._path, _explain(start, str(error))) from None
        return rows, lines


class _Columns(Mapping[str, list[str]]):
    """The columns of records, made on demand."""

    def __init__(self, header: list[str], rows: list[list[str]]) -> None:
        self._places = {name: place for place, name in enumerate(header)}
        self._rows = rows

    def __getitem__(self, name: str) -> list[str]:
        place = self._places[name]
        return [
            unescape_formula(cell) if (cell := row[place])[:1] == "'" else cell
            for row in self._rows
        ]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _explain(line: int, error: str) -> str:
    if "unexpected end of data" in error:
        return (
            f"ends inside a quoted field of the record that starts on line {line}: the file is "
            "incomplete, or a quote is not closed."
        )
    if "field larger than" in error:
        return (
            f"a field of the record that starts on line {line} has more than {MAX_FIELD} "
            "characters: a quote is not closed."
        )
    return (
        f"the record that starts on line {line} is not CSV ({error}): quote fields that contain "
        "commas, quotes or line breaks, and double each quote inside them."
    )


def open_csv(path: Path, stack: ExitStack) -> Source:
    """Open a CSV file; ``stack`` closes it.

    Raises:
        InvalidInputError: It is not a CSV file in UTF-8, or has no header.
    """
    records = _Records(path, *stack.enter_context(open_text(path, newline="")))
    rows, _ = records.read(1)
    if not rows:
        raise bad_file(path, "has no header.")
    header = [name.strip() for name in rows[0]]
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise bad_file(path, "columns must be separated by commas.")
    blocks = _blocks(records, header)
    return Source(path, "CSV", tuple(header), path.stat().st_size, blocks)


def _blocks(records: _Records, header: list[str]) -> Iterator[Block]:
    width = len(header)
    while True:
        rows, lines = records.read(BLOCK_ROWS)
        progress = records.bytes_read()
        if not rows:
            return
        bad: list[BadRow] = []
        if set(map(len, rows)) != {width}:
            for row, line in zip(rows, lines, strict=True):
                if len(row) != width:
                    message = f"has {len(row)} fields, but the header has {width}"
                    bad.append(BadRow(line, "", message))
            lines = [line for row, line in zip(rows, lines, strict=True) if len(row) == width]
            rows = [row for row in rows if len(row) == width]
        yield Block(_Columns(header, rows), lines, progress, bad)

"""CSV files (RFC 4180): a header, then one record per row."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from graphql_app.audience.formula_escaping import unescape_formula
from graphql_app.audience.importers.report import BadRow, bad_file
from graphql_app.audience.importers.source import BLOCK_ROWS, Block, Source, not_utf8, open_text

MAX_FIELD = 1 << 20  # characters; a longer field means that a quote is not closed


def _read_records(path: Path, text: TextIOWrapper) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a CSV file, with the lines on which they start; skip blank lines."""
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(text, strict=True)
    start = 1
    try:
        for row in reader:
            if row:
                yield start, row
            start = reader.line_num + 1
    except UnicodeDecodeError:
        raise not_utf8(path, newline="") from None
    except csv.Error as error:
        raise bad_file(path, _explain(start, str(error))) from None


class _Columns(Mapping[str, list[str]]):
    """The columns of records, made on demand."""

    def __init__(self, header: list[str], rows: list[list[str]]) -> None:
        self._positions = {name: position for position, name in enumerate(header)}
        self._rows = rows

    def __getitem__(self, name: str) -> list[str]:
        position = self._positions[name]
        return [
            unescape_formula(cell) if (cell := row[position])[:1] == "'" else cell
            for row in self._rows
        ]

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)


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
    """Open a CSV file in UTF-8 with a header, or refuse it; ``stack`` closes it."""
    file, text = stack.enter_context(open_text(path, newline=""))
    records = _read_records(path, text)
    _, first = next(records, (0, None))
    if first is None:
        raise bad_file(path, "has no header.")
    header = [name.strip() for name in first]
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise bad_file(path, "columns must be separated by commas.")
    blocks = _blocks(records, header, file)
    return Source(path, "CSV", tuple(header), path.stat().st_size, blocks)


def _blocks(
    records: Iterator[tuple[int, list[str]]], header: list[str], file: BinaryIO
) -> Iterator[Block]:
    width = len(header)
    while block := list(islice(records, BLOCK_ROWS)):
        lines = [line for line, row in block if len(row) == width]
        rows = [row for _, row in block if len(row) == width]
        bad = [
            BadRow(line, "", f"has {len(row)} fields, but the header has {width}")
            for line, row in block
            if len(row) != width
        ]
        yield Block(_Columns(header, rows), lines, file.tell(), bad)

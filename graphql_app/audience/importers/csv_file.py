"""CSV files (RFC 4180): a header, then one record per row. Any of four separators will do."""

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path

from graphql_app.audience.formula_escaping import unescape_formula
from graphql_app.audience.importers.input_file import InputFile, open_text
from graphql_app.audience.importers.report import BadRow, bad_file
from graphql_app.audience.importers.source import BLOCK_ROWS, Block, FileType, Source

MAX_FIELD = 1 << 20  # characters; a longer field means that a quote is not closed
SEPARATORS = ",;\t|"
_SEPARATOR_LINE = re.compile(rf'"?sep=([{SEPARATORS}])"?\s*', re.IGNORECASE)


def _read_records(
    path: Path, lines: Iterator[str], separator: str, start: int
) -> Iterator[tuple[int, list[str]]]:
    """Yield the records of a CSV file, with the lines on which they start; skip empty ones.

    The lines begin with line ``start`` of the file.
    """
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(lines, strict=True, delimiter=separator)
    before, first = start - 1, start
    try:
        for row in reader:
            if any(map(str.strip, row)):
                yield first, row
            first = before + reader.line_num + 1
    except csv.Error as error:
        raise bad_file(path, _explain(first, str(error))) from None


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


def open_csv(input: InputFile, stack: ExitStack, encoding: str | None = None) -> Source:
    """Open a CSV file with a header, or refuse it; ``stack`` closes it."""
    path = input.path
    text = stack.enter_context(open_text(input, newline="", encoding=encoding))
    separator, start, lines = _find_separator(text)
    records = _read_records(path, lines, separator, start)
    _, first = next(records, (0, None))
    if first is None:
        raise bad_file(path, "has no header.")
    header = [name.strip() for name in first]
    blocks = _blocks(records, header, input)
    return Source(path, input.stem, FileType.CSV, tuple(header), input.size, blocks)


def _find_separator(lines: Iterator[str]) -> tuple[str, int, Iterator[str]]:
    """Find out which character separates the values of a file.

    Spreadsheets name it in a line of its own, such as ``sep=;``. Otherwise it is the one that
    splits the header into the most names.

    Returns:
        The separator, the number of the first line of the rest, and the lines of the rest.
    """
    before: list[str] = []
    for line in lines:
        if named := _SEPARATOR_LINE.fullmatch(line):
            return named[1], len(before) + 2, lines
        before.append(line)
        if line.strip():
            break
    header = before[-1:]
    # The first of those that split it equally often, so a comma.
    separator = max(
        SEPARATORS,
        key=lambda each: len(next(csv.reader(header, delimiter=each), ())) if header else 0,
    )
    return separator, 1, chain(before, lines)


def _blocks(
    records: Iterator[tuple[int, list[str]]], header: list[str], input: InputFile
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
        yield Block(_Columns(header, rows), lines, input.progress(), bad)

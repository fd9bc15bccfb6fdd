"""What an import tells its user: the bad rows of the file, and what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from graphql_app.errors import ErrorCode, InvalidInputError, Problem

MAX_BAD_ROWS = 10_000

CHECKING, RECORDING = "checking", "recording"

Progress = Callable[[str, int, int | None], None]
"""Called with the phase (``CHECKING``, then ``RECORDING``), how much is done, and of how much.

While checking, these are bytes of a CSV or NDJSON file and rows of a Parquet file; while
recording, rows.
"""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A reason why a row was refused; a row has as many as it has bad values.

    Attributes:
        line: Where the row starts: a line of a CSV or NDJSON file, a row of a Parquet file, from 1.
        column: The column's name in the file; empty where the whole row is meant.
        message: What is wrong, to be read after the column's name.
    """

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of an import.

    Attributes:
        format: What the file was read as: one of ``formats``.
        place: What ``BadRow.line`` counts: "line" or "row".
        recorded: Rows recorded, by fact; empty when bad rows kept the file from being recorded.
        skipped: Rows of the file left out as bad, by fact; an order counts once.
        bad_rows: What was wrong, in the order of the file: the first 10,000.
        bad_row_count: How many there were in all.
    """

    format: str
    place: str
    recorded: Mapping[str, int]
    skipped: Mapping[str, int]
    bad_rows: tuple[BadRow, ...]
    bad_row_count: int

    @property
    def refused(self) -> bool:
        """Whether bad rows kept the file from being recorded."""
        return bool(self.bad_row_count) and not self.recorded


class BadRows:
    """Collects bad rows: all are counted, the first ones are kept."""

    def __init__(self) -> None:
        self.kept: list[BadRow] = []
        self.count = 0

    def add(self, bad: Iterable[BadRow]) -> None:
        """Add bad rows of the next part of the file."""
        for row in sorted(bad, key=lambda row: row.line):
            self.count += 1
            if len(self.kept) < MAX_BAD_ROWS:
                self.kept.append(row)


def bad_file(path: Path, message: str) -> InvalidInputError:
    """The error for a file that cannot be imported at all."""
    return InvalidInputError([Problem(ErrorCode.INVALID, f"{path}: {message}")])

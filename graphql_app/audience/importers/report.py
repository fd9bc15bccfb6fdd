"""What an import reports: progress, bad rows and the outcome."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql_app.errors import ErrorCode, InvalidInputError, Problem

MAX_BAD_ROWS = 10_000

CHECKING, RECORDING = "checking", "recording"

Progress = Callable[[str, int, int | None], None]
"""Called with the phase (``CHECKING``, then ``RECORDING``), how much is done, and of how much.

While checking, these are bytes of a CSV or NDJSON file or rows of a Parquet file; while recording,
they are rows.
"""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A bad value of a row, or a bad row as a whole.

    Attributes:
        line: The line of a CSV or NDJSON file on which the row starts, or the row of a Parquet
            file, counted from 1.
        column: The name of the column in the file; empty for the row as a whole.
        message: What is wrong, to be read after the column's name.
    """

    line: int
    column: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of an import.

    Attributes:
        unit: What ``BadRow.line`` counts: "line" or "row".
        recorded: The number of recorded rows by type; empty if the file was refused.
        skipped: The number of rows by type that were not recorded; an order counts once.
        waiting: The number of recorded rows whose contact is not recorded yet.
        bad_rows: The first 10,000 bad values, in the order of the file.
        bad_row_count: The number of bad values.
        warnings: The first 10,000 values that were recorded although they are probably wrong, or
            for which an order was skipped.
        warning_count: The number of such values.
        columns: Where each column of the file goes, by its name in the file; an empty text if it
            is ignored. Empty for exports of Shopify.
        preview: The first good rows, as they are recorded.
    """

    format: str
    unit: str
    recorded: Mapping[str, int]
    skipped: Mapping[str, int]
    waiting: int
    bad_rows: tuple[BadRow, ...]
    bad_row_count: int
    warnings: tuple[BadRow, ...]
    warning_count: int
    columns: Mapping[str, str]
    preview: Sequence[Mapping[str, Any]]

    @property
    def refused(self) -> bool:
        return bool(self.bad_row_count) and not self.recorded


class BadRowCollector:
    """The number of bad rows, and the first of them."""

    def __init__(self) -> None:
        self.kept: list[BadRow] = []
        self.count = 0

    def add(self, bad: Iterable[BadRow]) -> None:
        added = sorted(bad, key=lambda row: row.line)
        self.count += len(added)
        self.kept += added[: MAX_BAD_ROWS - len(self.kept)]


def bad_file(path: Path, message: str) -> InvalidInputError:
    """Return the error for a file that cannot be imported at all."""
    return InvalidInputError([Problem(ErrorCode.INVALID, f"{path}: {message}")])

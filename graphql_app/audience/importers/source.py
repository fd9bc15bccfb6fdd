"""Files as blocks of columns, with the positions of their rows in the file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphql_app.audience.importers.report import BadRow

BLOCK_ROWS = 10_000


class FileType(StrEnum):
    """The type of a file's content."""

    CSV = "CSV"
    NDJSON = "NDJSON"
    PARQUET = "Parquet"
    EXCEL = "Excel"

    @property
    def has_cells(self) -> bool:
        """Whether all values are texts in cells, without lists or objects."""
        return self in {FileType.CSV, FileType.EXCEL}

    @property
    def unit(self) -> str:
        """What the places of its rows are counted in."""
        return "line" if self in {FileType.CSV, FileType.NDJSON} else "row"


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows of a file.

    Attributes:
        columns: The values of each column, by its name in the file.
        line_numbers: Where each row starts: the line of a text file, else the row.
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
        stem: The name of its content without the extension.
        columns: The names of its columns; for NDJSON only of the first rows.
        total: The ``progress`` of the last block.
        blocks: The rows; iterating raises if the file turns out to be incomplete.
        types: The Arrow types of the columns of a Parquet file.
        original: The names in the file of columns that were renamed, by their new names.
    """

    path: Path
    stem: str
    file_type: FileType
    columns: tuple[str, ...]
    total: int
    blocks: Iterator[Block]
    types: pa.Schema | None = None
    original: Mapping[str, str] = field(default_factory=dict)

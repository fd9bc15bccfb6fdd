"""What all formats of imported files have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from graphql_app.audience.facts import FactType
from graphql_app.audience.importers.report import BadRow
from graphql_app.audience.importers.source import Block


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """The checked rows of a block.

    Attributes:
        rows: The good rows, parsed. Orders have the column ``lines``, null without lines.
        skipped: The number of bad rows.
        bad: Why they are bad.
        progress: How much of the file has been checked.
    """

    rows: pa.Table
    skipped: int
    bad: Sequence[BadRow]
    progress: int


class ImportFormat(Protocol):
    """A format of files: what their columns are, and how their rows become facts."""

    fact: FactType

    @property
    def has_lines(self) -> bool:
        """Whether the rows checked so far are orders with their lines."""

    def check_columns(self) -> None:
        """Raise ``InvalidInputError`` if the file does not have the columns of the format."""

    def check_blocks(self, blocks: Iterable[Block]) -> Iterator[CheckedRows]:
        """Check the rows of blocks."""


def drop_bad_rows(
    rows: pa.Table, block: Block, bad: list[BadRow], bad_positions: Iterable[int]
) -> CheckedRows:
    """Drop the rows at some positions."""
    positions = sorted(set(bad_positions))
    if positions:
        good = np.ones(rows.num_rows, dtype=np.bool_)
        good[positions] = False
        rows = rows.filter(pa.array(good))
    skipped = len(positions) + len(block.bad)
    return CheckedRows(rows, skipped, [*block.bad, *bad], block.progress)

"""Checked rows of imported files, whatever their format."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from graphql_app.audience.importers.report import BadRow
from graphql_app.audience.importers.source import Block

LINE_NUMBER: Final = "line number"  # no column of a table has a space in its name


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """The checked rows of a block: the good ones, parsed, and how many were skipped and why.

    Orders have the column ``lines``, null without lines. Contacts have the column ``LINE_NUMBER``.

    Attributes:
        bad_orders: Ids of orders with a bad row, whose other rows must not be recorded either.
        warnings: Why rows that are not bad were skipped.
    """

    rows: pa.Table
    skipped: int
    bad: Sequence[BadRow]
    progress: int
    bad_orders: Set[str] = frozenset()
    warnings: Sequence[BadRow] = ()


def add_line_numbers(rows: pa.Table, block: Block) -> pa.Table:
    return rows.append_column(LINE_NUMBER, pa.array(block.line_numbers, pa.int64()))


def drop_bad_rows(
    rows: pa.Table, block: Block, bad: list[BadRow], bad_positions: Iterable[int]
) -> CheckedRows:
    positions = sorted(set(bad_positions))
    if positions:
        good = np.ones(rows.num_rows, dtype=np.bool_)
        good[positions] = False
        rows = rows.filter(pa.array(good))
    skipped = len(positions) + len(block.bad)
    return CheckedRows(rows, skipped, [*block.bad, *bad], block.progress)


def preview_rows(rows: pa.Table) -> list[dict[str, Any]]:
    """Return rows as they are recorded, without fields that have no value."""
    fields = [name for name in rows.column_names if name != LINE_NUMBER]
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in rows.select(fields).to_pylist()
    ]

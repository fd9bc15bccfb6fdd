"""Order lines as a list column of orders, in files and between the passes of an import."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.facts import LINES, BadValue

Counts = npt.NDArray[np.int64]


def attach_lines(orders: pa.Table, lines: pa.Table, counts: Sequence[int] | None) -> pa.Table:
    """Add a column of lines to orders, given the number of lines of each order.

    Without ``counts``, the column is null.
    """
    kind = pa.list_(pa.struct(list(lines.schema)))
    if counts is None:
        return orders.append_column(LINES.name, pa.nulls(orders.num_rows, kind))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]), pa.int32())
    items = pa.StructArray.from_arrays(
        [column.combine_chunks() for column in lines.columns], fields=list(lines.schema)
    )
    return orders.append_column(LINES.name, pa.ListArray.from_arrays(offsets, items))


def detach_lines(orders: pa.Table) -> pa.Table:
    """Return the lines of all orders, with the row number of each line's order in ``row``."""
    nested = orders[LINES.name].combine_chunks()
    items = pc.list_flatten(nested)
    names = [field.name for field in items.type]
    return pa.table([*items.flatten(), pc.list_parent_indices(nested)], names=[*names, "row"])


def flatten_lines(
    values: pa.Array | Sequence[Any],
) -> tuple[Counts, Mapping[str, pa.Array | Sequence[Any]], list[BadValue]]:
    """Flatten the column of lines of a file.

    Returns:
        The number of lines of each order, the fields of all lines, and orders whose value is not
        a list of lines.
    """
    if not isinstance(values, pa.Array):
        return _flatten_lists(values)
    if pa.types.is_null(values.type):
        return np.zeros(len(values), np.int64), {}, []
    lengths = pc.fill_null(pc.list_value_length(values), 0).to_numpy(zero_copy_only=False)
    items = pc.list_flatten(values)
    fields = zip((field.name for field in items.type), items.flatten(), strict=True)
    return lengths.astype(np.int64), dict(fields), []


def _flatten_lists(
    values: Sequence[Any],
) -> tuple[Counts, Mapping[str, Sequence[Any]], list[BadValue]]:
    counts: list[int] = []
    lines: list[dict[str, Any]] = []
    bad: list[BadValue] = []
    for order, value in enumerate(values):
        found = [] if value is None else value
        if not (isinstance(found, list) and all(isinstance(line, dict) for line in found)):
            found = []
            bad.append(BadValue(order, LINES.name, "must be a list of objects"))
        counts.append(len(found))
        lines += found
    names = dict.fromkeys(name for line in lines for name in line)
    fields = {name: [line.get(name) for line in lines] for name in names}
    return np.array(counts, np.int64), fields, bad

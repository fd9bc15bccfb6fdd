"""Files of facts: columns named as the fields are, and orders with their lines nested in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience import value_parsers
from graphql_app.audience.column_parser import ValueKind
from graphql_app.audience.facts import LINES, ORDER_LINES, ORDERS, FactType, check_batch
from graphql_app.audience.importers.existing_rows import Recorded, places
from graphql_app.audience.importers.report import BadRow, bad_file
from graphql_app.audience.importers.source import Block, Source

BadLine = tuple[int, str, str]
"""What is wrong with the lines of an order: its row, the column, and why."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The good rows of a block, typed; orders have a column of their lines, null if not told.

    Attributes:
        rows: The rows.
        skipped: How many rows are left out as bad.
        bad: Why.
        done: How much of the file has been checked with them.
    """

    rows: pa.Table
    skipped: int
    bad: Sequence[BadRow]
    done: int


class Layout(Protocol):
    """A way to make facts of the columns of a file."""

    fact: FactType

    @property
    def has_lines(self) -> bool:
        """Whether the rows checked so far tell the lines of orders."""

    def require(self) -> None:
        """Raise for a file whose columns are not those of the layout."""

    def checked(self, blocks: Iterable[Block]) -> Iterator[Checked]:
        """Check blocks."""


def keep_good(rows: pa.Table, block: Block, bad: list[BadRow], bad_rows: Iterable[int]) -> Checked:
    """The rows without those of the given places."""
    places = sorted(set(bad_rows))
    if places:
        good = np.ones(rows.num_rows, dtype=np.bool_)
        good[places] = False
        rows = rows.filter(pa.array(good))
    return Checked(rows, len(places) + block.unread, [*block.bad, *bad], block.done)


def with_lines(orders: pa.Table, lines: pa.Table, counts: Sequence[int] | None) -> pa.Table:
    """Orders with a column of their lines, of which each has as many as ``counts`` says."""
    kind = pa.list_(pa.struct(list(lines.schema)))
    if counts is None:
        return orders.append_column(LINES.name, pa.nulls(orders.num_rows, kind))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]), pa.int32())
    items = pa.StructArray.from_arrays(
        [column.combine_chunks() for column in lines.columns], fields=list(lines.schema)
    )
    return orders.append_column(LINES.name, pa.ListArray.from_arrays(offsets, items))


class FactLayout:
    """A file whose columns are the fields of a fact."""

    def __init__(self, fact: FactType, recorded: Recorded, source: Source) -> None:
        self.fact = fact
        self._recorded = recorded
        self._source = source
        self._lines = False

    @property
    def has_lines(self) -> bool:
        """Whether orders come with their lines."""
        return self._lines

    def require(self) -> None:
        """Raise for columns that are unknown, missing, repeated or of a type that cannot do."""
        source = self._source
        if "" in source.columns:
            place = source.columns.index("") + 1
            raise bad_file(source.path, f"column {place} has no name; name or remove it.")
        repeated = [name for name in source.columns if source.columns.count(name) > 1]
        if repeated:
            raise bad_file(source.path, f'the column "{repeated[0]}" is there more than once.')
        self._require_known(source.columns, self._known(), "column")
        missing = [f.name for f in self.fact.fields if f.required and f.name not in source.columns]
        if missing and source.kind != "NDJSON":
            raise bad_file(source.path, f'the column "{missing[0]}" is missing; it is required.')
        if source.types is not None:
            self._require_types(source.types)
        self._lines = LINES.name in source.columns

    def _known(self) -> list[str]:
        nested = [LINES.name] if self.fact is ORDERS and self._source.kind != "CSV" else []
        return [f.name for f in self.fact.fields] + nested + [*self.fact.derived_columns]

    def _require_known(self, names: Iterable[str], known: Sequence[str], what: str) -> None:
        unknown = [name for name in names if name not in known]
        if unknown:
            raise bad_file(
                self._source.path,
                f'there is no {what} "{unknown[0]}" of {self.fact.name}; known are: '
                f"{', '.join(known)}.",
            )

    def _require_types(self, types: pa.Schema) -> None:
        kinds = {f.name: f.kind for f in self.fact.fields}
        for column in types:
            if column.name in self.fact.derived_columns:
                continue
            if column.name not in kinds:
                self._require_lines(column.type)
            elif reason := _unfit(kinds[column.name], column.type):
                raise bad_file(self._source.path, f'the column "{column.name}" {reason}.')

    def _require_lines(self, kind: pa.DataType) -> None:
        if pa.types.is_null(kind):
            return
        lists = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if not lists or not pa.types.is_struct(kind.value_type):
            raise bad_file(self._source.path, 'the column "lines" must hold lists of structs.')
        kinds = {f.name: f.kind for f in LINES.fields}
        fields = list(kind.value_type)
        self._require_known([f.name for f in fields], list(kinds), "field of the lines")
        for item in fields:
            if reason := _unfit(kinds[item.name], item.type):
                raise bad_file(self._source.path, f'the field "{item.name}" of lines {reason}.')

    def checked(self, blocks: Iterable[Block]) -> Iterator[Checked]:
        """Check blocks; rows of NDJSON may bring columns that were not known before."""
        for block in blocks:
            self._require_known(block.columns, self._known(), "column")
            yield self._check(block)

    def _check(self, block: Block) -> Checked:
        rows, problems = check_batch(self.fact, block.columns, len(block.lines))
        bad = [BadRow(block.lines[p.row], p.field, p.message) for p in problems]
        bad_rows = {p.row for p in problems}
        if self.fact is ORDERS:
            rows, bad_lines = self._nested(rows, block)
            bad += [BadRow(block.lines[row], *reason) for row, *reason in bad_lines]
            bad_rows.update(row for row, *_ in bad_lines)
        elif self.fact is ORDER_LINES:
            place = places(self._recorded.orders(), rows["order_id"])
            for row in np.flatnonzero(place < 0).tolist():
                if row not in bad_rows:
                    order = rows["order_id"][row].as_py()
                    message = f"order {order} is not recorded; import the orders first"
                    bad.append(BadRow(block.lines[row], "order_id", message))
                    bad_rows.add(row)
        return keep_good(rows, block, bad, bad_rows)

    def _nested(self, orders: pa.Table, block: Block) -> tuple[pa.Table, list[BadLine]]:
        """Orders with their checked lines, and what is wrong: order, column, why."""
        values = block.columns.get(LINES.name)
        if values is None:
            return with_lines(orders, LINES.arrow_schema.empty_table(), None), []
        self._lines = True
        bad: list[BadLine] = []
        if isinstance(values, pa.Array):
            counts = pc.fill_null(_lengths(values), 0).to_numpy(zero_copy_only=False)
            fields: Mapping[str, Any] = _struct_columns(values)
        else:
            found, fields, bad = _collect(values)
            self._require_known(fields, [f.name for f in LINES.fields], "field of the lines")
            counts = np.array(found, dtype=np.int64)
        lines, problems = check_batch(LINES, fields, int(counts.sum()))
        if problems:
            parents = np.repeat(np.arange(len(counts)), counts)
            starts = np.cumsum(counts) - counts
            for problem in problems:
                order = int(parents[problem.row])
                place = problem.row - int(starts[order])
                bad.append((order, f"lines[{place}].{problem.field}", problem.message))
        return with_lines(orders, lines, counts.tolist()), bad


def _lengths(values: pa.Array) -> pa.Array:
    return pa.nulls(len(values), pa.int32()) if _is_null(values) else pc.list_value_length(values)


def _is_null(values: pa.Array) -> bool:
    return bool(pa.types.is_null(values.type))


def _struct_columns(values: pa.Array) -> dict[str, pa.Array]:
    if _is_null(values):
        return {}
    items = pc.list_flatten(values)
    return dict(zip((f.name for f in items.type), items.flatten(), strict=True))


def _collect(
    values: Sequence[Any],
) -> tuple[list[int], dict[str, list[Any]], list[BadLine]]:
    """The lines of all orders as columns, how many each order has, and what are no lines."""
    counts: list[int] = []
    lines: list[dict[str, Any]] = []
    bad: list[BadLine] = []
    for row, value in enumerate(values):
        if value is None:
            found = []
        elif isinstance(value, list) and all(isinstance(line, dict) for line in value):
            found = value
        else:
            found = []
            bad.append((row, LINES.name, "must be a list of objects"))
        counts.append(len(found))
        lines += found
    names = dict.fromkeys(name for line in lines for name in line)
    return counts, {name: [line.get(name) for line in lines] for name in names}, bad


def _unfit(kind: ValueKind, found: pa.DataType) -> str | None:
    """Why a column of this Arrow type cannot hold values of a kind."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if kind is value_parsers.TIME and pa.types.is_timestamp(found) and found.tz is None:
        return "holds times without a time zone; write them as timestamps in UTC"
    if kind is value_parsers.AMOUNT and pa.types.is_floating(found):
        return (
            "holds binary floating-point numbers, which are not exact amounts; write decimals or "
            "text"
        )
    fits = {
        value_parsers.IDENTIFIER: pa.types.is_integer(found),
        value_parsers.INTEGER: pa.types.is_integer(found) or pa.types.is_floating(found),
        value_parsers.AMOUNT: pa.types.is_decimal(found) or pa.types.is_integer(found),
        value_parsers.TIME: pa.types.is_timestamp(found),
        value_parsers.BOOLEAN: pa.types.is_boolean(found),
        value_parsers.TAGS: pa.types.is_list(found) or pa.types.is_large_list(found),
        value_parsers.PROPERTIES: pa.types.is_struct(found),
    }.get(kind, False)
    text = (
        pa.types.is_string(found) or pa.types.is_large_string(found)
        or pa.types.is_string_view(found)
    )  # fmt: skip
    if fits or text or pa.types.is_null(found):
        return None
    return f"is of the type {found}, which does not hold what it should"

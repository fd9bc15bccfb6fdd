"""Files with the fields of facts as their columns; orders may have their lines nested in them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from graphql_app.audience import value_parsers
from graphql_app.audience.column_parser import ValueKind
from graphql_app.audience.facts import (
    CONTACTS,
    LINES,
    NAMES,
    ORDER_LINES,
    ORDERS,
    BadValue,
    FactType,
    check_batch,
)
from graphql_app.audience.importers.checked_rows import (
    CheckedRows,
    add_line_numbers,
    drop_bad_rows,
)
from graphql_app.audience.importers.column_mapping import known_columns
from graphql_app.audience.importers.existing_rows import ExistingRows
from graphql_app.audience.importers.nested_lines import attach_lines, flatten_lines
from graphql_app.audience.importers.notation import Notation
from graphql_app.audience.importers.report import BadRow, bad_file
from graphql_app.audience.importers.source import Block, FileType, Source


class FactFormat:
    def __init__(
        self,
        fact: FactType,
        existing: ExistingRows,
        source: Source,
        notation: Notation,
    ) -> None:
        self.fact = fact
        self._readable = notation.apply(fact, source.file_type)
        self._readable_lines = notation.apply(LINES, source.file_type)
        self.has_lines = False  # whether orders come with their lines
        self._existing = existing
        self._source = source

    def check_columns(self) -> None:
        """Raise for columns that are unknown, missing, repeated, nameless or of a wrong type."""
        source = self._source
        if "" in source.columns:
            number = source.columns.index("") + 1
            raise bad_file(source.path, f"column {number} has no name; name or remove it.")
        repeated = [name for name in source.columns if source.columns.count(name) > 1]
        if repeated:
            raise bad_file(source.path, f'the column "{repeated[0]}" occurs more than once.')
        self._refuse_unknown(source.columns, self._known_columns, "column")
        missing = [f.name for f in self.fact.fields if f.required and f.name not in source.columns]
        if missing and source.file_type is not FileType.NDJSON:
            raise bad_file(source.path, f'the required column "{missing[0]}" is missing.')
        named = not self.fact.names_contact or {*NAMES} & {*source.columns}
        if not named and source.file_type is not FileType.NDJSON:
            raise bad_file(
                source.path, "it needs a column that names contacts: contact_id, email or phone."
            )
        if source.types is not None:
            self._check_types(source.types)
        self.has_lines = self.fact is ORDERS and LINES.name in source.columns

    @property
    def _known_columns(self) -> Sequence[str]:
        return known_columns(self.fact, self._source.file_type)

    def _refuse_unknown(self, names: Iterable[str], known: Sequence[str], what: str) -> None:
        unknown = [name for name in names if name not in known]
        if unknown:
            raise bad_file(
                self._source.path,
                f'unknown {what} "{unknown[0]}"; {self.fact.name} has {", ".join(known)}.',
            )

    def _check_types(self, types: pa.Schema) -> None:
        kinds = {field.name: field.kind for field in self.fact.fields}
        for column in types:
            if column.name in self.fact.derived_columns:
                continue
            if column.name not in kinds:
                self._check_type_of_lines(column.type)
            elif problem := _find_type_problem(kinds[column.name], column.type):
                raise bad_file(self._source.path, f'the column "{column.name}" {problem}.')

    def _check_type_of_lines(self, type: pa.DataType) -> None:
        if pa.types.is_null(type):
            return
        lists = pa.types.is_list(type) or pa.types.is_large_list(type)
        if not lists or not pa.types.is_struct(type.value_type):
            raise bad_file(self._source.path, 'the column "lines" must contain lists of structs.')
        kinds = {field.name: field.kind for field in LINES.fields}
        self._refuse_unknown([item.name for item in type.value_type], list(kinds), "line field")
        for item in type.value_type:
            if problem := _find_type_problem(kinds[item.name], item.type):
                raise bad_file(self._source.path, f'the field "{item.name}" of lines {problem}.')

    def check_blocks(self, blocks: Iterable[Block]) -> Iterator[CheckedRows]:
        """Check the rows of blocks; rows of NDJSON may have columns that earlier rows lack."""
        for block in blocks:
            self._refuse_unknown(block.columns, self._known_columns, "column")
            yield self._check_block(block)

    def _check_block(self, block: Block) -> CheckedRows:
        rows, bad = check_batch(self._readable, block.columns, len(block.line_numbers))
        if self.fact is CONTACTS:
            rows = add_line_numbers(rows, block)
        elif self.fact is ORDERS:
            rows, bad_lines = self._check_lines(rows, block)
            bad += bad_lines
        if self.fact.names_contact:
            known_bad = {row for row, *_ in bad}
            problems = self._existing.find_reference_problems(rows)
            bad += [problem for problem in problems if problem.row not in known_bad]
        if self.fact is ORDER_LINES:
            bad += self._find_unknown_orders(rows, {row for row, *_ in bad})
        original = self._source.original
        bad_rows = [
            BadRow(
                block.line_numbers[b.row],
                f"{original.get(b.field, b.field)}{b.inner_place}",
                b.message,
            )
            for b in bad
        ]
        bad_positions = {row for row, *_ in bad}
        checked = drop_bad_rows(rows, block, bad_rows, bad_positions)
        if self.fact is ORDER_LINES:
            orders = {rows["order_id"][row].as_py() for row in bad_positions} - {None}
            checked = replace(checked, bad_orders=orders)
        return checked

    def _find_unknown_orders(self, lines: pa.Table, bad: set[int]) -> Iterator[BadValue]:
        for row in np.flatnonzero(~self._existing.has_orders(lines["order_id"])).tolist():
            if row not in bad:
                order = lines["order_id"][row].as_py()
                message = f"names the order {order}, which is not recorded; import the orders first"
                yield BadValue(row, "order_id", message)

    def _check_lines(self, orders: pa.Table, block: Block) -> tuple[pa.Table, list[BadValue]]:
        """Check nested lines; return the orders with their lines, and what is wrong."""
        values = block.columns.get(LINES.name)
        if values is None:
            return attach_lines(orders, LINES.arrow_schema.empty_table(), None), []
        self.has_lines = True
        counts, fields, bad = flatten_lines(values)
        self._refuse_unknown(fields, [field.name for field in LINES.fields], "line field")
        lines, problems = check_batch(self._readable_lines, fields, int(counts.sum()))
        parents = np.repeat(np.arange(len(counts)), counts)
        starts = np.cumsum(counts) - counts
        for problem in problems:
            order = int(parents[problem.row])
            line = problem.row - int(starts[order])
            bad.append(problem._replace(row=order, field=f"lines[{line}].{problem.field}"))
        return attach_lines(orders, lines, counts.tolist()), bad


def _find_type_problem(kind: ValueKind, type: pa.DataType) -> str | None:
    """Return why a column of an Arrow type cannot have values of a kind."""
    if pa.types.is_dictionary(type):
        type = type.value_type
    if kind is value_parsers.TIME and pa.types.is_timestamp(type) and type.tz is None:
        return "has times without a time zone; write timestamps in UTC"
    if kind is value_parsers.AMOUNT and pa.types.is_floating(type):
        return "has floating-point numbers, which are not exact; write decimals or text"
    fits = {
        value_parsers.IDENTIFIER: pa.types.is_integer(type),
        value_parsers.WHOLE_NUMBER: pa.types.is_integer(type),
        value_parsers.INTEGER: pa.types.is_integer(type) or pa.types.is_floating(type),
        value_parsers.AMOUNT: pa.types.is_decimal(type) or pa.types.is_integer(type),
        value_parsers.TIME: pa.types.is_timestamp(type),
        value_parsers.BOOLEAN: pa.types.is_boolean(type),
        value_parsers.TAGS: pa.types.is_list(type) or pa.types.is_large_list(type),
        value_parsers.PROPERTIES: pa.types.is_struct(type),
    }.get(kind, False)
    texts = {pa.null(), pa.string(), pa.large_string(), pa.string_view()}
    if fits or type in texts:
        return None
    return f"has the type {type}, which cannot be converted; write text"

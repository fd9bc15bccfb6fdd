"""Which columns of a file hold which fields, and what becomes of the others."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphql_app.audience.facts import LINES, ORDERS, FactType
from graphql_app.audience.importers.report import bad_file
from graphql_app.audience.importers.source import Block, FileType, Source

PROPERTIES = "properties"


class UnknownColumns(Enum):
    """What happens to the columns of a file that its format does not have."""

    REFUSE = auto()
    IGNORE = auto()
    TO_PROPERTIES = auto()


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which columns of a file hold which fields.

    Attributes:
        columns: Columns of the file by field. All other columns are named like their fields.
        unknown: What happens to columns that the format does not have.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    unknown: UnknownColumns = UnknownColumns.REFUSE

    def rename(self, source: Source) -> Source:
        """Name the columns of a file like their fields.

        Raises:
            InvalidInputError: A column is missing, or two columns would have the same name.
        """
        if not self.columns:
            return source
        if source.file_type is not FileType.NDJSON:  # its ``columns`` are those of its first rows
            self._require_columns(source.path, source.columns)
        fields = {column: name for name, column in self.columns.items()}

        def names_of(columns: Iterable[str]) -> dict[str, str]:
            names: dict[str, str] = {}
            for column in columns:
                name = fields.get(column, column)
                if name in names and column != names[name]:
                    both = f'"{names[name]}" and "{column}" would both be "{name}"'
                    raise bad_file(source.path, f"{both}; rename or remove one of them.")
                names[name] = column
            return names

        def renamed_blocks() -> Iterator[Block]:
            seen: dict[str, None] = {}
            for block in source.blocks:
                seen |= dict.fromkeys(block.columns)
                yield replace(block, columns=_Columns(block.columns, names_of(block.columns)))
            self._require_columns(source.path, seen)

        names_of(source.columns)
        types = source.types
        if types is not None:
            types = pa.schema([each.with_name(fields.get(each.name, each.name)) for each in types])
        columns = tuple(fields.get(column, column) for column in source.columns)
        blocks = renamed_blocks()
        return replace(source, columns=columns, blocks=blocks, types=types, original=self.columns)

    def _require_columns(self, path: Path, columns: Collection[str]) -> None:
        for column in self.columns.values():
            if column not in columns:
                known = f"the columns are {', '.join(columns)}."
                raise bad_file(path, f'it has no column "{column}"; {known}')

    def set_unknown_aside(self, source: Source, fact: FactType) -> Source:
        """Refuse, ignore or keep the columns that the format does not have, as ``unknown`` says.

        Raises:
            InvalidInputError: The facts have no properties.
        """
        if self.unknown is UnknownColumns.REFUSE:
            return source
        to_properties = self.unknown is UnknownColumns.TO_PROPERTIES
        if to_properties and PROPERTIES not in {each.name for each in fact.fields}:
            raise bad_file(source.path, f"{fact.name} have no properties; ignore unknown columns.")
        known = known_columns(fact, source.file_type)

        def split(block: Block) -> Block:
            kept = [name for name in block.columns if name in known]
            rest = [name for name in block.columns if name not in known]
            columns: Mapping[str, Any] = _Columns(block.columns, dict(zip(kept, kept, strict=True)))
            if to_properties and rest:
                columns = {**columns, PROPERTIES: list(_properties(block, rest))}
            return replace(block, columns=columns)

        types = source.types
        return replace(
            source,
            columns=tuple(name for name in source.columns if name in known),
            blocks=map(split, source.blocks),
            types=None if types is None else pa.schema([t for t in types if t.name in known]),
        )

    def destination(self, column: str, fact: FactType, file_type: FileType) -> str:
        """Return where a column of a file, named like its field, goes."""
        if column in known_columns(fact, file_type):
            return "" if column in fact.derived_columns else column
        return f"{PROPERTIES}.{column}" if self.unknown is UnknownColumns.TO_PROPERTIES else ""


SAME_NAMES = ColumnMapping()


def known_columns(fact: FactType, file_type: FileType) -> tuple[str, ...]:
    """Return the names that columns of a file can have."""
    names = [field.name for field in fact.fields]
    nested = [LINES.name] if fact is ORDERS and not file_type.has_cells else []
    return (*names, *nested, *fact.derived_columns)


class _Columns(Mapping[str, Any]):
    """Some columns under other names; their values are made on demand."""

    def __init__(self, columns: Mapping[str, Any], names: Mapping[str, str]) -> None:
        self._columns = columns
        self._names = names  # in ``columns``

    def __getitem__(self, name: str) -> Any:
        return self._columns[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _properties(block: Block, names: Sequence[str]) -> Iterator[Any]:
    """Yield the properties of each row, with the values of more columns, unless they are empty."""
    size = len(block.line_numbers)
    own = _values(block.columns.get(PROPERTIES, [None] * size))
    for properties, *values in zip(
        own, *(_values(block.columns[name]) for name in names), strict=True
    ):
        found = _parse(properties)
        added = {
            name: value
            for name, value in zip(names, values, strict=True)
            if value is not None and value != ""
        }
        # Properties that are not an object stay, so that the parser reports them.
        yield {**found, **added} if isinstance(found, dict) else properties


def _parse(properties: Any) -> Any:
    if properties is None or properties == "":
        return {}
    try:
        return json.loads(properties) if isinstance(properties, str) else properties
    except (ValueError, RecursionError):
        return properties


def _values(column: Any) -> Sequence[Any]:
    values: Sequence[Any] = column.to_pylist() if isinstance(column, pa.Array) else column
    return values

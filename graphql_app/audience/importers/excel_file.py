"""Excel workbooks (.xlsx): one sheet with a header, its cells read as text."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from graphql_app.audience.importers.input_file import InputFile
from graphql_app.audience.importers.report import bad_file
from graphql_app.audience.importers.source import BLOCK_ROWS, Block, FileType, Source


def open_excel(input: InputFile) -> Source:
    """Read a workbook, or refuse it."""
    path = input.path
    try:
        workbook = CalamineWorkbook.from_filelike(input.content)
        sheets = {
            name: workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            for name in workbook.sheet_names
        }
    except CalamineError as error:
        raise bad_file(path, f"is not a complete Excel workbook ({error}).") from None
    filled = {name: rows for name, rows in sheets.items() if any(map(_has_value, rows))}
    if len(filled) > 1:
        names = ", ".join(filled)
        raise bad_file(path, f"has {len(filled)} sheets ({names}); save one of them as a file.")
    rows = [
        (number, list(map(_text, row)))
        for number, row in enumerate(next(iter(filled.values()), ()), 1)
        if _has_value(row)
    ]
    if not rows:
        raise bad_file(path, "has no header.")
    (_, header), *rows = rows
    columns = tuple(name.strip() for name in header)
    return Source(path, input.stem, FileType.EXCEL, columns, len(rows), _blocks(rows, columns))


def _blocks(rows: Sequence[tuple[int, list[str]]], names: Sequence[str]) -> Iterator[Block]:
    for start in range(0, len(rows), BLOCK_ROWS):
        some = rows[start : start + BLOCK_ROWS]
        columns = {name: [row[place] for _, row in some] for place, name in enumerate(names)}
        yield Block(columns, [number for number, _ in some], start + len(some))


def _has_value(row: Sequence[Any]) -> bool:
    return any(cell != "" for cell in row)


def _text(cell: Any) -> str:
    """Return a cell as a CSV file would have it: whole numbers without a fraction."""
    match cell:
        case bool():
            return str(cell).lower()
        case float() if cell.is_integer():
            return str(int(cell))
        case datetime() | date():
            return cell.isoformat()
    return str(cell)

"""NDJSON files: one JSON object per line."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from graphql_app.audience.importers.report import BadRow, bad_file
from graphql_app.audience.importers.source import BLOCK_ROWS, Block, Source, not_utf8, open_text

MAX_LINE = 16 << 20  # characters


def open_ndjson(path: Path, stack: ExitStack) -> Source:
    """Open an NDJSON file in UTF-8, or refuse it; ``stack`` closes it."""
    blocks = _blocks(path, *stack.enter_context(open_text(path, newline="\n")))
    first = next(blocks, None)
    if first is None:
        raise bad_file(path, "has no objects.")
    return Source(path, "NDJSON", tuple(first.columns), path.stat().st_size, chain([first], blocks))


def _blocks(path: Path, file: BinaryIO, text: TextIOWrapper) -> Iterator[Block]:
    number = 0
    ended = False
    while not ended:
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        bad: list[BadRow] = []
        while len(rows) + len(bad) < BLOCK_ROWS:
            try:
                line = text.readline(MAX_LINE)
            except UnicodeDecodeError:
                raise not_utf8(path, newline="\n") from None
            if not line:
                ended = True
                break
            number += 1
            if line.isspace():
                continue
            try:
                row = json.loads(line.rstrip(), parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                _refuse_file(path, number, line)
                bad.append(BadRow(number, "", f"is not JSON: {_explain(error)}"))
                continue
            if isinstance(row, dict):
                rows.append(row)
                lines.append(number)
            elif isinstance(row, list) and number == 1:
                raise bad_file(path, "is a JSON array; write one object per line instead.")
            else:
                bad.append(BadRow(number, "", "must be a JSON object"))
        if rows or bad:
            names = dict.fromkeys(chain.from_iterable(rows))
            columns = {name: [row.get(name) for row in rows] for name in names}
            yield Block(columns, lines, file.tell(), bad)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "a number has too many digits" if "digits" in str(error) else str(error)


def _refuse_file(path: Path, number: int, line: str) -> None:
    """Raise if a line shows that the whole file is unusable."""
    if line.strip() in ("[", "{") and number == 1:
        raise bad_file(path, "has JSON that spans several lines; write one object per line.")
    if len(line) == MAX_LINE:
        raise bad_file(path, f"line {number} has more than {MAX_LINE} characters.")
    if not line.endswith("\n"):
        raise bad_file(path, f"ends within line {number}: the file is incomplete.")

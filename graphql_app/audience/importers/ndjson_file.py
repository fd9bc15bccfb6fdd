"""NDJSON files: one JSON object per line."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any

from graphql_app.audience.importers.input_file import InputFile, open_text
from graphql_app.audience.importers.report import BadRow, bad_file
from graphql_app.audience.importers.source import BLOCK_ROWS, Block, FileType, Source

MAX_LINE = 16 << 20  # characters


class JsonFloat(float):
    """A number with a fraction or an exponent, and its text in the file, which is exact."""

    text: str

    def __new__(cls, text: str) -> "JsonFloat":
        number = super().__new__(cls, text)
        number.text = text
        return number


def open_ndjson(input: InputFile, stack: ExitStack, encoding: str | None = None) -> Source:
    """Open an NDJSON file, or refuse it; ``stack`` closes it."""
    text = stack.enter_context(open_text(input, newline="\n", encoding=encoding))
    blocks = _blocks(input, text)
    first = next(blocks, None)
    if first is None:
        raise bad_file(input.path, "has no objects.")
    columns, every = tuple(first.columns), chain([first], blocks)
    return Source(input.path, input.stem, FileType.NDJSON, columns, input.size, every)


def _blocks(input: InputFile, text: TextIOWrapper) -> Iterator[Block]:
    path = input.path
    number = 0
    ended = False
    while not ended:
        rows: list[dict[str, Any]] = []
        lines: list[int] = []
        bad: list[BadRow] = []
        while len(rows) + len(bad) < BLOCK_ROWS:
            line = text.readline(MAX_LINE)
            if not line:
                ended = True
                break
            number += 1
            if line.isspace():
                continue
            try:
                row = _decode(line.rstrip())
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
            yield Block(columns, lines, input.progress(), bad)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


_decode = json.JSONDecoder(parse_float=JsonFloat, parse_constant=_refuse_constant).decode


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

"""CSV for people with spreadsheets: no cell of an export is a formula to them.

A cell that a spreadsheet could take for one gets an apostrophe in front, with which it is text; the
importer takes it off again. Signed numbers are left as they are, phone numbers above all: nothing
in them can do harm.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

# The last four are what some spreadsheets take for the first four.
FORMULA = r"^'*(\s*[=+\-@＝＋－＠]|[\t\r\n])"
SIGNED_NUMBER = r"^[+\-][0-9][0-9 ().\-]*$"

_FORMULA = re.compile(FORMULA)


def as_text(cells: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Cells that no spreadsheet takes for formulas."""
    risky = pc.and_not(
        pc.match_substring_regex(cells, FORMULA), pc.match_substring_regex(cells, SIGNED_NUMBER)
    )
    return pc.if_else(risky, pc.binary_join_element_wise("'", cells, ""), cells)


def as_written(cell: str) -> str:
    """What ``as_text`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell

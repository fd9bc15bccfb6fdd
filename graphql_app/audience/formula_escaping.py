"""CSV for people with spreadsheets: no cell of an export is a formula to them.

A cell that a spreadsheet could take for one gets an apostrophe in front, with which it is text; the
importer takes it off again. Signed numbers are left as they are, phone numbers above all: nothing
in them can do harm.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

# What spreadsheets may skip at the beginning of a cell. It is spelt out, for RE2, which cells are
# written with, and Python, which reads them, do not mean the same by white space.
_SKIPPED = "\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"

# The last four are what some spreadsheets take for the first four.
FORMULA = rf"^'*([{_SKIPPED}]*[=+\-@＝＋－＠]|[\t\r\n])"
SIGNED_NUMBER = r"^[+\-][0-9][0-9 ().\-]*$"

_FORMULA = re.compile(FORMULA)


def escape_formulas(cells: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Cells that no spreadsheet takes for formulas."""
    risky = pc.and_not(
        pc.match_substring_regex(cells, FORMULA), pc.match_substring_regex(cells, SIGNED_NUMBER)
    )
    return pc.if_else(risky, pc.binary_join_element_wise("'", cells, ""), cells)


def unescape_formula(cell: str) -> str:
    """What ``escape_formulas`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell

"""Escaping of CSV cells that a spreadsheet would execute as formulas.

Exports put an apostrophe before risky cells, and imports remove it. Signed numbers stay as they
are, phone numbers above all: they are harmless.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

# Characters that spreadsheets may skip at the start of a cell. They are listed because RE2, which
# exports use, and Python, which imports use, disagree about white space.
_SKIPPED = "\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"

# Some spreadsheets treat the full-width signs like the ASCII ones.
FORMULA = rf"^'*([{_SKIPPED}]*[=+\-@＝＋－＠]|[\t\r\n])"
SIGNED_NUMBER = r"^[+\-][0-9][0-9 ().\-]*$"

_FORMULA = re.compile(FORMULA)


def escape_formulas(cells: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    risky = pc.and_not(
        pc.match_substring_regex(cells, FORMULA), pc.match_substring_regex(cells, SIGNED_NUMBER)
    )
    return pc.if_else(risky, pc.binary_join_element_wise("'", cells, ""), cells)


def unescape_formula(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell

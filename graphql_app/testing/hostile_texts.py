"""Texts that an SQL string, a LIKE pattern, a regular expression or a template trips over."""

from __future__ import annotations

from typing import Any

ORDINARY = ("join", "vip", "85123A", "example", "Austin", "wholesale", "viewed_product", "CA", "ny")

# Each has letters and digits of its own, so that none is within another, as a text or by its words.
HOSTILE = (
    "o'k1",
    'say "k2"',
    "back\\k3",
    "'; DROP TABLE k4; --",
    "k5%' OR 1=1 --",
    "{k6:String}",
    "%(k7)s ?",
    "tab\tnew\nk8",
    "k9 \N{GRINNING FACE} ünïcode",
    "$k10 /* */ `x`",
    "[k11]*(.+)?",
)

NOBODYS = "zqnobodyhasthis"
"""A text that nothing in a generated shop holds."""

PATTERNS = ("%", "jo_n", ".*", "' OR '1'='1")
"""Texts that nothing in a plain shop holds, and that match much if taken for a pattern or SQL."""

OTHERS = (
    "jo%", "%in", "j__n", "jo.n", "[a-z]", "^", "(join|vip)", "*", "?", "'", "''", '"', "\\",
    "\\'", "x' OR 1=1 --", ":name", "{x:String}", "%(x)s", "join\0", "\N{GRINNING FACE}",
)  # fmt: skip
"""More of them."""

MARKER = "zqmarker7f3e"
"""A text to look for in SQL that should have it as a bound value."""

# Letters that take as many bytes as what they stand for.
_STAND_INS = ("x", "ø", "文", "\N{DESERET SMALL LETTER LONG I}")
_KEPT = frozenset(" @.+-_:")


def plain(value: Any) -> Any:
    """JSON values with every text made harmless: as long as it was, and alike where it was alike.

    Letters and digits stay, and so do the signs of dates, addresses and phone numbers. So a shop
    whose texts are made plain answers a rule made plain as the shop itself does the rule, unless
    something takes a text for more than itself.
    """
    match value:
        case str():
            return "".join(map(_plain_character, value))
        case dict():
            return {plain(name): plain(item) for name, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def _plain_character(character: str) -> str:
    if character.isalnum() or character in _KEPT:
        return character
    if character.isspace():
        return " "
    return _STAND_INS[len(character.encode()) - 1]

"""Texts that break SQL strings, LIKE patterns, regular expressions and templates."""

from typing import Any

ORDINARY = ("join", "vip", "85123A", "example", "Austin", "wholesale", "viewed_product", "CA", "ny")

# Each contains its own letters and digits, so that no text or word is within another.
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
    "k12 α\u0345\u0301",  # becomes another text if casefolded before NFKC
)

NOBODYS = "zqnobodyhasthis"
"""A text that is nowhere in a generated shop."""

PATTERNS = ("%", "jo_n", ".*", "' OR '1'='1")
"""Texts that are nowhere in a plain shop but match a lot as a pattern or SQL."""

OTHERS = (
    "jo%", "%in", "j__n", "jo.n", "[a-z]", "^", "(join|vip)", "*", "?", "'", "''", '"', "\\",
    "\\'", "x' OR 1=1 --", ":name", "{x:String}", "%(x)s", "join\0", "\N{GRINNING FACE}",
)  # fmt: skip
"""More of them."""

MARKER = "zqmarker7f3e"
"""A text to search for in SQL that should bind it."""

# Letters of 1, 2, 3 and 4 bytes, for characters of the same length.
_STAND_INS = ("x", "ø", "文", "\N{DESERET SMALL LETTER LONG I}")
_KEPT = frozenset(" @.+-_:")


def plain(value: Any) -> Any:
    """Return JSON values with every text made plain; equal texts stay equal, lengths unchanged.

    Letters and digits stay, and so do the signs of dates, addresses and phone numbers. So the plain
    rule must match the same contacts in the plain shop as the rule in the shop itself. If it does
    not, a text was read as something else, such as a pattern.
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

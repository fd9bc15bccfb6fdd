"""Store whole numbers beyond 64 bits in JSON without losing a digit.

The engine reads such a number as text, so it is stored with an exponent of zero, such as
18446744073709551616e0: that is the same number, which the engine reads as a floating-point number.
"""

import re

# Texts match first, so that digits in them are left alone.
_TEXT = r'"(?:[^"\\]|\\.)*"'
_WIDE = re.compile(rf"{_TEXT}|(?<![\d.])(-?\d{{19,}})(?![\d.eE])")
_STORED = re.compile(rf"{_TEXT}|(-?\d{{19,}})e0(?!\d)")
STORED_PATTERN = r"\d{19}e0"
_MAYBE = re.compile(r"\d{19}")  # found fast in most documents: nowhere


def store_whole_numbers(document: str) -> str:
    """Return a JSON document as it is stored."""
    if _MAYBE.search(document) is None:
        return document
    return _WIDE.sub(lambda found: _stored(found[0], found[1]), document)


def restore_whole_numbers(document: str) -> str:
    """Return a stored JSON document with its whole numbers as they were given."""
    if "e0" not in document:
        return document
    return _STORED.sub(lambda found: found[1] or found[0], document)


def _stored(token: str, digits: str | None) -> str:
    if digits is None or -(2**63) <= int(digits) < 2**64:
        return token
    return f"{digits}e0"

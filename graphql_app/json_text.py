"""JSON in pieces, so that no call into Python's encoder holds the interpreter's lock for long."""

from itertools import chain
from typing import Any


def is_longer(value: Any, limit: int) -> bool:
    """Return whether a value of JSON has more than ``limit`` characters, without encoding it.

    Escapes and the digits of fractions are not counted, so a longer value may count as shorter.
    Values beyond the limit are not visited.
    """
    size = 0
    rest = [value]
    while rest:
        value = rest.pop()
        inner: Any = ()
        if isinstance(value, str):
            size += len(value) + 2
        elif isinstance(value, dict):
            size += 2 * len(value) + 1
            inner = chain(value, value.values())
        elif isinstance(value, list | tuple):
            size += len(value) + 1
            inner = value
        elif isinstance(value, int):
            size += value.bit_length() * 3 // 10 + 1  # 3/10 is less than log10(2)
        else:
            size += 1
        if size > limit:
            return True
        rest.extend(inner)
    return False

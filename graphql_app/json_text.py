"""JSON in pieces, so that no call into Python's encoder holds the interpreter's lock for long."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import chain
from json import JSONEncoder
from typing import Any

PIECE = 65_536  # characters that are encoded at once, which takes about 1 ms


@dataclass(frozen=True, slots=True)
class JsonText:
    """A value that is JSON already. Only ``encode_in_pieces`` can encode it."""

    text: str


def is_longer(value: Any, limit: int) -> bool:
    """Return whether a value of JSON has more than ``limit`` characters, without encoding it.

    Escapes and the digits of fractions are not counted, so a longer value may count as shorter.
    Values beyond the limit are not visited. Values with ``JsonText`` count as longer.
    """
    size = 0
    rest = [value]
    while rest:
        value = rest.pop()
        inner: Any = ()
        if isinstance(value, JsonText):
            return True
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


def encode_in_pieces(value: Any, encoder: JSONEncoder) -> Iterator[str]:
    """Yield what the encoder makes of a value of JSON; short parts are encoded at once."""
    if isinstance(value, JsonText):
        yield value.text
    elif not is_longer(value, PIECE):
        yield encoder.encode(value)
    elif isinstance(value, str):
        yield '"'
        for start in range(0, len(value), PIECE):
            yield encoder.encode(value[start : start + PIECE])[1:-1]
        yield '"'
    elif isinstance(value, dict):
        separator = "{"
        for name, inner in _sorted(value) if encoder.sort_keys else value.items():
            yield separator
            yield from encode_in_pieces(name, encoder)
            yield encoder.key_separator
            yield from encode_in_pieces(inner, encoder)
            separator = encoder.item_separator
        yield "}"
    elif isinstance(value, list | tuple):
        separator = "["
        for inner in value:
            yield separator
            yield from encode_in_pieces(inner, encoder)
            separator = encoder.item_separator
        yield "]"
    else:  # a number of many digits
        yield encoder.encode(value)


def _sorted(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the items by name; sorting all at once would hold the lock, too."""
    items = list(value.items())
    parts = (items[start : start + PIECE // 8] for start in range(0, len(items), PIECE // 8))
    return merge(*map(sorted, parts))

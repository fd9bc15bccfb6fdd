"""A JSON decoder that lets other threads run.

Python's decoder holds the interpreter's lock until it returns, which takes 15 ms per megabyte. This
one decodes long objects, lists and strings itself, and calls Python's for the short parts of them.
"""

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

MAX_LEVELS = 200  # of long objects and lists in each other
WINDOW = 65_536  # characters; Python's decoder takes about 1 ms for them

# Characters and escapes of a string. The two escapes of a surrogate pair stay together: the first
# one only matches alone if six characters show that the second one does not follow.
_characters = re.compile(
    r"""(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u(?![dD][89abAB])[0-9a-fA-F]{4}"""
    r"""|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?=[\s\S]{6})))*+"""
).match

_skip_space = re.compile(r"[ \t\n\r]*").match


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _Decoder:
    """A decoder of one text. Each method takes the start position and returns the end.

    The window is a part of the text, from which Python's decoder reads. If an object or list begins
    in its first half and does not end in it, it is long.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._decode = JSONDecoder(parse_constant=_reject_constant).raw_decode
        self._window = text[:WINDOW]
        self._window_start = 0

    def document(self) -> Any:
        value, end = self._value(self._skip(0), MAX_LEVELS)
        if self._skip(end) < len(self._text):
            raise JSONDecodeError("Extra data", self._text, self._skip(end))
        return value

    def _value(self, at: int, levels: int) -> tuple[Any, int]:
        opening = self._text[at : at + 1]
        if opening == '"':
            return self._string(at)
        if opening not in {"{", "["} or len(self._text) <= WINDOW:
            return self._decode(self._text, at)
        if at >= self._window_start + WINDOW // 2:
            self._window_start = at
            self._window = self._text[at : at + WINDOW]
        try:
            value, end = self._decode(self._window, at - self._window_start)
            return value, self._window_start + end
        except JSONDecodeError:  # also if the window ends inside the value
            pass
        if not levels:
            raise RecursionError("long values are nested too deeply")
        decode = self._object if opening == "{" else self._list
        return decode(self._skip(at + 1), levels - 1)

    def _object(self, at: int, levels: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        if self._text[at : at + 1] == "}":
            return found, at + 1
        while True:
            self._expect('"', at, "Expecting property name enclosed in double quotes")
            name, at = self._string(at)
            at = self._expect(":", self._skip(at), "Expecting ':' delimiter")
            found[name], at = self._value(self._skip(at), levels)
            at = self._skip(at)
            if self._text[at : at + 1] == "}":
                return found, at + 1
            at = self._skip(self._expect(",", at, "Expecting ',' delimiter"))

    def _string(self, at: int) -> tuple[str, int]:
        text = self._text
        quote = text.find('"', at + 1, at + WINDOW)
        pieces: list[str] = []
        start = at + 1
        is_long = quote < 0 or text[quote - 1] == "\\"
        while is_long and (found := _characters(text, start, start + WINDOW)) and found[0]:
            pieces.append(self._decode(f'"{found[0]}"', 0)[0])
            start = found.end()
        if is_long and text[start : start + 1] == '"':
            return "".join(pieces), start + 1
        value, end = self._decode(text, at)  # a short string, or a wrong one
        return value, end

    def _list(self, at: int, levels: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        if self._text[at : at + 1] == "]":
            return found, at + 1
        while True:
            value, at = self._value(at, levels)
            found.append(value)
            at = self._skip(at)
            if self._text[at : at + 1] == "]":
                return found, at + 1
            at = self._skip(self._expect(",", at, "Expecting ',' delimiter"))

    def _skip(self, at: int) -> int:
        space = _skip_space(self._text, at)
        return at if space is None else space.end()

    def _expect(self, character: str, at: int, message: str) -> int:
        if self._text[at : at + 1] != character:
            raise JSONDecodeError(message, self._text, at)
        return at + 1


def decode(text: str) -> Any:
    """Decode a JSON document.

    Raises:
        JSONDecodeError: It is not JSON.
        ValueError: It contains NaN or Infinity, or a number with thousands of digits.
        RecursionError: It is nested too deeply for Python's decoder.
    """
    return _Decoder(text).document()

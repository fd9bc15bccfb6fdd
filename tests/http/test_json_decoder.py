"""The decoder of requests accepts the same documents as Python's, with the same values."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graphql_app.http import json_decoder

FINITE = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)
PIECES = (
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    '"a"',
    "1",
    "-",
    "null",
    " ",
    "\n",
    "\\",
    "\ufeff",
    "e",
)


@contextmanager
def windows_of(length: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_decoder, "WINDOW", length)
        yield


def outcome(decode: Any, text: str) -> tuple[str, Any]:
    try:
        return "value", decode(text)
    except json.JSONDecodeError as error:
        return "error", (error.msg, error.pos)


@given(VALUES, st.sampled_from([None, 1]))
@example({"query": "", "variables": {"contacts": [{"id": "1"}, {"tags": [[]]}]}}, None)
def test_documents_have_the_same_values(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    with windows_of(8):
        decoded = json_decoder.decode(f" {text}\n")
    assert decoded == json.loads(text)
    assert json.dumps(decoded) == json.dumps(json.loads(text))  # 1 is not 1.0 or True


@given(
    st.text(st.sampled_from('ab\\"/\n\x7f\xe9\ud83d\ude00\N{GRINNING FACE}'), max_size=60),
    st.booleans(),
    st.integers(1, 30),
)
def test_long_strings_have_the_same_values(value: str, escaped: bool, window: int) -> None:
    text = json.dumps({value: [value]}, ensure_ascii=escaped)
    with windows_of(window):
        assert json_decoder.decode(text) == json.loads(text)
        assert outcome(json_decoder.decode, text[:-3]) == outcome(json.loads, text[:-3])


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example('{"a": 1, "a": 2}')
@example('{"a": [1, {"b": [2, {"c": }]}]}')
@example('{"a": 1,}')
@example("[1,]")
def test_the_same_documents_are_refused_at_the_same_place(text: str) -> None:
    if text.startswith("\ufeff"):  # json.loads refuses it with a message about files
        with pytest.raises(json.JSONDecodeError):
            json_decoder.decode(text)
    else:
        with windows_of(4):
            assert outcome(json_decoder.decode, text) == outcome(json.loads, text)


@pytest.mark.parametrize("text", ["NaN", '{"a": NaN}', "[[[[Infinity]]]]", "[-Infinity]"])
def test_values_that_are_not_json_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        json_decoder.decode(text)


@pytest.mark.parametrize(
    "value",
    [[1] * 300_000, {str(n): n for n in range(100_000)}, [[[["a" * 50_000] * 10]]] * 3],
    ids=["a list", "an object", "nested lists"],
)
def test_python_decodes_short_parts_of_a_long_value(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []

    class MeasuringDecoder(json.JSONDecoder):
        def raw_decode(self, s: str, idx: int = 0) -> tuple[Any, int]:
            value, end = super().raw_decode(s, idx)
            lengths.append(end - idx)
            return value, end

    monkeypatch.setattr(json_decoder, "JSONDecoder", MeasuringDecoder)
    document = {"variables": {"contacts": [{"id": "1", "properties": value}]}}
    assert json_decoder.decode(json.dumps(document)) == document
    assert max(lengths) <= 65_536


def test_long_values_may_be_nested_only_so_deep() -> None:
    with pytest.raises(RecursionError):
        json_decoder.decode("[" * 300 + "1" + ", 1" * 100_000 + "]" * 300)

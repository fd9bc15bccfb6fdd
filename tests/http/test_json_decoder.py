"""The decoder of requests accepts the same documents as Python's, with the same values."""

import json
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


def outcome(decode: Any, text: str) -> tuple[str, Any]:
    try:
        return "value", decode(text)
    except json.JSONDecodeError as error:
        return "error", (error.msg, error.pos)


@given(VALUES, st.sampled_from([None, 1]))
@example({"query": "", "variables": {"contacts": [{"id": "1"}, {"tags": [[]]}]}}, None)
def test_documents_have_the_same_values(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    decoded = json_decoder.decode(f" {text}\n")
    assert decoded == json.loads(text)
    assert json.dumps(decoded) == json.dumps(json.loads(text))  # 1 is not 1.0 or True


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
        assert outcome(json_decoder.decode, text) == outcome(json.loads, text)


@pytest.mark.parametrize("text", ["NaN", '{"a": NaN}', "[[[[Infinity]]]]", "[-Infinity]"])
def test_values_that_are_not_json_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        json_decoder.decode(text)

"""Values of JSON are measured without encoding them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphql_app import json_text
from graphql_app.json_text import JsonText, encode_in_pieces, is_longer

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@given(VALUES)
def test_no_value_counts_as_longer_than_it_is(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert not is_longer(value, len(text))


def test_texts_numbers_and_containers_count() -> None:
    values: list[Any] = ["x" * 100, {"x" * 50: "y" * 50}, [[]] * 100, {"a": [10**100]}]
    for value in values:
        assert is_longer(value, 99)


def test_values_beyond_the_limit_are_not_visited() -> None:
    class Unread(dict[str, Any]):
        def values(self) -> Any:
            raise AssertionError

    assert is_longer([Unread(), "x" * 100], 100)
    assert is_longer([[Unread()] * 1_000, 1], 100)


SORTED = json.JSONEncoder(sort_keys=True, default=str)
COMPACT = json.JSONEncoder(separators=(",", ":"))


@given(VALUES, st.sampled_from([8, 65_536]), st.sampled_from([SORTED, COMPACT]))
def test_the_pieces_are_what_the_encoder_makes(
    value: Any, length: int, encoder: json.JSONEncoder
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "PIECE", length)
        assert "".join(encode_in_pieces(value, encoder)) == encoder.encode(value)


@pytest.mark.parametrize(
    "value",
    ["é" * 1_000_000, [{"id": "1"}] * 100_000, {f"{n % 1_000}-{n}": n for n in range(100_000)}],
    ids=["a text", "a list", "an object"],
)
def test_no_piece_is_long(value: Any) -> None:
    document = ["contactsUpsert", ("contacts", [{"id": "1", "properties": {"a": value}}])]
    pieces = list(encode_in_pieces(document, SORTED))
    assert "".join(pieces) == SORTED.encode(document)
    assert max(map(len, pieces)) <= 6 * 65_536


def test_json_is_passed_through() -> None:
    text = '{"n":18446744073709551617,"t":"é"}'
    pieces = encode_in_pieces([{"a": JsonText(text), "b": [1]}, JsonText("{}")], COMPACT)
    assert "".join(pieces) == f'[{{"a":{text},"b":[1]}},{{}}]'

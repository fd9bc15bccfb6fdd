"""Values are refused for their length before they are processed."""

from typing import Any

import pytest

from graphql_app.audience import properties_parser, value_parsers
from graphql_app.audience.column_parser import BadValueError, ValueKind


class Unused:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"json.{name} was called")


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (value_parsers.PROPERTIES, {"a": "x" * 16_400}, "must have at most 16384 bytes as JSON"),
        (value_parsers.PROPERTIES, {"a": [[1]] * 9_000}, "must have at most 16384 bytes as JSON"),
        (value_parsers.PROPERTIES, {"a": 10**17_000}, "must have at most 16384 bytes as JSON"),
        (value_parsers.PROPERTIES, " " * 300_000, "must have at most 16384 bytes as JSON"),
        (value_parsers.PROPERTIES, [[]] * 9_000, "must be a JSON object"),
        (value_parsers.TAGS, "[" * 400_000, "must be a list of at most 250 texts"),
    ],
    ids=["a text", "values", "a number", "spaces", "a list", "tags"],
)
def test_a_long_value_is_refused_before_it_is_processed(
    monkeypatch: pytest.MonkeyPatch, kind: ValueKind, value: Any, message: str
) -> None:
    monkeypatch.setattr(properties_parser, "json", Unused())
    monkeypatch.setattr(value_parsers, "json", Unused())
    with pytest.raises(BadValueError, match=f"^{message}$"):
        kind.parse_value(value)


def test_escapes_and_spaces_do_not_count() -> None:
    text = '{ "a": "' + "\\u0061" * 16_000 + '" }'
    assert value_parsers.PROPERTIES.parse_value(text) == '{"a":"' + "a" * 16_000 + '"}'
    tags = [f"{number:0254}é" for number in range(250)]
    assert value_parsers.TAGS.parse_value(str(tags).replace("'", '"')) == tags


def test_tags_in_one_text_are_json_or_have_commas() -> None:
    parse = value_parsers.TAGS.parse_value
    assert parse('["a,b", "c"]') == ["a,b", "c"]
    assert parse("[new], vip") == ["[new]", "vip"]
    assert parse("[]") == []
    with pytest.raises(BadValueError, match=r"^must be text$"):
        parse('["a", 1]')

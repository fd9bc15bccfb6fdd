"""Lists of saved segments: pages, cursors and searches."""

import base64
import json
from typing import Any

import pytest

from tests.catalogs import on_both
from tests.schema.operations import DELETE, LIST, UPDATE, create, send_escaped
from tests.support import Client

server = on_both

SUGGEST = """
query ($criterion: String!, $field: String!, $search: String!) {
  fieldSuggestions(criterion: $criterion, field: $field, search: $search) { value }
}
"""


def _forged(*parts: Any) -> str:
    text = json.dumps(parts, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _walk(shop: Client, backward: bool, between: Any, **given: Any) -> list[str]:
    """Return the ids on all pages in order; call ``between`` between two pages."""
    names = ("last", "before") if backward else ("first", "after")
    cursor, ids = None, list[str]()
    for page in range(100):
        found = shop.ask(LIST, **{names[0]: 3, names[1]: cursor}, **given)["segments"]
        info, edges = found["pageInfo"], found["edges"]
        listed = [edge["node"]["id"] for edge in edges]
        assert listed == [node["id"] for node in found["nodes"]]
        assert info["startCursor"] == edges[0]["cursor"]
        assert info["endCursor"] == edges[-1]["cursor"]
        assert info["hasNextPage" if backward else "hasPreviousPage"] == (page > 0)
        ids = listed + ids if backward else ids + listed
        if not info["hasPreviousPage" if backward else "hasNextPage"]:
            return ids
        assert len(listed) == 3
        cursor = info["startCursor" if backward else "endCursor"]
        between(page)
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("key", ["NAME", "CREATED_AT", "UPDATED_AT"])
def test_pages_list_each_segment_once_while_others_are_added(
    shop: Client, key: str, reverse: bool, backward: bool
) -> None:
    for name in "hBfDeAcG":
        create(shop, name)
    shop.ask(UPDATE, id=create(shop, "early")["id"], input={"description": "x"})
    given = {"sortKey": key, "reverse": reverse}
    all_on_one = shop.ask(LIST, first=250, **given)["segments"]
    expected = [found["id"] for found in all_on_one["nodes"]]
    assert all_on_one["totalCount"] == len(set(expected)) == 11
    field = {"NAME": "name", "CREATED_AT": "createdAt", "UPDATED_AT": "updatedAt"}[key]
    values = [found[field].casefold() for found in all_on_one["nodes"]]
    assert values == sorted(values, reverse=reverse)

    added = set()

    def add(page: int) -> None:
        for name in (f"  a{page} new", f"zz{page} new"):
            added.add(create(shop, name)["id"])

    walked = _walk(shop, backward, add, **given)
    assert [found for found in walked if found not in added] == expected
    assert len(walked) == len(set(walked))


def test_paging_continues_after_the_segment_of_the_cursor_is_deleted(shop: Client) -> None:
    ids = [create(shop, f"s{number}")["id"] for number in range(5)]
    page = shop.ask(LIST, first=2, sortKey="NAME", search="s")["segments"]
    shop.ask(DELETE, id=page["nodes"][-1]["id"])
    cursor = page["pageInfo"]["endCursor"]
    rest = shop.ask(LIST, first=9, sortKey="NAME", search="s", after=cursor)["segments"]
    found = {node["id"] for node in rest["nodes"]}
    assert set(ids) - {node["id"] for node in page["nodes"]} <= found


def test_after_and_before_together_select_a_range(shop: Client) -> None:
    for name in "abcdef":
        create(shop, f"range {name}")
    edges = shop.ask(LIST, first=9, sortKey="NAME", search="range ")["segments"]["edges"]
    given = {"sortKey": "NAME", "search": "range "}
    bounds = {"after": edges[0]["cursor"], "before": edges[4]["cursor"]}
    inner = [edge["node"]["id"] for edge in edges[1:4]]
    for size, expected in (
        ({"first": 9}, inner),
        ({"last": 9}, inner),
        ({"first": 2}, inner[:2]),
        ({"last": 2}, inner[1:]),
    ):
        found = shop.ask(LIST, **given, **bounds, **size)["segments"]
        assert [node["id"] for node in found["nodes"]] == expected


def test_a_search_matches_every_character_literally(shop: Client) -> None:
    names = ["100% cotton", "100 cotton", "a_b", "axb", "back\\slash", "É clair", "x%_y"]
    for name in names:
        create(shop, name)

    def found(search: str) -> list[str]:
        page = shop.ask(LIST, search=search, sortKey="NAME")["segments"]
        assert page["totalCount"] == len(page["nodes"])
        return sorted(node["name"] for node in page["nodes"])

    assert found("%") == ["100% cotton", "x%_y"]
    assert found("_") == ["a_b", "x%_y"]
    assert found("A_B") == ["a_b"]
    assert found("\\") == ["back\\slash"]
    assert found("é CLAIR") == ["É clair"]
    assert found("e\u0301 clair") == ["É clair"]
    assert found("'; DROP TABLE segment; --") == []
    assert len(found("")) == len(names) + 2


def test_an_empty_page_has_no_cursors(shop: Client) -> None:
    assert shop.ask(LIST, search="nothing is called so")["segments"] == {
        "totalCount": 0,
        "nodes": [],
        "edges": [],
        "pageInfo": {
            "hasNextPage": False,
            "hasPreviousPage": False,
            "startCursor": None,
            "endCursor": None,
        },
    }


@pytest.mark.parametrize("argument", ["after", "before"])
@pytest.mark.parametrize("key", ["NAME", "CREATED_AT", "UPDATED_AT"])
def test_a_cursor_from_another_list_is_a_coded_error(shop: Client, key: str, argument: str) -> None:
    cursors = {
        name: shop.ask(LIST, first=1, sortKey=name)["segments"]["pageInfo"]["endCursor"]
        for name in ("NAME", "CREATED_AT", "UPDATED_AT")
    }
    del cursors[key]
    for cursor in (
        *cursors.values(),
        *("", "x", "é", "====", "A" * 10_000, "null"),
        _forged(),
        _forged(key),
        _forged(key, None, 1),
        _forged(key, 5, 1),
        _forged(key, "2024-05-01T00:00:00+00:00", "1"),
        _forged(key, "2024-05-01T00:00:00+00:00", 2**63),
        _forged(key, "2024-05-01T00:00:00+00:00", 1, 1),
    ):
        [error] = shop.errors(LIST, **{argument: cursor, "sortKey": key})
        assert error["extensions"] == {"code": "INVALID", "path": [argument]}


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        "a\x00b",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2024-05-01",
        "2024-05-01T00:00:00",
        "not a time",
    ],
)
@pytest.mark.parametrize("key", ["NAME", "UPDATED_AT"])
def test_forged_cursors_cause_at_most_a_coded_error(shop: Client, key: str, value: str) -> None:
    answer = shop.post(LIST, {"after": _forged(key, value, 1), "sortKey": key}).json()
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
    assert codes <= {"INVALID"}


@pytest.mark.parametrize(
    ("given", "code", "path"),
    [
        ({"first": 0}, "LIMIT_EXCEEDED", ["first"]),
        ({"first": -1}, "LIMIT_EXCEEDED", ["first"]),
        ({"first": 251}, "LIMIT_EXCEEDED", ["first"]),
        ({"last": 0}, "LIMIT_EXCEEDED", ["last"]),
        ({"last": 251}, "LIMIT_EXCEEDED", ["last"]),
        ({"first": 1, "last": 1}, "INVALID", ["last"]),
    ],
)
def test_page_sizes_are_limited(
    shop: Client, given: dict[str, Any], code: str, path: list[str]
) -> None:
    [error] = shop.errors(LIST, **given)
    assert error["extensions"] == {"code": code, "path": path}


@pytest.mark.parametrize("search", ["a\ud800", "a\x00b"])
@pytest.mark.parametrize(
    ("query", "given"),
    [
        (LIST, {}),
        ("query ($search: String!) { criteria(search: $search) { key } }", {}),
        (SUGGEST, {"criterion": "keyword", "field": "keywords"}),
        (SUGGEST, {"criterion": "location", "field": "countries"}),
        (SUGGEST, {"criterion": "productPurchased", "field": "products"}),
    ],
)
def test_a_search_for_invalid_text_causes_at_most_a_coded_error(
    shop: Client, query: str, given: dict[str, Any], search: str
) -> None:
    answer = send_escaped(shop, query, {**given, "search": search})
    errors = answer.get("errors", ())
    assert all(error["extensions"]["code"] == "INVALID" for error in errors), errors
    assert errors or not any(node for node in answer["data"].values() if isinstance(node, list))

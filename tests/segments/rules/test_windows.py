"""Time windows: which are valid, and how they read."""

from typing import Any

import pytest

from graphql_app.errors import InvalidInputError
from graphql_app.plugins import Registry
from graphql_app.segments.rules.parser import parse
from graphql_app.segments.rules.sentences import sentence
from tests.parity.examples import last, ordered, period
from tests.segments.rules.test_sentences import SCOPE


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (last(1_000, "HOURS"), "in the last 1,000 hours"),
        (last(1, "WEEKS"), "in the last week"),
        ({"beforeAgo": {"count": 1, "unit": "DAYS"}}, "more than 1 day ago"),
        ({"beforeAgo": {"count": 36_500, "unit": "DAYS"}}, "more than 36,500 days ago"),
        (period("THIS", "DAY"), "today"),
        (period("LAST", "DAY"), "yesterday"),
        (period("THIS", "WEEK"), "this week"),
        (period("LAST", "MONTH"), "last month"),
        (period("LAST", "QUARTER"), "last quarter"),
        (period("THIS", "YEAR"), "this year"),
    ],
)
def test_a_window_in_words(registry: Registry, window: Any, words: str) -> None:
    rule = parse(ordered("AT_LEAST", 2, within=window), registry)
    assert sentence(rule, SCOPE) == f"Has placed at least 2 orders {words}"


@pytest.mark.parametrize("form", ["last", "beforeAgo"])
@pytest.mark.parametrize(
    ("unit", "most"), [("HOURS", 876_000), ("DAYS", 36_500), ("WEEKS", 5_214), ("MONTHS", 1_200)]
)
def test_a_duration_has_a_limit_in_each_unit(
    registry: Registry, form: str, unit: str, most: int
) -> None:
    def rule(count: int) -> Any:
        return ordered("AT_LEAST", 2, within={form: {"count": count, "unit": unit}})

    parse(rule(most), registry)
    with pytest.raises(InvalidInputError) as refused:
        parse(rule(most + 1), registry, ("rule",))
    [problem] = refused.value.problems
    assert problem.path == ("rule", "ordersPlaced", "within", form, "count")
    assert f"must be from 1 to {most}" in problem.message


@pytest.mark.parametrize(
    ("window", "path"),
    [
        ({"calendar": {"which": "NEXT", "unit": "DAY"}}, ("calendar", "which")),
        ({"calendar": {"which": "THIS", "unit": "DAYS"}}, ("calendar", "unit")),
        ({"calendar": {"which": "THIS"}}, ("calendar", "unit")),
        ({"before_ago": {"count": 1, "unit": "DAYS"}}, ("before_ago",)),
        ({**last(1, "DAYS"), **period("THIS", "DAY")}, ()),
        ({}, ()),
    ],
)
def test_an_invalid_window_is_refused_where_it_is_wrong(
    registry: Registry, window: Any, path: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse(ordered("AT_LEAST", 2, within=window), registry, ("rule",))
    [problem] = refused.value.problems
    assert problem.path == ("rule", "ordersPlaced", "within", *path)

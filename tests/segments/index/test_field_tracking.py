"""It is known which fields of a criterion its code reads, however it comes to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from graphql_app.criteria import (
    Count,
    Criterion,
    MeasuredCriterion,
    NumberOperator,
    Scope,
    Text,
    form_field,
)
from graphql_app.plugins import Registry
from graphql_app.segments.index.field_tracking import reading, values
from graphql_app.segments.rules.parser import read_form


class Base(Criterion):
    """Base of the sample."""

    count: Count = form_field("Number")

    def doubled(self) -> int:
        return self.count * 2


class Sample(Base):
    """A criterion with three fields."""

    key = "sample"
    label = "Sample"

    operator: NumberOperator
    name: Text | None = form_field("Name", optional=True)

    def matches(self, scope: Scope) -> Any:
        return None

    @property
    def half(self) -> int:
        return self.count // 2

    def doubled(self) -> int:
        return super().doubled()

    def fully(self) -> str:
        return f"{self.name} {self._hidden()}"

    def _hidden(self) -> str:
        return self.operator.label


SAMPLE = Sample(operator=NumberOperator.EQUALS, count=4, name="a")
EVERY = {"operator", "count", "name"}

WAYS: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    "nothing": (lambda sample: sample.key, set()),
    "a field": (lambda sample: sample.count, {"count"}),
    "a property": (lambda sample: sample.half, {"count"}),
    "a method of the base": (lambda sample: sample.doubled(), {"count"}),
    "a method of a method": (lambda sample: sample.fully(), {"name", "operator"}),
    "by name": (attrgetter("name"), {"name"}),
    "all as a dictionary": (lambda sample: sample.model_dump(), EVERY),
    "a copy": (lambda sample: sample.model_copy(update={"count": 5}).name, EVERY),
    "its parts": (dict, EVERY),
    "its words": (repr, EVERY),
    "its variables": (vars, EVERY),
    "its likeness": (lambda sample: sample == SAMPLE, EVERY),
    "its hash": (hash, EVERY),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_read_is_known(way: str) -> None:
    code, expected = WAYS[way]
    made, fields = reading(SAMPLE, code)
    assert fields == expected
    if way not in {"its words", "its likeness", "its hash"}:  # which tell the class
        assert made == code(SAMPLE)
    assert SAMPLE.count == 4


def test_a_measure_does_not_read_what_it_is_compared_with(registry: Registry) -> None:
    body = {"operator": "BETWEEN", "amount": "1", "upTo": "2", "within": {"since": "2024-01-01"}}
    spend, _ = read_form(registry.criteria["spend"], body)
    assert isinstance(spend, MeasuredCriterion)
    scope = Scope(ZoneInfo("UTC"), "USD", datetime.now(UTC))

    def measure(own: Criterion) -> Any:
        return own.measure(scope) if isinstance(own, MeasuredCriterion) else None

    made, fields = reading(spend, measure)
    assert fields == {"within"}
    assert made.compare(spend.measure(scope))


def test_values_tell_criteria_apart_by_some_fields() -> None:
    other = SAMPLE.model_copy(update={"count": 5})
    assert values(SAMPLE, frozenset({"name"})) == values(other, frozenset({"name"}))
    assert values(SAMPLE, frozenset({"count"})) != values(other, frozenset({"count"}))

"""The answer in SQL and the evaluator's are the same set, for shops and rules of any kind.

``PARITY_EXAMPLES=1000 pytest tests/parity/test_parity.py`` tries more of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, note, settings
from hypothesis import strategies as st

from graphql_app.audience.ingest import Recorder
from graphql_app.audience.store import Audience
from graphql_app.plugins import Registry, discover
from graphql_app.schema.context import Services
from graphql_app.segments.size import containing
from tests.parity.evaluator import Document, Judge, facts_after, nodes
from tests.parity.recorded_shop import NOW, RecordedShop
from tests.parity.strategies import Criteria, Situation, days, situations

EXAMPLES = int(os.environ.get("PARITY_EXAMPLES", "40"))
UNHURRIED = settings(deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))

POSITIVE_TWINS = {
    "NOT_EQUALS": "EQUALS",
    "NOT_ON": "ON",
    "NOT_IN_LAST": "IN_LAST",
    "IS_NOT_SET": "IS_SET",
    "NONE_OF": "ANY_OF",
    "IS_NOT": "IS",
}
NEGATIVE_TWINS = {positive: negative for negative, positive in POSITIVE_TWINS.items()}


def with_operator(criterion: Document, operator: str) -> dict[str, Any]:
    ((key, body),) = criterion.items()
    return {key: {**body, "operator": operator}}


def twins(criterion: Document) -> list[Document]:
    """A criterion and its complement, if there is an operator for it."""
    ((_, body),) = criterion.items()
    operator = POSITIVE_TWINS.get(body["operator"], body["operator"])
    twin = NEGATIVE_TWINS.get(operator)
    positive = with_operator(criterion, operator)
    return [positive] if twin is None else [positive, with_operator(criterion, twin)]


def check_sets(shop: RecordedShop, judge: Judge, situation: Situation) -> None:
    """Every rule matches whom the evaluator says; twins are complements."""
    pairs = [twins(criterion) for criterion in situation.criteria]
    documents = [document for pair in pairs for document in pair] + list(situation.rules)
    found = shop.matching_each([shop.rule(document) for document in documents])
    for document, ids in zip(documents, found, strict=True):
        assert ids == judge.members(document), document
    answers = iter(found)
    for pair in pairs:
        ids = next(answers)
        if len(pair) == 2:
            assert next(answers) == judge.everyone - ids, pair
    for contact in sorted(judge.everyone)[:1]:
        rules = {number: shop.rule(document) for number, document in enumerate(documents)}
        holding = containing(shop.services.audience, shop.id, rules, contact, shop.scope)
        assert holding == {number for number, ids in enumerate(found) if contact in ids}


def check_size(shop: RecordedShop, judge: Judge, document: Document) -> None:
    """A rule's size, and that of every node of it, are as the evaluator's sets."""
    size, rest = shop.size(document), shop.size({"not": document})
    members = judge.members(document)
    assert (size.members, size.contacts) == (len(members), len(judge.everyone)), document
    assert size.textable == len(members & judge.textable), document
    assert size.as_of == judge.now
    assert {part.path: part.members for part in size.parts} == {
        path: len(judge.members(node)) for path, node in nodes(document)
    }, document
    assert size.members + rest.members == len(judge.everyone)
    assert size.textable + rest.textable == len(judge.textable)


def check_situation(services: Services, situation: Situation) -> None:
    shop = RecordedShop(services, situation.zone, situation.now)
    shop.record(*situation.batches)
    judge = Judge(facts_after(situation.batches), situation.zone, situation.now)
    note(f"everyone: {sorted(judge.everyone)}")
    check_sets(shop, judge, situation)
    for document in situation.rules:
        check_size(shop, judge, document)
    assert shop.matching(situation.rules[0]) == judge.members(situation.rules[0])


@settings(UNHURRIED, max_examples=EXAMPLES)
@given(situation=situations())
def test_sql_and_the_evaluator_agree_on_every_set_and_size(
    services: Services, situation: Situation
) -> None:
    check_situation(services, situation)


# Erasing from disk takes longest: there are fewer of these, in an audience of their own.
@settings(UNHURRIED, max_examples=max(1, EXAMPLES // 10))
@given(situation=situations(forgetting=True))
def test_they_agree_when_contacts_are_forgotten_in_between(
    services: Services, audience: Audience, recorder: Recorder, situation: Situation
) -> None:
    check_situation(replace(services, audience=audience, recorder=recorder), situation)


def possible(strategy: st.SearchStrategy[Any], wanted: Callable[[Any], bool]) -> bool:
    """Whether a strategy makes what is wanted; raises NoSuchExample where it does not."""
    chosen = settings(UNHURRIED, max_examples=2_000, phases=[Phase.generate], database=None)
    return wanted(find(strategy, wanted, settings=chosen))


CRITERIA = sorted(Criteria(st.nothing()).by_key)


def test_every_criterion_of_the_registry_is_judged(registry: Registry) -> None:
    assert sorted(registry.criteria) == CRITERIA


@pytest.mark.parametrize("key", CRITERIA)
def test_every_operator_with_every_field_is_tried(registry: Registry, key: str) -> None:
    criterion = registry.criteria[key]
    strategy = Criteria(st.sampled_from(days("UTC", NOW))).by_key[key]
    for operator in criterion.operators():
        own = strategy.filter(partial(has_operator, operator.value))
        for spec in criterion.fields():
            used = operator in spec.used_with
            if used:
                assert possible(own, partial(has_field, spec.name))
            if not (used and spec.required):
                assert possible(own, partial(lacks_field, spec.name))


def has_operator(operator: str, fields: Document) -> bool:
    return bool(fields["operator"] == operator)


def has_field(name: str, fields: Document) -> bool:
    return name in fields


def lacks_field(name: str, fields: Document) -> bool:
    return name not in fields


def test_twins_are_those_of_the_operators() -> None:
    declared = {
        operator.value: operator.negates
        for criterion in discover().criteria.values()
        for operator in criterion.operators()
        if operator.negates is not None
    }
    assert declared == POSITIVE_TWINS

"""SQL and the evaluator find the same contacts, for generated shops and rules."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, note, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.criteria import Form
from graphql_app.plugin_discovery import discover
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.segments.members import MemberSortKey, Person, Position
from graphql_app.segments.size import SegmentSize
from tests.hypothesis_profiles import all_or_one, one_in
from tests.parity.evaluation.facts import Document, Facts, facts_after
from tests.parity.evaluation.purchases import product_names
from tests.parity.evaluator import Judge, nodes
from tests.parity.generated_facts import days
from tests.parity.generated_rules import Criteria
from tests.parity.recorded_shop import NOW, RecordedShop, shop_of
from tests.parity.strategies import Situation, situations

UNHURRIED = settings(print_blob=True, suppress_health_check=list(HealthCheck))
# Each example is a shop with dozens of statements.
COSTLY = settings(UNHURRIED, max_examples=one_in(4))
FEWER = settings(UNHURRIED, max_examples=one_in(20))

POSITIVE = {
    "NOT_EQUALS": "EQUALS",
    "NOT_ON": "ON",
    "NOT_IN_LAST": "IN_LAST",
    "IS_NOT_SET": "IS_SET",
    "NONE_OF": "ANY_OF",
    "NOT_CONTAINS": "CONTAINS",
    "NOT_STARTS_WITH": "STARTS_WITH",
    "NO_TITLE_CONTAINS": "TITLE_CONTAINS",
    "IS_NOT": "IS",
    "IS_NOT_TODAY": "IS_TODAY",
    "IS_NOT_THIS_MONTH": "IS_THIS_MONTH",
    "NOT_IN_NEXT": "IN_NEXT",
}
NEGATIVE = {positive: negative for negative, positive in POSITIVE.items()}


def with_operator(criterion: Document, operator: str) -> dict[str, Any]:
    ((key, body),) = criterion.items()
    return {key: {**body, "operator": operator}}


def with_complement(criterion: Document) -> list[Document]:
    """Return a criterion and, if an operator has it, the complement."""
    ((_, body),) = criterion.items()
    operator = POSITIVE.get(body["operator"], body["operator"])
    negative = NEGATIVE.get(operator)
    positive = with_operator(criterion, operator)
    return [positive] if negative is None else [positive, with_operator(criterion, negative)]


def check_sets(shop: RecordedShop, judge: Judge, situation: Situation) -> None:
    """Check that each rule matches the evaluator's contacts, and its complement all others."""
    pairs = [with_complement(criterion) for criterion in situation.criteria]
    documents = [document for pair in pairs for document in pair]
    documents += [*situation.edges, *situation.rules]
    found = shop.matching_each([shop.rule(document) for document in documents])
    for document, ids in zip(documents, found, strict=True):
        assert ids == judge.members(document), document
    answers = iter(found)
    for pair in pairs:
        ids = next(answers)
        if len(pair) == 2:
            assert next(answers) == judge.everyone - ids, pair
    eighths = [range(start, len(documents), 8) for start in range(8)]
    for contact, some in product(sorted(judge.everyone)[:1], all_or_one(eighths, 0)):
        rules = {number: shop.rule(documents[number]) for number in some}
        for engine in (shop.engine, shop.without_index):
            matching = engine.matching(rules, contact)
            assert matching == {number for number in some if contact in found[number]}


def check_size(size: SegmentSize, judge: Judge, document: Document) -> None:
    """Check a size of a rule, and those of its parts."""
    members = judge.members(document)
    assert (size.members, size.contacts) == (len(members), len(judge.everyone)), document
    assert size.textable == len(members & judge.textable), document
    assert size.as_of == judge.now
    assert {tuple(part.path): part.members for part in size.parts} == {
        tuple(map(str, path)): len(judge.members(node)) for path, node in nodes(document)
    }, document


def check_pages(shop: RecordedShop, document: Document) -> None:
    """Check every order: all members, and pages of one kind or all kinds."""
    rule = shop.rule(document)
    orders = [(key, reverse) for key in MemberSortKey for reverse in (False, True)]
    for number, (key, reverse) in enumerate(orders):
        order = {"key": key, "reverse": reverse}
        members = shop.members(rule, limit=100, **order)
        sorted_by = [(person.sort_value(key), person.id) for person in members]
        assert sorted_by == sorted(sorted_by, reverse=reverse)
        if members:
            start = number % min(3, len(members)) + 1
            rest, end = members[start:], members[: len(members) - start]
            after = {"after": Position(*sorted_by[start - 1])}
            before = {"before": Position(*sorted_by[-start])}
            pages: list[tuple[dict[str, Any], Sequence[Person]]] = [
                ({**after, "limit": 2}, rest[:2]),
                ({**before, "limit": 2}, end[:2]),
                ({**before, "limit": 2, "backward": True}, end[-2:]),
                ({**after, **before, "limit": 2, "backward": True}, end[start:][-2:]),
                ({"limit": 3, "backward": True}, members[-3:]),
            ]
            for page, expected in all_or_one(pages, number + len(members)):
                assert shop.members(rule, **page, **order) == expected, page


def check_explanations(shop: RecordedShop, judge: Judge, document: Document) -> None:
    some = sorted(judge.everyone)[:3]
    found = shop.engine.explain(shop.rule(document), some)
    assert sorted(found) == some
    for id_, explanation in found.items():
        contact = judge.facts.contacts[id_]
        assert {tuple(part.path): part.matches for part in explanation.parts} == {
            tuple(map(str, path)): judge.matches(node, contact) for path, node in nodes(document)
        }, (id_, document)
        assert explanation.is_member == judge.matches(document, contact)


def check_product_names(shop: RecordedShop, facts: Facts) -> None:
    names = product_names(facts)
    offered = {
        option.value: option.label for option in shop.options("productPurchased", "products")
    }
    assert offered == {product: names.get(product, product) for product in offered}
    assert {*names} <= {*offered}


def check_situation(services: Services, situation: Situation) -> None:
    shop = shop_of(services, situation)
    shop.record(*situation.batches)
    shop.save(situation.segments)
    facts = facts_after(situation.batches)
    judge = Judge(
        facts,
        situation.zone,
        situation.now,
        situation.segments,
        situation.first_weekday,
        situation.country,
    )
    note(f"everyone: {sorted(judge.everyone)}")
    check_sets(shop, judge, situation)
    for number, document in enumerate(situation.rules):
        # The size of a complement has a part with the members of the rule.
        for counted in all_or_one([document, {"not": document}], number):
            check_size(shop.size(counted), judge, counted)
        check_explanations(shop, judge, document)
    check_product_names(shop, judge.facts)
    check_pages(shop, situation.rules[0])
    assert shop.matching(situation.rules[0]) == judge.members(situation.rules[0])


@COSTLY
@given(situation=situations())
def test_sql_and_the_evaluator_agree_on_every_set_and_size(
    services: Services, situation: Situation
) -> None:
    check_situation(services, situation)


# Erasing from disk is slow, so this has fewer examples and its own audience.
@pytest.mark.parametrize("store", ["embedded", "cluster"], indirect=True)
@FEWER
@given(situation=situations(forgetting=True))
def test_sql_and_the_evaluator_agree_when_contacts_are_forgotten(
    services: Services, audience: Audience, recorder: Recorder, situation: Situation
) -> None:
    check_situation(replace(services, audience=audience, recorder=recorder), situation)


CRITERIA = sorted(Criteria(st.nothing()).by_key)


def test_the_evaluator_has_every_criterion_of_the_registry(registry: Registry) -> None:
    assert sorted(registry.criteria) == CRITERIA
    judge = Judge(facts_after([]), "UTC", NOW)
    assert sorted([*judge.criteria, "inSegment"]) == CRITERIA


def combinations(form: type[Form], above: str = "") -> set[tuple[str, str, bool]]:
    """Return every operator of a form with every valid combination of optional fields."""
    found = set()
    for operator in form.operators():
        for spec in form.fields():
            used = operator in spec.used_with
            if used:
                found.add((above + operator.value, spec.name, True))
                if spec.condition is not None:
                    found |= combinations(spec.condition, f"{above}{spec.name}.")
            if not (used and spec.required):
                found.add((above + operator.value, spec.name, False))
    return found


def covered(form: type[Form], body: Document, above: str = "") -> set[tuple[str, str, bool]]:
    """Return the combinations that a document is an example of."""
    found = set()
    for spec in form.fields():
        found.add((above + body["operator"], spec.name, spec.name in body))
        if spec.condition is not None:
            for inner in body.get(spec.name, ()):
                found |= covered(spec.condition, inner, f"{above}{spec.name}.")
    return found


@pytest.mark.parametrize("key", CRITERIA)
def test_the_generated_rules_have_every_operator_with_every_field(
    registry: Registry, key: str
) -> None:
    criterion = registry.criteria[key]
    missing = combinations(criterion)

    def completes(body: Document) -> bool:
        missing.difference_update(covered(criterion, body))
        return not missing

    chosen = settings(UNHURRIED, max_examples=20_000, phases=[Phase.generate], database=None)
    with suppress(NoSuchExample):
        find(Criteria(st.sampled_from(days("UTC", NOW))).by_key[key], completes, settings=chosen)
    assert missing == set()


def test_the_evaluators_complements_are_those_of_the_operators() -> None:
    criteria = discover().criteria.values()
    conditions = [
        spec.condition for criterion in criteria for spec in criterion.fields() if spec.condition
    ]
    declared = {
        operator.value: operator.negates
        for form in (*criteria, *conditions)
        for operator in form.operators()
        if operator.negates is not None
    }
    assert declared == POSITIVE

"""Rules as a whole: AND, OR and NOT, and the rules that are refused."""

import pytest

from graphql_app.errors import ErrorCode, InvalidInputError, Problem
from tests.parity.evaluation.facts import Contact, Document, Order, Text
from tests.parity.examples import (
    ALL,
    last_ordered,
    located,
    ordered,
    people_with_ids,
    spent,
    subscribed,
    texted,
)
from tests.parity.recorded_shop import NOW, RecordedShop


class TestLogic:
    def test_an_empty_all_matches_everyone(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1, 2))
        assert boutique.matching(ALL) == {1, 2}
        assert boutique.matching({"not": ALL}) == set()

    def test_an_empty_all_matches_no_one_in_an_empty_shop(self, boutique: RecordedShop) -> None:
        assert boutique.matching(ALL) == set()
        assert boutique.size(ALL).share == 0

    def test_a_rule_and_its_complement_match_everyone(self, boutique: RecordedShop) -> None:
        boutique.record(Contact(1), Contact(2, country="US", region="CA"), Contact(3, country="US"))
        rule = located("ANY_OF", countries=["US"], regions=["CA"])
        assert boutique.matching(rule) == {2}
        assert boutique.matching({"not": rule}) == {1, 3}
        assert boutique.matching(located("NONE_OF", countries=["US"], regions=["CA"])) == {1, 3}

    def test_facts_without_a_contact_count_for_no_one(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), Order(1, 2, NOW), Text(1, 2, NOW))
        assert boutique.matching(ordered("AT_LEAST", 0)) == {1}
        assert boutique.matching(ordered("AT_LEAST", 1)) == set()
        assert boutique.matching(texted("EQUALS", 0)) == {1}


def nested(levels: int, inner: Document) -> Document:
    for _ in range(levels - 1):
        inner = {"not": inner}
    return inner


class TestRefusals:
    def problems(self, boutique: RecordedShop, document: Document) -> tuple[Problem, ...]:
        with pytest.raises(InvalidInputError) as caught:
            boutique.rule(document)
        return caught.value.problems

    def refusal(
        self, boutique: RecordedShop, document: Document
    ) -> tuple[ErrorCode, tuple[str | int, ...]]:
        (problem,) = self.problems(boutique, document)
        assert problem.message.startswith(".".join(map(str, problem.path)))
        return problem.code, problem.path

    def test_an_empty_any_is_refused(self, boutique: RecordedShop) -> None:
        (problem,) = self.problems(boutique, {"all": [{"any": []}]})
        assert problem.code is ErrorCode.INVALID
        assert problem.path == ("rule", "all", 0, "any")
        assert "add at least one criterion" in problem.message

    def test_a_rule_has_at_most_ten_levels(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1))
        rule = ordered("EQUALS", 0)
        assert boutique.matching(nested(10, rule)) == set()
        assert boutique.matching(nested(9, rule)) == {1}
        path = ("rule", *["not"] * 10)
        assert self.refusal(boutique, nested(11, rule)) == (ErrorCode.LIMIT_EXCEEDED, path)

    def test_a_rule_has_at_most_a_hundred_criteria(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1))
        hundred = [{"all": [ordered("LESS_THAN", number + 1) for number in range(50)]}] * 2
        assert boutique.matching({"all": hundred}) == {1}
        more = {"all": [*hundred, ordered("EQUALS", 0)]}
        assert self.refusal(boutique, more) == (ErrorCode.LIMIT_EXCEEDED, ("rule",))
        flat = [ordered("EQUALS", number) for number in range(101)]
        assert boutique.matching({"any": flat[:100]}) == {1}
        code, path = self.refusal(boutique, {"any": flat})
        assert (code, path[0]) == (ErrorCode.LIMIT_EXCEEDED, "rule")

    @pytest.mark.parametrize(
        ("key", "name"), [("productPurchased", "products"), ("keyword", "keywords")]
    )
    def test_a_list_has_at_most_a_thousand_values(
        self, boutique: RecordedShop, key: str, name: str
    ) -> None:
        boutique.record(people_with_ids(1))
        values = [f"value {number}" for number in range(1_001)]
        rule = {key: {"operator": "NONE_OF", name: values[:1_000]}}
        assert boutique.matching(rule) == {1}
        _, path = self.refusal(boutique, {key: {"operator": "NONE_OF", name: values}})
        assert path == ("rule", key, name)
        _, path = self.refusal(boutique, {key: {"operator": "NONE_OF", name: []}})
        assert path == ("rule", key, name)

    @pytest.mark.parametrize(
        ("rule", "path"),
        [
            (ordered("BETWEEN", 2, upTo=1), ("ordersPlaced", "upTo")),
            (texted("BETWEEN", 2, upTo=1), ("textsReceived", "upTo")),
            (spent("BETWEEN", "2.00", upTo="1.99"), ("spend", "upTo")),
            (
                subscribed("BETWEEN", date="2024-05-02", upTo="2024-05-01"),
                ("subscribeDate", "upTo"),
            ),
            (
                last_ordered("BETWEEN", date="2024-05-02", upTo="2024-05-01"),
                ("lastOrderDate", "upTo"),
            ),
            (
                texted("EQUALS", 0, within={"between": {"from": "2024-05-02", "to": "2024-05-01"}}),
                ("textsReceived", "within", "between", "to"),
            ),
        ],
    )
    def test_bounds_out_of_order_are_refused(
        self, boutique: RecordedShop, rule: Document, path: tuple[str, ...]
    ) -> None:
        assert self.refusal(boutique, rule) == (ErrorCode.INVALID, ("rule", *path))

    @pytest.mark.parametrize(
        ("rule", "path"),
        [
            (texted("EQUALS", 0, within={}), ("textsReceived", "within")),
            (
                texted("EQUALS", 0, within={"since": "2024-05-01", "before": "2024-05-02"}),
                ("textsReceived", "within"),
            ),
            (located("ANY_OF", countries=["us"]), ("location", "countries", 0)),
            (located("ANY_OF"), ("location", "countries")),
            (located("IS_SET", countries=["US"]), ("location", "countries")),
            (subscribed("ON"), ("subscribeDate", "date")),
            (subscribed("ON", date="2024-02-30"), ("subscribeDate", "date")),
            (subscribed("IN_LAST", days=0), ("subscribeDate", "days")),
            (ordered("EQUALS", -1), ("ordersPlaced", "count")),
            (ordered("BETWEEN", 1), ("ordersPlaced", "upTo")),
            (spent("EQUALS", "-1"), ("spend", "amount")),
            (spent("CONTAINS", "1"), ("spend", "operator")),
        ],
    )
    def test_meaningless_rules_are_refused(
        self, boutique: RecordedShop, rule: Document, path: tuple[str | int, ...]
    ) -> None:
        assert self.refusal(boutique, rule) == (ErrorCode.INVALID, ("rule", *path))

    def test_an_unknown_criterion_is_refused(self, boutique: RecordedShop) -> None:
        code, path = self.refusal(boutique, {"any": [{"shoeSize": {"operator": "EQUALS"}}]})
        assert (code, path) == (ErrorCode.UNKNOWN_CRITERION, ("rule", "any", 0, "shoeSize"))

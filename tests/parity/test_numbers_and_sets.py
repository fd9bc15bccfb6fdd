"""Criteria that compare numbers, and those that compare sets of values."""

from decimal import Decimal

import pytest

from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Contact, KeywordUse, Line, Order, Text
from tests.parity.examples import (
    DAY,
    bought,
    criterion,
    last,
    last_ordered,
    located,
    ordered,
    people_with_ids,
    spent,
    texted,
    texted_in,
)
from tests.parity.recorded_shop import NOW, RecordedShop


class TestNumbers:
    @pytest.fixture(scope="class")
    @classmethod
    def three(cls, services: Services) -> RecordedShop:
        """Record contacts with 0, 1 and 2 orders and texts, who spent 0, 10.10 and 20.20."""
        boutique = RecordedShop(services)
        boutique.record(
            people_with_ids(0, 1, 2),
            *(Order(id_, (id_ + 1) // 2, NOW, Decimal("10.10")) for id_ in (1, 3, 4)),
            *(Text(id_, (id_ + 1) // 2, NOW) for id_ in (1, 3, 4)),
        )
        return boutique

    @pytest.mark.parametrize(
        ("operator", "number", "matching"),
        [
            ("EQUALS", 1, {1}),
            ("EQUALS", 0, {0}),
            ("NOT_EQUALS", 1, {0, 2}),
            ("GREATER_THAN", 1, {2}),
            ("AT_LEAST", 1, {1, 2}),
            ("AT_LEAST", 0, {0, 1, 2}),
            ("LESS_THAN", 1, {0}),
            ("LESS_THAN", 0, set()),
            ("AT_MOST", 1, {0, 1}),
        ],
    )
    def test_each_comparison_of_orders_texts_and_spend(
        self, three: RecordedShop, operator: str, number: int, matching: set[int]
    ) -> None:
        assert three.matching(ordered(operator, number)) == matching
        assert three.matching(texted(operator, number)) == matching
        assert three.matching(spent(operator, str(number * Decimal("10.10")))) == matching

    @pytest.mark.parametrize(
        ("low", "high", "matching"),
        [(0, 0, {0}), (0, 1, {0, 1}), (1, 2, {1, 2}), (1, 1, {1}), (3, 9, set())],
    )
    def test_between_includes_both_bounds(
        self, three: RecordedShop, low: int, high: int, matching: set[int]
    ) -> None:
        assert three.matching(ordered("BETWEEN", low, upTo=high)) == matching
        amounts = [str(number * Decimal("10.10")) for number in (low, high)]
        assert three.matching(spent("BETWEEN", amounts[0], upTo=amounts[1])) == matching

    def test_sums_are_exact(self, boutique: RecordedShop) -> None:
        """0.1 + 0.2 is 0.3, and a ten-thousandth of a very large sum is not lost."""
        large = Decimal("99999999999999.9999")
        boutique.record(
            people_with_ids(1, 2),
            Order(1, 1, NOW, Decimal("0.1")),
            Order(2, 1, NOW, Decimal("0.2")),
            Order(3, 2, NOW, large),
            Order(4, 2, NOW, Decimal("0.0001")),
        )
        assert boutique.matching(spent("EQUALS", "0.30")) == {1}
        assert boutique.matching(spent("GREATER_THAN", "0.2999")) == {1, 2}
        assert boutique.matching(spent("AT_MOST", str(large))) == {1}

    def test_refunds_are_subtracted_and_may_exceed_the_total(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW, Decimal(50), Decimal("20.01")),
            Order(2, 2, NOW, Decimal(10), Decimal(15)),
        )
        assert boutique.matching(spent("EQUALS", "29.99")) == {1}
        assert boutique.matching(spent("LESS_THAN", "0")) == {2}
        assert boutique.matching(ordered("EQUALS", 0)) == {2, 3}

    def test_a_free_order_counts(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), Order(1, 1, NOW, Decimal(0), lines=(Line("gift"),)))
        assert boutique.matching(ordered("EQUALS", 1)) == {1}
        assert boutique.matching(bought("ANY_OF", "gift")) == {1}
        assert boutique.matching(spent("EQUALS", "0")) == {1}

    def test_a_buyer_from_last_year_spent_nothing_recently(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), Order(1, 1, NOW - 365 * DAY))
        assert boutique.matching(spent("EQUALS", "0", within=last(30, "DAYS"))) == {1}
        assert boutique.matching(spent("LESS_THAN", "10", within=last(30, "DAYS"))) == {1}
        assert boutique.matching(ordered("EQUALS", 0, within=last(30, "DAYS"))) == {1}
        assert boutique.matching(spent("EQUALS", "10")) == {1}

    def test_fewer_than_two_texts_matches_none_and_one(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(0, 1, 2), Text(1, 1, NOW), Text(2, 2, NOW), Text(3, 2, NOW))
        assert boutique.matching(texted("LESS_THAN", 2)) == {0, 1}


class TestSets:
    def test_all_of_includes_products_bought_on_different_orders(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW, lines=(Line("a"),)),
            Order(2, 1, NOW, lines=(Line("b"),)),
            Order(3, 2, NOW, lines=(Line("a"), Line("b"), Line("c"))),
            Order(4, 3, NOW, lines=(Line("a"), Line("a"))),
        )
        assert boutique.matching(bought("ALL_OF", "a", "b")) == {1, 2}
        assert boutique.matching(bought("ALL_OF", "a", "b", "a")) == {1, 2}
        assert boutique.matching(bought("ANY_OF", "b", "c", "nobody's")) == {1, 2}
        assert boutique.matching(bought("NONE_OF", "b")) == {3}

    def test_lines_without_a_positive_quantity_are_no_purchases(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW, lines=(Line("a", 1),)),
            Order(2, 2, NOW, lines=(Line("a", 0),)),
            Order(3, 3, NOW, lines=(Line("a", -1), Line("b", 1))),
        )
        assert boutique.matching(bought("ANY_OF", "a")) == {1}
        assert boutique.matching(bought("NONE_OF", "a")) == {2, 3}

    def test_whether_any_product_was_bought_with_the_minimums(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Order(1, 1, NOW, lines=(Line("a", 2), Line("b"))),
            Order(2, 2, NOW - 2 * DAY, lines=(Line("a"), Line("b"))),
            Order(3, 3, NOW, lines=(Line("a", -1),)),
            Order(4, 3, NOW, cancelled_at=NOW, lines=(Line("a"),)),
        )
        everyone = {1, 2, 3, 4}
        for more, matching in (
            ({}, {1, 2}),
            ({"within": last(1, "DAYS")}, {1}),
            ({"minimumUnits": 2}, {1}),  # of one product
            ({"minimumTimes": 2}, set()),
        ):
            assert boutique.matching(criterion("productPurchased", "IS_SET", **more)) == matching
            none = criterion("productPurchased", "IS_NOT_SET", **more)
            assert boutique.matching(none) == everyone - matching

    def test_minimums_apply_to_each_product_separately(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW, lines=(Line("a", 1), Line("a", 2), Line("a", -1))),
            Order(2, 2, NOW, lines=(Line("a"),)),
            Order(3, 2, NOW - DAY, lines=(Line("a"),)),
            Order(4, 3, NOW, lines=(Line("a"), Line("b"))),
            Order(5, 3, NOW, lines=(Line("b"),)),
        )
        assert boutique.matching(bought("ANY_OF", "a", minimumUnits=3)) == {1}
        assert boutique.matching(bought("ANY_OF", "a", minimumTimes=2)) == {2}
        assert boutique.matching(bought("ANY_OF", "a", "b", minimumTimes=2)) == {2, 3}
        assert boutique.matching(bought("ALL_OF", "a", "b", minimumTimes=2)) == set()
        assert boutique.matching(bought("NONE_OF", "a", minimumTimes=2)) == {1, 3}
        lately = last(12, "HOURS")
        assert boutique.matching(bought("ANY_OF", "a", minimumTimes=2, within=lately)) == set()

    def test_keywords_ignore_case_and_surrounding_space(self, boutique: RecordedShop) -> None:
        uses = (" JOIN\t", "join", "Straße", "STRASSE", "join us")
        boutique.record(
            people_with_ids(*range(5)),
            *(KeywordUse(id_, word, NOW) for id_, word in enumerate(uses)),
        )
        assert boutique.matching(texted_in("ANY_OF", "Join ")) == {0, 1}
        assert boutique.matching(texted_in("ALL_OF", "JOIN", " join", "Join")) == {0, 1}
        assert boutique.matching(texted_in("ANY_OF", "straSSe")) == {2, 3}
        assert boutique.matching(texted_in("NONE_OF", "join")) == {2, 3, 4}

    def test_all_of_some_keywords_within_a_window(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2),
            KeywordUse(1, "join", NOW),
            KeywordUse(1, "vip", NOW - 2 * DAY),
            KeywordUse(2, "join", NOW),
            KeywordUse(2, "vip", NOW),
        )
        assert boutique.matching(texted_in("ALL_OF", "join", "vip")) == {1, 2}
        assert boutique.matching(texted_in("ALL_OF", "join", "vip", within=last(1, "DAYS"))) == {2}

    def test_whether_any_keyword_was_ever_texted_or_within_a_window(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            KeywordUse(1, "join", NOW),
            KeywordUse(1, "vip", NOW - 2 * DAY),
            KeywordUse(2, "vip", NOW - 2 * DAY),
        )
        lately = last(1, "DAYS")
        for operator, matching, matching_lately in (
            ("IS_SET", {1, 2}, {1}),
            ("IS_NOT_SET", {3}, {2, 3}),
        ):
            assert boutique.matching(criterion("keyword", operator)) == matching
            assert (
                boutique.matching(criterion("keyword", operator, within=lately)) == matching_lately
            )

    def test_spellings_of_a_keyword_are_one_keyword(self, boutique: RecordedShop) -> None:
        one_text = ("α\u0345\u0301", "ᾴ", "ΆΙ", "ά\u0345")
        boutique.record(
            people_with_ids(1, 2, 3, 4, 5),
            *(KeywordUse(id_, text, NOW) for id_, text in enumerate(one_text, 1)),
            KeywordUse(1, "straße", NOW),
        )
        for text in one_text:
            assert boutique.matching(texted_in("ANY_OF", text)) == {1, 2, 3, 4}
            assert boutique.matching(texted_in("NONE_OF", text)) == {5}
            assert boutique.matching(texted_in("ALL_OF", text, " STRASSE", *one_text)) == {1}

    def test_repeating_a_keyword_in_another_spelling_changes_no_answer(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(people_with_ids(1, 2, 3), KeywordUse(1, "Join", NOW))
        rules = [
            texted_in("ANY_OF", "JOIN"),
            texted_in("ALL_OF", "join", "Join"),
            texted_in("ALL_OF", "join", "vip"),
            texted_in("NONE_OF", "ｊｏｉｎ"),
            criterion("keyword", "IS_SET", within=last(1, "DAYS")),
        ]
        before = [boutique.matching(rule) for rule in rules]
        assert before == [{1}, {1}, set(), {2, 3}, {1}]
        boutique.record(KeywordUse(1, "JOIN", NOW), KeywordUse(1, "join", NOW))
        assert [boutique.matching(rule) for rule in rules] == before
        assert len(boutique.suggest("keyword", "keywords", "")) == 1

    def test_values_that_no_contact_has_match_no_one(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1))
        assert boutique.matching(bought("ANY_OF", "none")) == set()
        assert boutique.matching(texted_in("ANY_OF", "none")) == set()
        assert boutique.matching(located("ANY_OF", countries=["FR"])) == set()
        assert boutique.matching(bought("NONE_OF", "none")) == {1}
        assert boutique.matching(texted_in("NONE_OF", "none")) == {1}
        assert boutique.matching(located("NONE_OF", countries=["FR"])) == {1}

    def test_a_contact_without_a_country_is_in_no_country(self, boutique: RecordedShop) -> None:
        boutique.record(Contact(1), Contact(2, country=""), Contact(3, country="US"))
        assert boutique.matching(located("IS_SET")) == {3}
        assert boutique.matching(located("IS_NOT_SET")) == {1, 2}

    def test_bought_3_days_ago__100_days_ago__never(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(3, 100, 999),
            *(Order(days, days, NOW - days * DAY, lines=(Line("a"),)) for days in (3, 100)),
        )
        recently = last(30, "DAYS")
        for rule in (
            bought("ANY_OF", "a", within=recently),
            ordered("AT_LEAST", 1, within=recently),
            last_ordered("IN_LAST", days=30),
        ):
            assert boutique.matching(rule) == {3}
            assert boutique.matching({"not": rule}) == {100, 999}
        assert boutique.matching(bought("NONE_OF", "a", within=recently)) == {100, 999}
        assert boutique.matching(last_ordered("NOT_IN_LAST", days=30)) == {100, 999}

    def test_none_of_a_product_includes_buyers_of_other_products_and_of_nothing(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW, lines=(Line("a"), Line("b"))),
            Order(2, 2, NOW, lines=(Line("b"),)),
        )
        assert boutique.matching(bought("NONE_OF", "a")) == {2, 3}

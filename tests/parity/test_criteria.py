"""The meaning of criteria about purchases, messages and other segments, case by case.

This module is long because of tables of cases: a rule and the contacts it matches.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import (
    Contact,
    Document,
    Event,
    Line,
    Order,
    Orders,
    Product,
    Text,
)
from tests.parity.evaluation.purchases import title_holds
from tests.parity.examples import (
    DAY,
    HOSTILE,
    MILLISECOND,
    criterion,
    last,
    ordered,
    people_with_ids,
    utc,
)
from tests.parity.recorded_shop import NOW, RecordedShop

LATELY = last(1, "DAYS")


def average(operator: str, amount: str | None = None, **more: Any) -> Document:
    fields = {} if amount is None else {"amount": amount}
    return criterion("averageOrderValue", operator, **fields, **more)


def rate(operator: str, percent: str | None = None, **more: Any) -> Document:
    fields = {} if percent is None else {"percent": percent}
    return criterion("clickRate", operator, **fields, **more)


def clicked(operator: str, count: int, **more: Any) -> Document:
    return criterion("textsClicked", operator, count=count, **more)


def titled(words: str, operator: str = "TITLE_CONTAINS", **more: Any) -> Document:
    return criterion("productPurchased", operator, words=words, **more)


def paid(first_id: int, contact: int, *totals: str, **more: Any) -> tuple[Order, ...]:
    return tuple(
        Order(id_, contact, NOW, Decimal(total), **more)
        for id_, total in enumerate(totals, first_id)
    )


class TestAverageOrderValue:
    @pytest.fixture(scope="class")
    @classmethod
    def averages(cls, services: Services) -> RecordedShop:
        """Record averages of 10/3, 5, none at all, none because of a cancellation, and 0."""
        boutique = RecordedShop(services)
        boutique.record(
            people_with_ids(1, 2, 3, 4, 5),
            *paid(10, 1, "3", "3", "4"),
            *paid(20, 2, "4.99", "5.01"),
            *paid(40, 4, "7", cancelled_at=NOW),
            *paid(45, 4, "8", refunded=Decimal(8)),
            *paid(50, 5, "0"),
        )
        return boutique

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (average("GREATER_THAN", "3.3333"), {1, 2}),
            (average("LESS_THAN", "3.3334"), {1, 5}),
            (average("AT_LEAST", "3.3334"), {2}),
            (average("AT_MOST", "3.3333"), {5}),
            (average("EQUALS", "3.3333"), set()),
            (average("EQUALS", "3.3334"), set()),
            (average("NOT_EQUALS", "3.3333"), {1, 2, 3, 4, 5}),
            (average("BETWEEN", "3.3333", upTo="3.3334"), {1}),
            (average("EQUALS", "5"), {2}),
            (average("NOT_EQUALS", "5.00"), {1, 3, 4, 5}),
            (average("BETWEEN", "5", upTo="5.0000"), {2}),
            (average("EQUALS", "0"), {5}),
            (average("AT_LEAST", "0"), {1, 2, 5}),
            (average("IS_SET"), {1, 2, 5}),
            (average("IS_NOT_SET"), {3, 4}),
        ],
    )
    def test_averages_are_exact_and_missing_without_orders(
        self, averages: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert averages.matching(rule) == matching

    def test_an_average_excludes_refunds(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1), *paid(1, 1, "10"), *paid(2, 1, "10", refunded=Decimal("5.0001"))
        )
        assert boutique.matching(average("GREATER_THAN", "7.4999")) == {1}
        assert boutique.matching(average("LESS_THAN", "7.5")) == {1}

    def test_averages_of_the_largest_amounts_are_exact(self, boutique: RecordedShop) -> None:
        most, less = "99999999999999.9999", "99999999999999.9998"
        boutique.record(people_with_ids(1, 2), *paid(10, 1, *[most] * 9, less), *paid(20, 2, most))
        assert boutique.matching(average("EQUALS", most)) == {2}
        assert boutique.matching(average("LESS_THAN", most)) == {1}
        assert boutique.matching(average("GREATER_THAN", less)) == {1, 2}

    def test_an_average_within_a_window_uses_only_its_orders(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2),
            *paid(1, 1, "10"),
            Order(2, 1, NOW - DAY, Decimal(90)),
            Order(3, 2, NOW - DAY, Decimal(90)),
        )
        assert boutique.matching(average("EQUALS", "10", within=LATELY)) == {1}
        assert boutique.matching(average("EQUALS", "50")) == {1}
        assert boutique.matching(average("IS_NOT_SET", within=LATELY)) == {2}


class TestFirstOrderDate:
    def test_the_first_order_is_the_first_that_counts(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Order(1, 1, NOW - 9 * DAY, cancelled_at=NOW),
            Order(2, 1, NOW - 8 * DAY, refunded=Decimal(10)),
            Order(3, 1, NOW - 3 * DAY),
            Order(4, 1, NOW),
            Order(5, 2, NOW - 9 * DAY),
            Order(6, 2, NOW),
            Order(7, 3, NOW, cancelled_at=NOW),
        )
        first = {"2024-07-12": {1}, "2024-07-06": {2}, "2024-07-15": set()}
        for day, matching in first.items():
            assert boutique.matching(criterion("firstOrderDate", "ON", date=day)) == matching
        assert boutique.matching(criterion("firstOrderDate", "IN_LAST", days=4)) == {1}
        assert boutique.matching(criterion("firstOrderDate", "NOT_IN_LAST", days=4)) == {2, 3, 4}
        assert boutique.matching(criterion("firstOrderDate", "IS_NOT_SET")) == {3, 4}


class TestOrdersWith:
    @pytest.fixture(scope="class")
    @classmethod
    def orders(cls, services: Services) -> RecordedShop:
        boutique = RecordedShop(services)
        a, b, returned = Line("a"), Line("b"), Line("a", -1)
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Order(1, 1, NOW, Decimal(50), lines=(a, a, b)),
            Order(2, 1, NOW - DAY, Decimal(10), lines=(b,)),
            Order(3, 2, NOW, Decimal(60), Decimal("10.01"), lines=(a,)),
            Order(4, 2, NOW, Decimal("49.99"), lines=(b,)),
            Order(5, 3, NOW, Decimal(99), lines=(returned, Line("a", 0))),
            Order(6, 3, NOW, Decimal(99), cancelled_at=NOW, lines=(a,)),
        )
        return boutique

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (ordered("EQUALS", 1, products=["a"]), {1, 2}),
            (ordered("EQUALS", 2, products=["a", "b", "a"]), {1, 2}),
            (ordered("EQUALS", 0, products=["a"]), {3, 4}),
            (ordered("EQUALS", 0, products=["none"]), {1, 2, 3, 4}),
            (ordered("NOT_EQUALS", 0, products=["none", "b"]), {1, 2}),
            (ordered("EQUALS", 1, minimumValue="50.00"), {1, 3}),
            (ordered("EQUALS", 1, minimumValue="49.99"), {1, 3}),
            (ordered("EQUALS", 2, minimumValue="49.99"), {2}),
            (ordered("EQUALS", 0, minimumValue="50.01"), {1, 2, 4}),
            (ordered("AT_LEAST", 1, products=["b"], minimumValue="40"), {1, 2}),
            (ordered("AT_LEAST", 1, products=["b"], minimumValue="50"), {1}),
            (ordered("AT_LEAST", 1, products=["b"], within=LATELY), {1, 2}),
            (ordered("AT_LEAST", 2, products=["b"], within=LATELY), set()),
        ],
    )
    def test_only_orders_with_the_products_and_the_value_count(
        self, orders: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert orders.matching(rule) == matching

    def test_the_product_and_the_value_must_be_on_the_same_order(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            people_with_ids(1),
            Order(1, 1, NOW, Decimal(1), lines=(Line("a"),)),
            Order(2, 1, NOW, Decimal(99), lines=(Line("b"),)),
        )
        assert boutique.matching(ordered("AT_LEAST", 1, products=["a"], minimumValue="99")) == set()

    def test_an_order_that_moves_counts_for_its_new_contact(self, boutique: RecordedShop) -> None:
        order = Order(1, 1, NOW, lines=(Line("a"),))
        boutique.record(people_with_ids(1, 2), order)
        boutique.record(Orders((replace(order, contact_id=2),), keep_lines=True))
        assert boutique.matching(ordered("EQUALS", 1, products=["a"])) == {2}


class TestTitles:
    @pytest.fixture(scope="class")
    @classmethod
    def bottles(cls, services: Services) -> RecordedShop:
        """Record buyers of two bottles, of one twice, of one once, of a mug, and of nothing."""
        boutique = RecordedShop(services)
        titles = {"c": "Coral Water Bottle", "l": "lime bottle, WATERPROOF", "m": "Mug"}
        coral, lime = Line("c"), Line("l")
        boutique.record(
            people_with_ids(1, 2, 3, 4, 5),
            *(Product(id_, title) for id_, title in titles.items()),
            Order(1, 1, NOW, lines=(coral, lime)),
            Order(2, 2, NOW, lines=(coral, coral)),
            Order(3, 2, NOW - DAY, lines=(coral,)),
            Order(4, 3, NOW, lines=(lime,)),
            Order(5, 4, NOW, lines=(Line("m", 5), Line("c", -1))),
            Order(6, 5, NOW, cancelled_at=NOW, lines=(coral,)),
        )
        return boutique

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (titled("water bottle"), {1, 2, 3}),
            (titled(" BOTTLE\twater\n"), {1, 2, 3}),
            (titled("coral bottle"), {1, 2}),
            (titled("water mug"), set()),
            (titled("bottles"), set()),
            (titled("bot", "NO_TITLE_CONTAINS"), {4, 5}),
            # Matching titles count together: two bottles on an order are one order and two units.
            (titled("bottle", minimumTimes=2), {2}),
            (titled("bottle", minimumUnits=2), {1, 2}),
            (titled("bottle", minimumUnits=3), {2}),
            (titled("bottle", minimumUnits=3, within=LATELY), set()),
            (titled("bottle", minimumTimes=2, minimumUnits=2), {2}),
            (titled("bottle", "NO_TITLE_CONTAINS", minimumUnits=2), {3, 4, 5}),
        ],
    )
    def test_products_whose_title_has_all_words_count_together(
        self, bottles: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert bottles.matching(rule) == matching

    def test_a_product_has_its_latest_title_or_else_its_id(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), Order(1, 1, NOW, lines=(Line("Tea-Pot"),)))
        assert boutique.matching(titled("tea")) == {1}
        boutique.record(Product("Tea-Pot", "Kettle"))
        assert boutique.matching(titled("tea")) == set()
        assert boutique.matching(titled("KETTLE")) == {1}

    def test_hostile_words_only_find_titles_that_contain_them(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(*range(len(HOSTILE))),
            *(Product(f"p{id_}", text) for id_, text in enumerate(HOSTILE)),
            *(Order(id_, id_, NOW, lines=(Line(f"p{id_}"),)) for id_ in range(len(HOSTILE))),
        )
        rules = [boutique.rule(titled(words)) for words in HOSTILE]
        for words, found in zip(HOSTILE, boutique.matching_each(rules), strict=True):
            containing = {id_ for id_, title in enumerate(HOSTILE) if title_holds(title, words)}
            assert found == containing, words


class TestClicks:
    @pytest.fixture(scope="class")
    @classmethod
    def texts(cls, services: Services) -> RecordedShop:
        """Record contacts who clicked a third, half and none of their texts, and who got none."""
        boutique = RecordedShop(services)
        long_ago = NOW - 3 * DAY
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Text(1, 1, long_ago, NOW),
            Text(2, 1, NOW),
            Text(3, 1, NOW),
            Text(4, 2, long_ago, long_ago),
            Text(5, 2, long_ago, NOW + DAY),
            Text(6, 3, NOW),
        )
        return boutique

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (rate("GREATER_THAN", "33.3333"), {1, 2}),
            (rate("LESS_THAN", "33.3334"), {1, 3}),
            (rate("EQUALS", "33.3333"), set()),
            (rate("NOT_EQUALS", "33.3333"), {1, 2, 3, 4}),
            (rate("EQUALS", "50"), {2}),  # the other click is in the future
            (rate("EQUALS", "0"), {3}),
            (rate("NOT_EQUALS", "0"), {1, 2, 4}),
            (rate("BETWEEN", "0", upTo="33.3333"), {3}),
            (rate("AT_MOST", "100.0"), {1, 2, 3}),
            (rate("IS_SET"), {1, 2, 3}),
            (rate("IS_NOT_SET"), {4}),
            # No recent text was clicked; the texts of contact 2 are older.
            (rate("EQUALS", "0", within=LATELY), {1, 3}),
            (rate("IS_NOT_SET", within=LATELY), {2, 4}),
            (rate("EQUALS", "100", within={"before": "2024-07-13"}), {1}),
        ],
    )
    def test_the_click_rate_uses_texts_sent_in_the_window_whenever_clicked(
        self, texts: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert texts.matching(rule) == matching

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (clicked("EQUALS", 1), {1, 2}),
            (clicked("EQUALS", 2), set()),
            (clicked("LESS_THAN", 1), {3, 4}),
            (clicked("EQUALS", 1, within=LATELY), {1}),
            (clicked("EQUALS", 0, within=LATELY), {2, 3, 4}),
            (clicked("EQUALS", 1, within={"before": "2024-07-13"}), {2}),
            (clicked("EQUALS", 1, within={"since": "2024-07-16"}), set()),
        ],
    )
    def test_clicks_count_at_the_time_of_the_click(
        self, texts: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert texts.matching(rule) == matching

    def test_a_text_recorded_again_without_its_click_is_not_clicked(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(people_with_ids(1), Text(1, 1, NOW, NOW))
        assert boutique.matching(clicked("EQUALS", 1)) == {1}
        boutique.record(Text(1, 1, NOW))
        assert boutique.matching(clicked("EQUALS", 0)) == {1}
        assert boutique.matching(rate("EQUALS", "0")) == {1}


class TestConsent:
    def test_each_contact_has_one_status(self, boutique: RecordedShop) -> None:
        early = NOW - MILLISECOND
        boutique.record(
            Contact(1, subscribed_at=NOW),
            Contact(2, subscribed_at=NOW, unsubscribed_at=early),
            Contact(3, subscribed_at=NOW, unsubscribed_at=NOW),
            Contact(4, subscribed_at=early, unsubscribed_at=NOW),
            Contact(5, unsubscribed_at=NOW),
            Contact(6),
        )
        expected = {"SUBSCRIBED": {1, 2}, "UNSUBSCRIBED": {3, 4, 5}, "NEVER": {6}}
        for status, matching in expected.items():
            for operator, ids in (("IS", matching), ("IS_NOT", {*range(1, 7)} - matching)):
                rule = criterion("subscriptionStatus", operator, status=status)
                assert boutique.matching(rule) == ids

    def test_dates_of_texts_and_unsubscribing_follow_the_shops_timezone(
        self, services: Services
    ) -> None:
        shop = RecordedShop(services, "America/New_York")
        evening, midnight = utc("2024-05-01T03:59:59.999"), utc("2024-05-01T04:00")
        shop.record(
            Contact(1, unsubscribed_at=evening, created_at=midnight),
            Contact(2, unsubscribed_at=midnight, created_at=evening),
            Contact(3),
            Text(1, 1, evening - DAY),
            Text(2, 1, evening),
            Text(3, 2, midnight),
        )
        for key, before, after in (
            ("lastTextDate", 1, 2),
            ("unsubscribedDate", 1, 2),
            ("createdDate", 2, 1),
        ):
            assert shop.matching(criterion(key, "ON", date="2024-04-30")) == {before}
            assert shop.matching(criterion(key, "NOT_ON", date="2024-04-30")) == {after, 3}
            assert shop.matching(criterion(key, "ON_OR_AFTER", date="2024-05-01")) == {after}
            assert shop.matching(criterion(key, "IS_NOT_SET")) == {3}


class TestFirstAndLast:
    def test_the_first_and_the_last_text(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Text(1, 1, NOW - 9 * DAY),
            Text(2, 1, NOW),
            Text(3, 2, NOW - DAY),
        )
        assert boutique.matching(criterion("firstTextDate", "IN_LAST", days=2)) == {2}
        assert boutique.matching(criterion("lastTextDate", "IN_LAST", days=2)) == {1, 2}
        assert boutique.matching(criterion("firstTextDate", "ON", date="2024-07-06")) == {1}
        assert boutique.matching(criterion("firstTextDate", "NOT_IN_LAST", days=2)) == {1, 3}
        assert boutique.matching(criterion("firstTextDate", "IS_NOT_SET")) == {3}

    def test_the_first_and_the_last_event_with_a_name(self, boutique: RecordedShop) -> None:
        red = [{"operator": "ANY_OF", "property": "color", "texts": ["red"]}]
        boutique.record(
            people_with_ids(1, 2, 3),
            Event(1, 1, "viewed", NOW - 9 * DAY),
            Event(2, 1, "viewed", NOW - 5 * DAY, '{"color": "red"}'),
            Event(3, 1, "viewed", NOW),
            Event(4, 2, "viewed", NOW - DAY),
            Event(5, 2, "bought", NOW - 9 * DAY),
            Event(6, 3, "Viewed", NOW),
        )

        def viewed(which: str, operator: str, **more: Any) -> set[int]:
            return boutique.matching(criterion(which, operator, name="viewed", **more))

        for key, day in (("firstEventDate", "2024-07-06"), ("lastEventDate", "2024-07-15")):
            assert viewed(key, "ON", date=day) == {1}
            assert viewed(key, "NOT_ON", date=day) == {2, 3}
            assert viewed(key, "IS_NOT_SET") == {3}
            assert viewed(key, "ON", date="2024-07-10", conditions=red) == {1}
            assert viewed(key, "IS_NOT_SET", conditions=red) == {2, 3}
        assert viewed("firstEventDate", "IN_LAST", days=2) == {2}
        assert viewed("lastEventDate", "IN_LAST", days=2) == {1, 2}


class TestInSegment:
    def test_a_reference_uses_the_current_rule_of_the_segment(self, boutique: RecordedShop) -> None:
        boutique.record(Contact(1, country="US"), Contact(2), Contact(3, country="CA"))
        in_us = criterion("location", "ANY_OF", countries=["US"])
        inside = criterion("inSegment", "IS", segment="American")
        boutique.save({"American": in_us, "Others": {"not": inside}})
        others = criterion("inSegment", "IS", segment="Others")
        assert boutique.matching(inside) == {1}
        assert boutique.matching(criterion("inSegment", "IS_NOT", segment="American")) == {2, 3}
        assert boutique.matching(others) == {2, 3}
        assert boutique.matching({"all": [others, criterion("location", "IS_SET")]}) == {3}
        boutique.record(Contact(2, country="US"))
        assert boutique.matching(inside) == {1, 2}
        assert boutique.matching(others) == {3}

    def test_references_to_segments_of_everyone_and_of_no_one(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1, 2))
        boutique.save({"Everyone": {"all": []}, "No one": {"not": {"all": []}}})
        for segment, matching in (("Everyone", {1, 2}), ("No one", set())):
            rule = criterion("inSegment", "IS", segment=segment)
            assert boutique.matching(rule) == matching
            assert boutique.matching({"not": rule}) == {1, 2} - matching

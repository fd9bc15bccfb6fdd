"""The meaning of rules, case by case, at fixed times."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.errors import ErrorCode, InvalidInputError, Problem
from graphql_app.runtime.services import Services
from graphql_app.segments.templates import fill_template
from tests.parity.evaluation.facts import (
    Batch,
    Contact,
    Contacts,
    Document,
    Forget,
    Keywords,
    KeywordUse,
    Line,
    Order,
    OrderLines,
    Orders,
    Text,
    Texts,
    same_keyword,
)
from tests.parity.examples import (
    ALL,
    DAY,
    HOSTILE,
    HOUR,
    LOCAL_DAYS,
    MILLISECOND,
    bought,
    criterion,
    last,
    ordered,
    people_with_ids,
    spent,
    texted,
    utc,
)
from tests.parity.recorded_shop import NOW, RecordedShop


@pytest.fixture
def boutique_apart(services: Services, audience: Audience, recorder: Recorder) -> RecordedShop:
    """Return a shop with its own audience: erasing takes time for every part of the store."""
    return RecordedShop(replace(services, audience=audience, recorder=recorder))


subscribed = partial(criterion, "subscribeDate")
last_ordered = partial(criterion, "lastOrderDate")
located = partial(criterion, "location")


def texted_in(operator: str, *keywords: str, **more: Any) -> Document:
    return criterion("keyword", operator, keywords=list(keywords), **more)


def is_a(kind: str) -> Document:
    return criterion("contactType", "IS", type=kind)


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


class TestDates:
    @pytest.fixture
    def five(self, boutique: RecordedShop) -> RecordedShop:
        """Record contacts who subscribed exactly 0, 1, 2, 3 and 4 days ago, and one who did not."""
        contacts = [Contact(days, subscribed_at=NOW - days * DAY) for days in range(5)]
        boutique.record(*contacts, Contact(9))
        return boutique

    @pytest.mark.parametrize(
        ("rule", "matching"),
        [
            (subscribed("IN_LAST", days=2), {0, 1}),
            (subscribed("NOT_IN_LAST", days=3), {3, 4, 9}),
            (subscribed("MORE_THAN_AGO", days=2), {3, 4}),
            (subscribed("ON", date="2024-07-12"), {3}),
            (subscribed("NOT_ON", date="2024-07-12"), {0, 1, 2, 4, 9}),
            (subscribed("BEFORE", date="2024-07-12"), {4}),
            (subscribed("ON_OR_BEFORE", date="2024-07-12"), {3, 4}),
            (subscribed("AFTER", date="2024-07-13"), {0, 1}),
            (subscribed("ON_OR_AFTER", date="2024-07-13"), {0, 1, 2}),
            (subscribed("BETWEEN", date="2024-07-12", upTo="2024-07-13"), {2, 3}),
            (subscribed("BETWEEN", date="2024-07-12", upTo="2024-07-12"), {3}),
            (subscribed("IS_SET"), {0, 1, 2, 3, 4}),
            (subscribed("IS_NOT_SET"), {9}),
        ],
    )
    def test_subscribed_exactly_0_to_4_days_ago(
        self, five: RecordedShop, rule: Document, matching: set[int]
    ) -> None:
        assert five.matching(rule) == matching

    def test_a_window_of_days_ends_now_and_excludes_its_first_instant(
        self, boutique: RecordedShop
    ) -> None:
        times = (NOW - DAY, NOW - DAY + MILLISECOND, NOW, NOW + MILLISECOND)
        boutique.record(*(Contact(id_, subscribed_at=time) for id_, time in enumerate(times)))
        assert boutique.matching(subscribed("IN_LAST", days=1)) == {1, 2}
        assert boutique.matching(subscribed("NOT_IN_LAST", days=1)) == {0, 3}
        assert boutique.matching(subscribed("MORE_THAN_AGO", days=1)) == set()

    @pytest.mark.parametrize(
        ("operator", "more"),
        [
            *((name, {"date": "2024-07-15"}) for name in ("ON", "BEFORE", "ON_OR_BEFORE")),
            *((name, {"date": "1970-01-01"}) for name in ("AFTER", "ON_OR_AFTER")),
            ("BETWEEN", {"date": "1970-01-01", "upTo": "2199-12-31"}),
            ("IN_LAST", {"days": 36_500}),
            ("MORE_THAN_AGO", {"days": 1}),
            ("IS_SET", {}),
        ],
    )
    def test_without_orders_the_last_order_date_is_missing(
        self, boutique: RecordedShop, operator: str, more: Mapping[str, Any]
    ) -> None:
        boutique.record(people_with_ids(1, 2), Order(1, 2, NOW - 2 * DAY, cancelled_at=NOW))
        assert boutique.matching(last_ordered(operator, **more)) == set()
        assert boutique.matching({"not": last_ordered(operator, **more)}) == {1, 2}

    def test_the_first_and_last_recordable_instants(self, boutique: RecordedShop) -> None:
        first, last_one = utc("1970-01-01T00:00"), utc("2199-12-31T23:59:59.999")
        boutique.record(Contact(1, subscribed_at=first), Contact(2, subscribed_at=last_one))
        assert boutique.matching(subscribed("ON", date="1970-01-01")) == {1}
        assert boutique.matching(subscribed("ON", date="2199-12-31")) == {2}
        assert boutique.matching(subscribed("IS_SET")) == {1, 2}


class TestWindows:
    @pytest.mark.parametrize(
        ("unit", "start"),
        [
            ("HOURS", "2024-03-31T11:00:00.250"),
            ("DAYS", "2024-03-30T12:00:00.250"),
            ("WEEKS", "2024-03-24T12:00:00.250"),
            # February has no 31st; its last day is the 29th.
            ("MONTHS", "2024-02-29T12:00:00.250"),
        ],
    )
    def test_a_window_of_one_unit_begins_right_after_one_unit_ago(
        self, boutique: RecordedShop, unit: str, start: str
    ) -> None:
        boutique.now = utc("2024-03-31T12:00:00.250")
        times = (utc(start), utc(start) + MILLISECOND, boutique.now, boutique.now + MILLISECOND)
        boutique.record(
            people_with_ids(0, 1, 2, 3), *(Text(id_, id_, time) for id_, time in enumerate(times))
        )
        assert boutique.matching(texted("EQUALS", 1, within=last(1, unit))) == {1, 2}

    def test_days_of_a_window_follow_the_shops_timezone(self, services: Services) -> None:
        shop = RecordedShop(services, "America/New_York")
        first, after = utc("2024-05-01T04:00"), utc("2024-05-02T04:00")
        times = (first - MILLISECOND, first, after - MILLISECOND, after)
        shop.record(
            people_with_ids(0, 1, 2, 3), *(Text(id_, id_, time) for id_, time in enumerate(times))
        )
        between = {"between": {"from": "2024-05-01", "to": "2024-05-01"}}
        assert shop.matching(texted("EQUALS", 1, within={"since": "2024-05-01"})) == {1, 2, 3}
        assert shop.matching(texted("EQUALS", 1, within={"before": "2024-05-01"})) == {0}
        assert shop.matching(texted("EQUALS", 1, within=between)) == {1, 2}

    def test_a_month_ago_follows_the_shops_timezone(self, services: Services) -> None:
        """Noon of April 9 in New York is noon of March 9 a month before, 31 days less an hour."""
        shop = RecordedShop(services, "America/New_York", utc("2024-04-09T16:00"))
        noon = utc("2024-03-09T17:00")
        shop.record(people_with_ids(1, 2), Text(1, 1, noon), Text(2, 2, noon + MILLISECOND))
        assert shop.matching(texted("EQUALS", 1, within=last(1, "MONTHS"))) == {2}
        assert shop.matching(texted("EQUALS", 1, within=last(31, "DAYS"))) == {1, 2}


class TestNumbers:
    @pytest.fixture
    def three(self, boutique: RecordedShop) -> RecordedShop:
        """Record contacts with 0, 1 and 2 orders and texts, who spent 0, 10.10 and 20.20."""
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


class TestTheSeed:
    def test_subscribers_since_a_day_who_have_not_ordered(self, boutique: RecordedShop) -> None:
        may = utc("2024-05-01T00:00")
        boutique.record(
            Contact(1, subscribed_at=may),
            Contact(2, subscribed_at=may),
            Contact(3, subscribed_at=may - MILLISECOND),
            Contact(4),
            Order(1, 2, may),
        )
        since = subscribed("ON_OR_AFTER", date="2024-05-01")
        assert boutique.matching({"all": [since, ordered("EQUALS", 0)]}) == {1}

    def test_spent_over_fifty_and_never_texted(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Order(1, 1, NOW, Decimal("50.01")),
            Order(2, 2, NOW, Decimal("50.00")),
            Order(3, 3, NOW, Decimal("99")),
            Text(1, 3, NOW),
        )
        over = spent("GREATER_THAN", "50.00")
        assert boutique.matching({"all": [over, texted("EQUALS", 0)]}) == {1}

    def test_one_bottle_or_the_other(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Order(1, 1, NOW, lines=(Line("coral"),)),
            Order(2, 2, NOW, lines=(Line("lime"),)),
            Order(3, 3, NOW, lines=(Line("plain"),)),
        )
        either = {"any": [bought("ANY_OF", "coral"), bought("ANY_OF", "lime")]}
        assert boutique.matching(either) == {1, 2}
        assert boutique.matching(bought("ANY_OF", "coral", "lime")) == {1, 2}

    def test_spent_below_a_hundred_and_bought_all_four_lipsticks(
        self, boutique: RecordedShop
    ) -> None:
        four = ("rose", "plum", "nude", "red")
        every = tuple(Line(product) for product in four)
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            Order(1, 1, NOW, Decimal(50), lines=every[:2]),
            Order(2, 1, NOW, Decimal("49.99"), lines=every[2:]),
            Order(3, 2, NOW, Decimal(100), lines=every),
            Order(4, 3, NOW, Decimal(10), lines=every[:3]),
        )
        rule = {"all": [spent("LESS_THAN", "100"), bought("ALL_OF", *four)]}
        assert boutique.matching(rule) == {1}

    def test_the_default_segments(self, boutique: RecordedShop) -> None:
        boutique.record(
            Contact(1, country="US"),
            Contact(2, country="CA"),
            Contact(3, country="DE"),
            Contact(4),
            Order(1, 3, NOW),
            Order(2, 4, NOW),
            *(Text(number, 1 + number // 2, NOW) for number in range(7)),
        )
        found = {
            segment.name: boutique.matching(segment.rule)
            for segment in boutique.services.registry.default_segments
        }
        assert found["All US/Canada Customers and Subscribers"] == {1, 2}
        # Contacts 1 to 3 got two texts and 4 got one; only 3 and 4 bought something.
        assert found["Customers Texted More Than Once"] == {3}

    def test_the_templates(self, boutique: RecordedShop) -> None:
        lately, once = NOW - DAY, NOW - 91 * DAY
        boutique.record(
            people_with_ids(1, 2, 3, 4),
            *(Order(id_, 1, lately, Decimal(200), lines=(Line("a"),)) for id_ in (1, 2, 3)),
            Order(4, 2, once, lines=(Line("a"), Line("b"))),
            Order(5, 3, lately, lines=(Line("b"),)),
            KeywordUse(4, "Deals", NOW),
        )
        services = boutique.services
        found = {
            template.name: boutique.matching(
                fill_template(template, services.registry, boutique.engine)
            )
            for template in services.registry.templates
        }
        assert found["VIPs"] == {1}
        assert found["At-Risk"] == {2}
        assert found["Cross-Sells"] == {1}
        assert found["Keywords"] == {4}


class TestCase1:
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


class TestCase2:
    def test_none_of_a_product_includes_buyers_of_other_products_and_of_nothing(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW, lines=(Line("a"), Line("b"))),
            Order(2, 2, NOW, lines=(Line("b"),)),
        )
        assert boutique.matching(bought("NONE_OF", "a")) == {2, 3}


ORDER = Order(1, 1, NOW - DAY, Decimal(50), lines=(Line("a", 2), Line("b")))

# Rules of every criterion about orders that contact 1 matches because of that order.
BECAUSE_OF_IT = (
    ordered("EQUALS", 1),
    spent("EQUALS", "50.00"),
    bought("ALL_OF", "a", "b"),
    bought("ANY_OF", "a", minimumUnits=2),
    last_ordered("IS_SET"),
    is_a("CUSTOMER"),
)


class TestCase3:
    @pytest.mark.parametrize(
        "change",
        [
            {"cancelled_at": NOW},
            {"cancelled_at": NOW + DAY},
            {"refunded": Decimal(50)},
            {"refunded": Decimal(50), "cancelled_at": NOW},
        ],
    )
    @pytest.mark.parametrize("keep_lines", [False, True])
    def test_a_canceled_or_fully_refunded_order_does_not_count(
        self, boutique: RecordedShop, change: dict[str, Any], keep_lines: bool
    ) -> None:
        boutique.record(people_with_ids(1, 2), ORDER)
        assert boutique.answers(BECAUSE_OF_IT) == [{1}] * 6
        boutique.record(Orders((replace(ORDER, **change),), keep_lines))
        assert boutique.answers(BECAUSE_OF_IT) == [set()] * 6
        assert boutique.matching(spent("EQUALS", "0")) == {1, 2}

    def test_a_partly_refunded_order_still_counts(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), replace(ORDER, refunded=Decimal("49.99")))
        assert boutique.matching(spent("EQUALS", "0.01")) == {1}
        assert boutique.matching(ordered("EQUALS", 1)) == {1}
        assert boutique.matching(bought("ALL_OF", "a", "b")) == {1}


class TestCase4:
    def test_spend_within_a_day_excludes_older_orders(self, boutique: RecordedShop) -> None:
        boutique.record(
            people_with_ids(1, 2, 3),
            Order(1, 1, NOW - 3 * DAY, Decimal(10)),
            Order(2, 1, NOW, Decimal(5)),
            Order(3, 2, NOW, Decimal(15)),
            Order(4, 3, NOW, Decimal(25)),
        )
        assert boutique.matching(spent("EQUALS", "15.00", within=last(1, "DAYS"))) == {2}
        assert boutique.matching(spent("EQUALS", "15.00")) == {1, 2}


class TestCase5:
    def test_fewer_than_two_texts_matches_none_and_one(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(0, 1, 2), Text(1, 1, NOW), Text(2, 2, NOW), Text(3, 2, NOW))
        assert boutique.matching(texted("LESS_THAN", 2)) == {0, 1}


class TestCase6:
    def test_a_contact_matches_no_recent_texts_once_the_window_has_passed(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(people_with_ids(1), Text(1, 1, NOW))
        rule = texted("EQUALS", 0, within=last(1, "HOURS"))
        for waited, matching in (
            (timedelta(), set()),
            (timedelta(seconds=5), set()),
            (HOUR - MILLISECOND, set()),
            (HOUR, {1}),
            (HOUR + MILLISECOND, {1}),
        ):
            boutique.now = NOW + waited
            assert boutique.matching(rule) == matching

    def test_a_future_text_counts_in_a_window_once_it_is_sent(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), Text(1, 1, NOW + MILLISECOND))
        rule = texted("EQUALS", 1, within=last(1, "HOURS"))
        assert boutique.matching(rule) == set()
        boutique.now = NOW + MILLISECOND
        assert boutique.matching(rule) == {1}


class TestCase7:
    @pytest.mark.parametrize(
        "properties",
        [
            '{"points": "many", "joined": "yesterday", "": null}',
            '{"points": {"deep": [[[]]]}, "points ": [1, "2", null, true]}',
            '{"points": 1e308, "joined": -99999999999999999999}',
            '{"it\'s \\"odd\\" \\\\ %": "\\u0000\\n\\t{x:String} :name \\ud83d\\ude00"}',
            "{}",
        ],
    )
    def test_unusual_properties_are_kept_and_break_no_rule(
        self, boutique: RecordedShop, properties: str
    ) -> None:
        boutique.record(Contact(1, country="US", properties=properties), Contact(2), ORDER)
        stored = boutique.engine.people([1, 2])
        assert stored.keys() == {1, 2}
        kept = json.loads(stored[1].properties, parse_int=float)
        assert kept == json.loads(properties, parse_int=float)
        assert stored[2].properties == "{}"
        assert boutique.matching(located("ANY_OF", countries=["US"])) == {1}
        assert boutique.answers(BECAUSE_OF_IT) == [{1}] * 6


@pytest.fixture(scope="module")
def hostile(services: Services) -> RecordedShop:
    """Record contacts, the n-th of which has the n-th hostile string in every text field."""
    shop = RecordedShop(services)
    shop.record(
        *(Contact(id_, phone=text, country="US", region=text) for id_, text in enumerate(HOSTILE)),
        *(Order(id_, id_, NOW, lines=(Line(text),)) for id_, text in enumerate(HOSTILE)),
        *(KeywordUse(id_, text, NOW) for id_, text in enumerate(HOSTILE)),
    )
    return shop


class TestCase8:
    @pytest.mark.parametrize(
        "rule",
        [
            lambda *texts: texted_in("ANY_OF", *texts),
            lambda *texts: texted_in("ALL_OF", *texts),
            lambda *texts: bought("ANY_OF", *texts),
            lambda *texts: bought("ALL_OF", *texts, minimumTimes=1),
            lambda *texts: located("ANY_OF", countries=["US"], regions=list(texts)),
        ],
        ids=["keyword any", "keyword all", "product any", "product all", "region"],
    )
    def test_hostile_text_only_matches_itself(
        self, hostile: RecordedShop, rule: Callable[..., Document]
    ) -> None:
        found = dict(zip(HOSTILE, map(hostile.matching, map(rule, HOSTILE)), strict=True))
        assert found == {text: {id_} for id_, text in enumerate(HOSTILE)}

    @pytest.mark.parametrize(
        "rule",
        [
            lambda texts: texted_in("ANY_OF", *texts),
            lambda texts: bought("ANY_OF", *texts),
            lambda texts: located("ANY_OF", countries=["US"], regions=texts),
        ],
        ids=["keyword", "product", "region"],
    )
    def test_all_hostile_texts_except_one_match_all_contacts_except_one(
        self, hostile: RecordedShop, rule: Callable[..., Document]
    ) -> None:
        assert hostile.matching(rule(list(HOSTILE[1:]))) == set(range(1, len(HOSTILE)))
        assert hostile.matching({"not": rule(list(HOSTILE[1:]))}) == {0}

    @pytest.mark.parametrize(
        ("criterion", "name"),
        [("keyword", "keywords"), ("productPurchased", "products"), ("location", "regions")],
    )
    def test_a_hostile_search_suggests_values_that_contain_it(
        self, hostile: RecordedShop, criterion: str, name: str
    ) -> None:
        values = [same_keyword(text) if name == "keywords" else text for text in HOSTILE]
        for search in HOSTILE:
            containing = {text for text in values if search.casefold() in text.casefold()}
            assert set(hostile.suggest(criterion, name, search)) == containing

    def test_nothing_was_injected(self, hostile: RecordedShop) -> None:
        assert hostile.matching(ALL) == set(range(len(HOSTILE)))


HISTORY: tuple[Batch, ...] = (
    Contacts((Contact(1, "+1", "US", subscribed_at=NOW - DAY), Contact(2))),
    Orders((ORDER, replace(ORDER, id=2, contact_id=2, ordered_at=NOW - 40 * DAY))),
    Texts((Text(1, 1, NOW), Text(2, 1, NOW), Text(3, 2, NOW - DAY))),
    Keywords((KeywordUse(1, "join", NOW), KeywordUse(2, "JOIN", NOW - DAY))),
)
ABOUT_IT = (
    ALL,
    ordered("EQUALS", 1),
    spent("EQUALS", "50.00", within=last(30, "DAYS")),
    bought("ANY_OF", "a", minimumUnits=2),
    bought("ANY_OF", "a", minimumUnits=3),
    bought("ALL_OF", "a", "b", minimumTimes=1),
    texted("EQUALS", 2),
    texted("EQUALS", 1),
    texted_in("ANY_OF", "join"),
    last_ordered("MORE_THAN_AGO", days=30),
    is_a("BOTH"),
)
ANSWERS = [{1, 2}, {1, 2}, {1}, {1, 2}, set(), {1, 2}, {1}, {2}, {1, 2}, {2}, {1}]


class TestCases9And10:
    @pytest.mark.parametrize("order", [*list(permutations(range(4)))[::5], (3, 2, 1, 0)])
    def test_batches_may_come_in_any_order(
        self, boutique: RecordedShop, order: tuple[int, ...]
    ) -> None:
        boutique.record(*(HISTORY[place] for place in order))
        assert boutique.answers(ABOUT_IT) == ANSWERS
        assert boutique.textable() == 1

    @pytest.mark.parametrize("repeated", range(4))
    def test_recording_a_batch_twice_changes_nothing(
        self, boutique: RecordedShop, repeated: int
    ) -> None:
        boutique.record(*HISTORY, HISTORY[repeated])
        assert boutique.answers(ABOUT_IT) == ANSWERS

    def test_the_last_version_in_a_batch_counts(self, boutique: RecordedShop) -> None:
        early = replace(ORDER, total=Decimal(1), lines=(Line("c", 9), Line("c"), Line("d")))
        boutique.record(
            Contact(1, country="DE"),
            Contact(1, country="US"),
            early,
            ORDER,
            Text(1, 2, NOW),
            Text(1, 1, NOW),
            KeywordUse(1, "join", NOW),
            KeywordUse(1, " JOIN", NOW),
        )
        assert boutique.answers(BECAUSE_OF_IT) == [{1}] * 6
        assert boutique.matching(bought("ANY_OF", "c", "d")) == set()
        assert boutique.matching(located("ANY_OF", countries=["DE"])) == set()
        assert boutique.matching(texted("EQUALS", 1)) == {1}

    def test_facts_count_once_their_contact_is_recorded(self, boutique: RecordedShop) -> None:
        boutique.record(*HISTORY[1:])
        assert boutique.answers(ABOUT_IT) == [set()] * len(ABOUT_IT)
        boutique.record(HISTORY[0])
        assert boutique.answers(ABOUT_IT) == ANSWERS


class TestCase11:
    def test_an_order_is_replaced_with_fewer_lines(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), ORDER)
        boutique.record(replace(ORDER, lines=(Line("b"),)))
        assert boutique.matching(bought("ANY_OF", "a")) == set()
        assert boutique.matching(bought("ANY_OF", "b")) == {1}
        assert boutique.matching(bought("ANY_OF", "b", minimumUnits=2)) == set()

    def test_an_order_loses_its_lines_and_gets_lines_again(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), ORDER)
        boutique.record(replace(ORDER, lines=()))
        assert boutique.matching(bought("ANY_OF", "a", "b")) == set()
        assert boutique.matching(ordered("EQUALS", 1)) == {1}
        boutique.record(OrderLines(((1, Line("b")), (1, Line("c")))))
        assert boutique.matching(bought("ALL_OF", "b", "c")) == {1}
        assert boutique.matching(bought("ANY_OF", "a")) == set()

    def test_an_order_is_replaced_with_another_total_and_time(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1), ORDER)
        boutique.record(replace(ORDER, total=Decimal(7), ordered_at=NOW - 9 * DAY))
        assert boutique.matching(spent("EQUALS", "7.00")) == {1}
        assert boutique.matching(ordered("EQUALS", 1, within=last(2, "DAYS"))) == set()
        assert boutique.matching(bought("ANY_OF", "a", within=last(2, "DAYS"))) == set()
        assert boutique.matching(last_ordered("ON", date="2024-07-06")) == {1}

    @pytest.mark.parametrize("keep_lines", [False, True])
    def test_an_order_moves_to_another_contact_and_back(
        self, boutique: RecordedShop, keep_lines: bool
    ) -> None:
        boutique.record(people_with_ids(1, 2), ORDER)
        for owner in (2, 1, 2):
            boutique.record(Orders((replace(ORDER, contact_id=owner),), keep_lines))
            assert boutique.answers(BECAUSE_OF_IT) == [{owner}] * 6

    def test_a_text_moves_to_another_contact_and_back(self, boutique: RecordedShop) -> None:
        boutique.record(people_with_ids(1, 2))
        for owner in (1, 2, 1):
            boutique.record(Text(1, owner, NOW))
            assert boutique.matching(texted("EQUALS", 1)) == {owner}
            assert boutique.matching(texted("EQUALS", 0)) == {1, 2} - {owner}


class TestCase12:
    def test_the_latest_subscription_counts_after_subscribing_again(
        self, boutique: RecordedShop
    ) -> None:
        first, second = NOW - 9 * DAY, NOW - 2 * DAY
        left = NOW - 5 * DAY
        contact = Contact(1, phone="+1", subscribed_at=first)
        for recorded, date, textable in (
            (contact, "2024-07-06", {1}),
            (replace(contact, unsubscribed_at=left), "2024-07-06", set()),
            (replace(contact, unsubscribed_at=left, subscribed_at=second), "2024-07-13", {1}),
            (replace(contact, unsubscribed_at=second, subscribed_at=second), "2024-07-13", set()),
        ):
            boutique.record(recorded)
            assert boutique.matching(subscribed("ON", date=date)) == {1}
            assert boutique.matching(is_a("TEXTABLE")) == textable
            assert boutique.matching(is_a("SUBSCRIBER")) == textable
            assert boutique.textable() == len(textable)

    def test_a_subscriber_without_a_phone_number_is_not_textable(
        self, boutique: RecordedShop
    ) -> None:
        boutique.record(
            Contact(1, subscribed_at=NOW),
            Contact(2, phone=" ", subscribed_at=NOW),
            Contact(3, phone="+1", subscribed_at=NOW),
            Contact(4, phone="+1"),
        )
        assert boutique.matching(is_a("SUBSCRIBER")) == {1, 2, 3}
        assert boutique.matching(is_a("TEXTABLE")) == {3}
        assert boutique.textable() == 1


class TestCase13:
    def test_a_forgotten_contact_counts_nowhere_until_recorded_again(
        self, boutique_apart: RecordedShop
    ) -> None:
        boutique_apart.record(*HISTORY, Forget((1,)))
        without = [answer - {1} for answer in ANSWERS]
        assert boutique_apart.answers(ABOUT_IT) == without
        assert boutique_apart.size(ALL).contacts == 1
        assert boutique_apart.textable() == 0

        boutique_apart.record(*HISTORY[1:])
        assert boutique_apart.answers(ABOUT_IT) == without
        assert boutique_apart.size(ALL).contacts == 1

        boutique_apart.record(Contact(1, "+1", "US", subscribed_at=NOW - DAY))
        assert boutique_apart.answers(ABOUT_IT) == ANSWERS

    def test_a_contact_recorded_again_has_no_earlier_facts(
        self, boutique_apart: RecordedShop
    ) -> None:
        boutique_apart.record(*HISTORY, Forget((1, 2)), people_with_ids(1, 2))
        assert boutique_apart.matching(ALL) == {1, 2}
        assert boutique_apart.answers(BECAUSE_OF_IT) == [set()] * 6
        assert boutique_apart.matching(texted("EQUALS", 0)) == {1, 2}
        assert boutique_apart.matching(texted_in("ANY_OF", "join")) == set()
        assert boutique_apart.matching(subscribed("IS_SET")) == set()

    def test_an_order_that_moved_before_forgetting_stays_with_its_new_contact(
        self, boutique_apart: RecordedShop
    ) -> None:
        boutique_apart.record(
            people_with_ids(1, 2),
            Orders((ORDER,)),
            Orders((replace(ORDER, contact_id=2),)),
            Forget((1,)),
        )
        assert boutique_apart.answers(BECAUSE_OF_IT) == [{2}] * 6


class TestCase14:
    def test_two_shops_with_the_same_ids_stay_separate(self, boutique_apart: RecordedShop) -> None:
        one, other = boutique_apart, RecordedShop(boutique_apart.services)
        # Both shops are in the same partition of the store.
        third = RecordedShop(one.services, id=one.id + 16_000_000)
        one.record(*HISTORY)
        other.record(people_with_ids(1, 3))
        third.record(Contact(1, country="DE"), Order(1, 1, NOW))
        assert one.answers(ABOUT_IT) == ANSWERS
        assert other.matching(ALL) == {1, 3}
        assert other.answers(BECAUSE_OF_IT) == [set()] * 6
        assert other.suggest("keyword", "keywords", "") == []
        assert other.suggest("productPurchased", "products", "") == []
        assert third.matching(spent("EQUALS", "10")) == {1}
        assert third.matching(bought("NONE_OF", "a")) == {1}
        other.record(Forget((1,)))
        assert other.matching(ALL) == {3}
        assert one.answers(ABOUT_IT) == ANSWERS


@pytest.mark.parametrize(("zone", "day", "start", "end"), LOCAL_DAYS)
class TestCase15:
    def test_a_local_day_ends_at_the_first_instant_of_the_next(
        self, services: Services, zone: str, day: str, start: str, end: str
    ) -> None:
        shop = RecordedShop(services, zone)
        first, after = utc(start), utc(end)
        times = dict(enumerate((first - MILLISECOND, first, after - MILLISECOND, after)))
        shop.record(
            *(Contact(id_, subscribed_at=time) for id_, time in times.items()),
            *(Order(id_, id_, time) for id_, time in times.items()),
            *(Text(id_, id_, time) for id_, time in times.items()),
        )
        only = {"between": {"from": day, "to": day}}
        for dated in (subscribed, last_ordered):
            expected = {
                "ON": {1, 2},
                "NOT_ON": {0, 3},
                "BEFORE": {0},
                "ON_OR_BEFORE": {0, 1, 2},
                "AFTER": {3},
                "ON_OR_AFTER": {1, 2, 3},
            }
            rules = [dated(operator, date=day) for operator in expected]
            assert dict(zip(expected, shop.answers(rules), strict=True)) == expected
            assert shop.matching(dated("BETWEEN", date=day, upTo=day)) == {1, 2}
        for count in (texted, ordered):
            windows = (only, {"since": day}, {"before": day})
            found = shop.answers([count("EQUALS", 1, within=window) for window in windows])
            assert found == [{1, 2}, {1, 2, 3}, {0}]

    def test_a_local_day_has_23_to_25_hours(
        self, services: Services, zone: str, day: str, start: str, end: str
    ) -> None:
        shop = RecordedShop(services, zone)
        hours = [utc(start) + hour * HOUR for hour in range(-24, 48)]
        shop.record(*(Contact(id_, subscribed_at=time) for id_, time in enumerate(hours)))
        length = (utc(end) - utc(start)) // HOUR
        assert shop.matching(subscribed("ON", date=day)) == set(range(24, 24 + length))

    def test_days_of_a_duration_have_24_hours_despite_clock_changes(
        self, services: Services, zone: str, day: str, start: str, end: str
    ) -> None:
        shop = RecordedShop(services, zone, utc(end))
        ago = shop.now - DAY
        shop.record(
            Contact(1, subscribed_at=ago),
            Contact(2, subscribed_at=ago + MILLISECOND),
            Text(1, 1, ago),
            Text(2, 2, ago + MILLISECOND),
        )
        assert shop.matching(subscribed("IN_LAST", days=1)) == {2}
        assert shop.matching(texted("EQUALS", 1, within=last(1, "DAYS"))) == {2}
        assert shop.matching(texted("EQUALS", 1, within=last(24, "HOURS"))) == {2}


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

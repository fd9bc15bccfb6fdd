"""The default segments, the templates, and rules that a marketer would build."""

from decimal import Decimal

from tests.parity.evaluation.facts import Contact, KeywordUse, Line, Order, Text
from tests.parity.examples import (
    DAY,
    MILLISECOND,
    bought,
    ordered,
    people_with_ids,
    spent,
    subscribed,
    texted,
    utc,
)
from tests.parity.recorded_shop import NOW, RecordedShop


class TestSegments:
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
            template.name: boutique.matching(boutique.engine.fill(template))
            for template in services.registry.templates
        }
        assert found["VIPs"] == {1}
        assert found["At-Risk"] == {2}
        assert found["Cross-Sells"] == {1}
        assert found["Keywords"] == {4}

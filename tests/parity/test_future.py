"""What comes after the instant of evaluation has not happened yet, and happens by itself."""

from datetime import timedelta
from typing import Any

import pytest

from graphql_app.audience.upcoming import tables_with_upcoming_facts
from graphql_app.criteria import Option
from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import (
    Contact,
    Document,
    Event,
    KeywordUse,
    Line,
    Order,
    Product,
    Text,
)
from tests.parity.examples import (
    DAY,
    HOUR,
    MILLISECOND,
    last,
    last_ordered,
    ordered,
    period,
    spent,
    texted,
)
from tests.parity.recorded_shop import NOW, RecordedShop

LATER = NOW + 2 * DAY
BEFORE = NOW - DAY

PURCHASE: Document = {"productPurchased": {"operator": "ANY_OF", "products": ["mug"]}}
CLICKED: Document = {"textsClicked": {"operator": "EQUALS", "count": 1}}


def status(name: str) -> Document:
    return {"subscriptionStatus": {"operator": "IS", "status": name}}


def is_set(key: str) -> Document:
    return {key: {"operator": "IS_SET"}}


def customer(operator: str) -> Document:
    return {"contactType": {"operator": operator, "type": "CUSTOMER"}}


ORDER = Order(1, 1, LATER, lines=(Line("mug"),))
CANCELLED = Order(1, 1, BEFORE, cancelled_at=LATER, lines=(Line("mug"),))
CLICK = Text(1, 1, BEFORE, clicked_at=LATER)


@pytest.mark.parametrize(
    ("fact", "rule"),
    [
        (ORDER, ordered("EQUALS", 1)),
        (ORDER, spent("AT_LEAST", "1")),
        (ORDER, PURCHASE),
        (ORDER, customer("IS")),
        *((ORDER, is_set(key)) for key in ("firstOrderDate", "lastOrderDate", "averageOrderValue")),
        (CANCELLED, ordered("EQUALS", 0)),
        (CANCELLED, spent("EQUALS", "0")),
        (CANCELLED, {"not": PURCHASE}),
        (CANCELLED, customer("IS_NOT")),
        (Text(1, 1, LATER), texted("EQUALS", 1)),
        *((Text(1, 1, LATER), is_set(key)) for key in ("firstTextDate", "lastTextDate")),
        (ORDER, is_set("productPurchased")),
        (KeywordUse(1, "join", LATER), is_set("keyword")),
        *(
            (Event(1, 1, "viewed", LATER), {key: {"name": "viewed", "operator": "IS_SET"}})
            for key in ("firstEventDate", "lastEventDate")
        ),
        (Text(1, 1, LATER), texted("EQUALS", 1, within=period("THIS", "MONTH"))),
        (CLICK, CLICKED),
        (CLICK, {"clickRate": {"operator": "AT_LEAST", "percent": "100"}}),
        (KeywordUse(1, "join", LATER), {"keyword": {"operator": "ANY_OF", "keywords": ["join"]}}),
        (
            Event(1, 1, "viewed", LATER),
            {"event": {"name": "viewed", "operator": "EQUALS", "count": 1}},
        ),
        (Contact(1, subscribed_at=LATER), status("SUBSCRIBED")),
        (Contact(1, subscribed_at=LATER), is_set("subscribeDate")),
        (Contact(1, subscribed_at=BEFORE, unsubscribed_at=LATER), status("UNSUBSCRIBED")),
        (Contact(1, unsubscribed_at=LATER), is_set("unsubscribedDate")),
    ],
)
def test_a_fact_counts_from_its_own_time_on(services: Services, fact: Any, rule: Document) -> None:
    shop = RecordedShop(services)
    shop.record(Contact(1))
    shop.record(fact)
    for now, matching in (
        (NOW, set[int]()),
        (LATER - MILLISECOND, set[int]()),
        (LATER, {1}),
        (LATER + DAY, {1}),
        (NOW, set[int]()),
    ):
        shop.now = now
        assert shop.matching(rule) == matching, now


def test_a_text_in_the_future_does_not_hide_the_last_one(services: Services) -> None:
    shop = RecordedShop(services)
    shop.record(Contact(1), Text(1, 1, NOW - HOUR), Text(2, 1, LATER))
    assert shop.matching({"lastTextDate": {"operator": "NOT_IN_LAST", "days": 1}}) == set()


def test_an_order_in_the_future_does_not_hide_yesterdays(services: Services) -> None:
    shop = RecordedShop(services)
    shop.record(Contact(1), Order(1, 1, BEFORE), Order(2, 1, NOW + 30 * DAY))
    assert shop.matching(last_ordered("IN_LAST", days=2)) == {1}


def test_textable_contacts_follow_their_consent(services: Services) -> None:
    shop = RecordedShop(services)
    phone = "+12125550100"
    shop.record(
        Contact(1, phone=phone, subscribed_at=LATER),
        Contact(2, phone=phone, subscribed_at=BEFORE, unsubscribed_at=LATER),
        Contact(3, phone=phone, subscribed_at=BEFORE),
        Contact(4, subscribed_at=LATER),
        Contact(5, phone=phone, subscribed_at=LATER, unsubscribed_at=LATER + HOUR),
        Contact(6, phone="n/a", subscribed_at=BEFORE, unsubscribed_at=LATER),
    )
    found = []
    for now in (NOW, LATER, LATER + HOUR, NOW):
        shop.now = now
        found.append(shop.textable())
    assert found == [2, 3, 2, 2]


def test_facts_recorded_after_a_size_was_counted_are_followed_too(services: Services) -> None:
    shop = RecordedShop(services)
    shop.record(Contact(1), Contact(2), Order(1, 1, NOW - HOUR))
    rule = ordered("EQUALS", 1)
    assert shop.matching(rule) == {1}
    shop.record(Order(2, 2, LATER))
    assert shop.matching(rule) == {1}
    shop.now = LATER
    assert shop.matching(rule) == {1, 2}
    shop.record(Order(3, 1, LATER + HOUR), Order(2, 2, LATER - timedelta(days=1)))
    assert shop.matching(rule) == {1, 2}
    shop.now = LATER + HOUR
    assert shop.matching(rule) == {2}
    shop.record(Order(3, 1, LATER + 2 * HOUR))
    assert shop.matching(rule) == {1, 2}


def test_windows_and_the_future_move_together(services: Services) -> None:
    shop = RecordedShop(services)
    shop.record(Contact(1), Text(1, 1, NOW), Text(2, 1, LATER))
    rule = texted("EQUALS", 1, within=last(1, "HOURS"))
    found = []
    for hours in (0, 1, 47, 48, 49):
        shop.now = NOW + hours * HOUR
        found.append(shop.matching(rule))
    assert found == [{1}, set(), set(), {1}, set()]


def test_explanations_show_what_has_happened(services: Services) -> None:
    shop = RecordedShop(services)
    shop.record(Contact(1), Order(9, 1, BEFORE), ORDER)
    rule = shop.rule(spent("GREATER_THAN", "15"))
    measured = []
    for now in (NOW, LATER):
        shop.now = now
        found = shop.engine.explain(rule, [1])[1]
        measured.append((found.is_member, found.parts[0].measured))
    assert measured == [(False, "$10.00"), (True, "$20.00")]


@pytest.mark.parametrize(
    ("fact", "tables"),
    [
        (Text(1, 1, BEFORE), set()),
        (Text(1, 1, LATER), {"texts"}),
        (CANCELLED, {"orders", "order_lines"}),
        (Contact(1, subscribed_at=LATER), {"contacts"}),
    ],
)
def test_tables_with_facts_in_the_future_are_known(
    boutique: RecordedShop, fact: Any, tables: set[str]
) -> None:
    boutique.record(Contact(1), fact)
    audience = boutique.services.audience
    assert tables_with_upcoming_facts(audience, boutique.id, NOW) == tables


def test_products_on_future_orders_alone_are_not_suggested(boutique: RecordedShop) -> None:
    past, named = Order(1, 1, BEFORE, lines=(Line("mug"),)), Product("cup", "Cup")
    boutique.record(Contact(1), past, named)
    boutique.record(Order(2, 1, LATER, lines=(Line("new"), Line("cup"), Line("mug", title="M"))))
    for criterion in ("productPurchased", "ordersPlaced"):
        boutique.now = LATER - MILLISECOND
        assert {*boutique.suggest(criterion, "products")} == {"mug", "cup"}
        assert boutique.suggest(criterion, "products", "new") == []
        assert boutique.options(criterion, "products", "mug") == [Option("mug", "mug")]
        boutique.now = LATER
        assert {*boutique.suggest(criterion, "products")} == {"mug", "cup", "new"}
        assert boutique.suggest(criterion, "products", "new") == ["new"]

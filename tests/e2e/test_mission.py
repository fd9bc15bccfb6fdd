"""The mission's own examples, end to end over HTTP."""

from tests.factories import contact, order, text
from tests.support import Client

SUBSCRIBED = {"subscribeDate": {"operator": "ON_OR_AFTER", "date": "2024-05-01"}}


def _fill(shop: Client) -> None:
    shop.record(
        "contactsUpsert",
        [
            contact(1, phone="+12125550101", subscribedAt="2024-05-01T00:00:00Z", country="US"),
            contact(2, phone="+16045550102", subscribedAt="2024-06-01T00:00:00Z", country="CA"),
            contact(3, phone="+12125550103", subscribedAt="2024-04-30T23:59:59.999Z"),
            contact(4),
        ],
    )
    coral = {"productId": "coral", "title": "Coral bottle", "quantity": 1}
    lime = {"productId": "lime", "title": "Lime bottle", "quantity": 2}
    orders = [order(10, 2, lines=[coral]), order(11, 4, total="50.00", lines=[lime])]
    shop.record("ordersUpsert", orders)
    shop.record("textsRecord", [text(1, 2)])


def test_subscribed_on_or_after_a_day_but_never_ordered(shop: Client) -> None:
    _fill(shop)
    never_ordered = {"ordersPlaced": {"operator": "EQUALS", "count": 0}}
    size = shop.size({"all": [SUBSCRIBED, never_ordered]})
    assert size["members"] == 1
    assert size["contacts"] == 4
    assert size["share"] == 0.25
    assert [part["members"] for part in size["parts"]] == [1, 2, 2]
    assert size["parts"][0]["summary"] == (
        "Subscribed on or after May 1, 2024 and has placed no orders"
    )


def test_spent_over_fifty_dollars_and_never_texted(shop: Client) -> None:
    _fill(shop)
    rule = {
        "all": [
            {"spend": {"operator": "GREATER_THAN", "amount": "49.99"}},
            {"textsReceived": {"operator": "EQUALS", "count": 0}},
        ]
    }
    size = shop.size(rule)
    assert size["members"] == 1
    assert size["parts"][0]["summary"] == (
        "Has spent more than $49.99 and has never received a text"
    )


def test_bought_the_coral_or_the_lime_bottle(shop: Client) -> None:
    _fill(shop)

    def bought(product: str) -> dict[str, object]:
        return {"productPurchased": {"operator": "ANY_OF", "products": [product]}}

    assert shop.members({"any": [bought("coral"), bought("lime")]}) == 2
    assert shop.members(bought("coral")) == 1

"""Ten questions, each as a rule and as the ClickHouse SQL that an expert would write.

The SQL counts members only, and assumes one shop whose tables are merged, so it needs neither FINAL
nor a condition on ``deleted``. It counts rows of ``contacts``, because facts may have ids of
contacts that the shop does not have. If a question has several statements, the fastest counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SHOP = 1


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a number, so that each number gives a rule never evaluated before."""

    name: str
    rule: Callable[[int], Mapping[str, Any]]
    sql: Callable[[int], Sequence[str]]


def _count(condition: str) -> str:
    return f"SELECT count() FROM contacts WHERE shop_id = {SHOP} AND {condition}"


def _spent(having: str, where: str = "cancelled_at IS NULL") -> str:
    return (
        f"SELECT contact_id FROM orders WHERE shop_id = {SHOP} AND {where} "
        f"GROUP BY contact_id HAVING sum(total - refunded) {having}"
    )


EACH_OF_TWO = "GROUP BY contact_id HAVING uniqExact(product_id) = 2"
TEXTED = f"SELECT contact_id FROM texts WHERE shop_id = {SHOP}"
ORDERED = f"SELECT contact_id FROM orders WHERE shop_id = {SHOP} AND valid"


def _bought(products: Sequence[str], having: str = "") -> str:
    listed = ", ".join(f"'{product}'" for product in products)
    return (
        f"SELECT contact_id FROM order_lines WHERE shop_id = {SHOP} "
        f"AND product_id IN ({listed}) AND valid AND quantity > 0 {having}"
    )


def _products(n: int) -> list[str]:
    return [f"P{n % 1000:04}", f"P{(n + 1) % 1000:04}"]


def _day(n: int) -> str:
    return f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}"


QUESTIONS = (
    Question(
        "spend > x",
        lambda n: {"spend": {"operator": "GREATER_THAN", "amount": f"{500 + n}.00"}},
        lambda n: [_count(f"id IN ({_spent(f'> {500 + n}')})")],
    ),
    Question(
        "spend < x",
        lambda n: {"spend": {"operator": "LESS_THAN", "amount": f"{100 + n}.00"}},
        lambda n: [_count(f"id NOT IN ({_spent(f'>= {100 + n}')})")],
    ),
    Question(
        "never texted",
        lambda n: {"textsReceived": {"operator": "EQUALS", "count": 0}},
        lambda n: [
            _count(f"id NOT IN ({TEXTED})"),
            _count(f"id NOT IN ({TEXTED} GROUP BY contact_id)"),
        ],
    ),
    Question(
        "spend > x and never texted",
        lambda n: {
            "all": [
                {"spend": {"operator": "GREATER_THAN", "amount": f"{50 + n}.00"}},
                {"textsReceived": {"operator": "EQUALS", "count": 0}},
            ]
        },
        lambda n: [
            _count(f"id IN ({_spent(f'> {50 + n}')}) AND id NOT IN ({TEXTED})"),
            _count(f"id IN ({_spent(f'> {50 + n}')}) AND id NOT IN ({TEXTED} GROUP BY contact_id)"),
        ],
    ),
    Question(
        "bought a or b",
        lambda n: {"productPurchased": {"operator": "ANY_OF", "products": _products(n)}},
        lambda n: [
            _count(f"id IN ({_bought(_products(n))})"),
            _count(f"id IN ({_bought(_products(n), 'GROUP BY contact_id')})"),
        ],
    ),
    Question(
        "bought a and b",
        lambda n: {"productPurchased": {"operator": "ALL_OF", "products": _products(n)}},
        lambda n: [
            _count(f"id IN ({_bought(_products(n), EACH_OF_TWO)})"),
            _count(f"id IN ({_bought(_products(n)[:1])}) AND id IN ({_bought(_products(n)[1:])})"),
        ],
    ),
    Question(
        "subscribed since d, never ordered",
        lambda n: {
            "all": [
                {"subscribeDate": {"operator": "ON_OR_AFTER", "date": _day(n)}},
                {"ordersPlaced": {"operator": "EQUALS", "count": 0}},
            ]
        },
        lambda n: [
            _count(f"subscribed_at >= '{_day(n)} 00:00:00' AND id NOT IN ({ORDERED})"),
            _count(
                f"subscribed_at >= '{_day(n)} 00:00:00' "
                f"AND id NOT IN ({ORDERED} GROUP BY contact_id)"
            ),
        ],
    ),
    Question(
        "ordered, but not since d",
        lambda n: {"lastOrderDate": {"operator": "BEFORE", "date": _day(n)}},
        lambda n: [
            _count(
                f"id IN ({ORDERED} GROUP BY contact_id "
                f"HAVING max(ordered_at) < '{_day(n)} 00:00:00')"
            )
        ],
    ),
    Question(
        "texted a keyword, in the US",
        lambda n: {
            "all": [
                {"keyword": {"operator": "ANY_OF", "keywords": ["join", "vip"]}},
                {"location": {"operator": "ANY_OF", "countries": ["US"]}},
            ]
        },
        lambda n: [
            _count(
                "country = 'US' AND id IN (SELECT contact_id FROM keywords "
                f"WHERE shop_id = {SHOP} AND keyword IN ('join', 'vip'))"
            )
        ],
    ),
    Question(
        "(spend and orders) or texts lately, without a product",
        lambda n: {
            "all": [
                {
                    "any": [
                        {
                            "all": [
                                {"spend": {"operator": "AT_LEAST", "amount": f"{200 + n}.00"}},
                                {"ordersPlaced": {"operator": "AT_LEAST", "count": 3}},
                            ]
                        },
                        {
                            "textsReceived": {
                                "operator": "AT_LEAST",
                                "count": 2,
                                "within": {"since": _day(n)},
                            }
                        },
                    ]
                },
                {"productPurchased": {"operator": "NONE_OF", "products": _products(n)[:1]}},
            ]
        },
        lambda n: [
            _count(
                f"(id IN (SELECT contact_id FROM orders WHERE shop_id = {SHOP} "
                "GROUP BY contact_id "
                f"HAVING sumIf(total - refunded, cancelled_at IS NULL) >= {200 + n} "
                "AND countIf(valid) >= 3) "
                f"OR id IN ({TEXTED} AND sent_at >= '{_day(n)} 00:00:00' "
                "GROUP BY contact_id HAVING count() >= 2)) "
                f"AND id NOT IN ({_bought(_products(n)[:1])})"
            )
        ],
    ),
)

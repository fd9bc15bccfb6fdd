"""Every criterion, and rules of them, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from graphql_app.criteria import Scope
from graphql_app.plugins import Registry
from graphql_app.segments.rule import parse, sentence

SPEND = {"spend": {"operator": "GREATER_THAN", "amount": "50.00"}}
NEVER = {"textsReceived": {"operator": "EQUALS", "count": 0}}
LAST_MONTH = {"last": {"count": 1, "unit": "MONTHS"}}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"all": [SPEND, NEVER]}, "Total spend is greater than $50.00 and texts received equals 0"),
        ({"all": []}, "Everyone"),
        ({"not": SPEND}, "Not (total spend is greater than $50.00)"),
        (
            {"all": [NEVER, {"any": [SPEND, {"not": {"all": [SPEND, NEVER]}}]}]},
            (
                "Texts received equals 0 and (total spend is greater than $50.00 or "
                "not (total spend is greater than $50.00 and texts received equals 0))"
            ),
        ),
        ({"all": [{"any": [SPEND]}]}, "Total spend is greater than $50.00"),
        (
            {"spend": {"operator": "BETWEEN", "amount": "0.1234", "upTo": "1000"}},
            "Total spend is between $0.1234 and $1,000.00",
        ),
        (
            {"ordersPlaced": {"operator": "AT_LEAST", "count": 1000, "within": LAST_MONTH}},
            "Orders placed is at least 1,000 in the last 1 month",
        ),
        (
            {
                "textsReceived": {
                    "operator": "NOT_EQUALS",
                    "count": 2,
                    "within": {"between": {"from": "2024-05-01", "to": "2024-05-31"}},
                }
            },
            "Texts received does not equal 2 between May 1, 2024 and May 31, 2024",
        ),
        (
            {"subscribeDate": {"operator": "ON_OR_AFTER", "date": "2024-05-01"}},
            "Subscribe date is on or after May 1, 2024",
        ),
        (
            {"lastOrderDate": {"operator": "NOT_IN_LAST", "days": 90}},
            "Last order date is not in the last 90 days",
        ),
        (
            {"lastOrderDate": {"operator": "MORE_THAN_AGO", "days": 1}},
            "Last order date is more than 1 day ago",
        ),
        ({"lastOrderDate": {"operator": "IS_NOT_SET"}}, "Last order date is not set"),
        (
            {"keyword": {"operator": "NONE_OF", "keywords": [" JOIN ", "join", "Vip"]}},
            "Keyword texted is none of join or vip",
        ),
        (
            {
                "productPurchased": {
                    "operator": "ALL_OF",
                    "products": ["a", "b", "c", "d", "e", "f", "g"],
                    "minimumTimes": 2,
                    "minimumUnits": 1,
                    "within": {"since": "2024-05-01"},
                }
            },
            (
                "Product purchased is all of a, b, c, d, e and 2 more since May 1, 2024, "
                "at least 2 times, at least 1 unit"
            ),
        ),
        (
            {
                "location": {
                    "operator": "ANY_OF",
                    "countries": ["US", "CA"],
                    "regions": ["CA", "NY"],
                }
            },
            "Location is any of United States or Canada (CA or NY only)",
        ),
        ({"location": {"operator": "IS_NOT_SET"}}, "Location is not set"),
        ({"contactType": {"operator": "IS_NOT", "type": "TEXTABLE"}}, "Contact is not textable"),
    ],
)
def test_a_rule_in_words(registry: Registry, rule: dict[str, Any], words: str) -> None:
    scope = Scope(ZoneInfo("UTC"), "USD", datetime(2026, 1, 1, tzinfo=UTC))
    assert sentence(parse(rule, registry), scope) == words


@pytest.mark.parametrize(
    ("currency", "words"),
    [("GBP", "£50.00"), ("EUR", "€50.00"), ("JPY", "¥50"), ("KWD", "KWD50.000")],
)
def test_amounts_are_in_the_shops_currency(registry: Registry, currency: str, words: str) -> None:
    scope = Scope(ZoneInfo("UTC"), currency, datetime(2026, 1, 1, tzinfo=UTC))
    found = sentence(parse(SPEND, registry), scope).replace("\xa0", " ")
    assert found == f"Total spend is greater than {words}"

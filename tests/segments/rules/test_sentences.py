"""Every criterion, and rules of them, in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from graphql_app.criteria import Scope
from graphql_app.plugins import Registry
from graphql_app.segments.rules.parser import parse
from graphql_app.segments.rules.sentences import sentence
from graphql_app.segments.rules.tree import Named

SPEND = {"spend": {"operator": "GREATER_THAN", "amount": "50.00"}}
NEVER = {"textsReceived": {"operator": "EQUALS", "count": 0}}
SCOPE = Scope(ZoneInfo("UTC"), "USD", datetime(2026, 1, 1, tzinfo=UTC))
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
    assert sentence(parse(rule, registry), SCOPE) == words


LAST_WEEK = {"last": {"count": 7, "unit": "DAYS"}}


def color(operator: str, **more: Any) -> dict[str, Any]:
    return {"property": {"operator": operator, "property": "color", **more}}


@pytest.mark.parametrize(
    ("key", "fields", "words"),
    [
        (
            "averageOrderValue",
            {"operator": "BETWEEN", "amount": "10", "upTo": "20.5", "within": LAST_WEEK},
            "Average order value is between $10.00 and $20.50 in the last 7 days",
        ),
        ("averageOrderValue", {"operator": "IS_NOT_SET"}, "Average order value is not set"),
        ("clickRate", {"operator": "AT_LEAST", "percent": "12.50"}, "Click rate is at least 12.5%"),
        (
            "clickRate",
            {"operator": "BETWEEN", "percent": "0", "upTo": "100"},
            "Click rate is between 0% and 100%",
        ),
        ("clickRate", {"operator": "IS_SET"}, "Click rate is set"),
        (
            "textsClicked",
            {"operator": "EQUALS", "count": 1, "within": LAST_WEEK},
            "Texts clicked equals 1 in the last 7 days",
        ),
        (
            "firstOrderDate",
            {"operator": "MORE_THAN_AGO", "days": 30},
            "First order date is more than 30 days ago",
        ),
        (
            "lastTextDate",
            {"operator": "IN_LAST", "days": 1},
            "Last text date is in the last 1 day",
        ),
        (
            "unsubscribedDate",
            {"operator": "NOT_ON", "date": "2024-05-01"},
            "Unsubscribe date is not on May 1, 2024",
        ),
        (
            "createdDate",
            {"operator": "BETWEEN", "date": "2024-05-01", "upTo": "2024-05-02"},
            "Created date is between May 1, 2024 and May 2, 2024",
        ),
        (
            "subscriptionStatus",
            {"operator": "IS", "status": "NEVER"},
            "Subscription status is never subscribed",
        ),
        (
            "subscriptionStatus",
            {"operator": "IS_NOT", "status": "SUBSCRIBED"},
            "Subscription status is not subscribed",
        ),
        ("tag", {"operator": "ALL_OF", "tags": ["vip", "new"]}, "Tag is all of vip and new"),
        ("city", {"operator": "NONE_OF", "cities": ["Austin"]}, "City is none of Austin"),
        ("city", {"operator": "IS_SET"}, "City is set"),
        (
            "emailDomain",
            {"operator": "ANY_OF", "domains": ["gmail.com", "gmx.de"]},
            "E-mail domain is any of gmail.com or gmx.de",
        ),
        (
            "areaCode",
            {"operator": "ANY_OF", "codes": ["212", "+44"]},
            "Area code is any of 212 or +44",
        ),
        ("anniversary", {"operator": "IS_TODAY"}, "Anniversary of subscribing is today"),
        (
            "anniversary",
            {"operator": "NOT_IN_NEXT", "days": 7, "property": "birthday"},
            'Anniversary of "birthday" is not in the next 7 days',
        ),
        (
            "anniversary",
            {"operator": "IS_NOT_THIS_MONTH", "property": "birthday"},
            'Anniversary of "birthday" is not this month',
        ),
        (
            "ordersPlaced",
            {
                "operator": "AT_LEAST",
                "count": 2,
                "products": ["A", "B"],
                "minimumValue": "50",
                "within": LAST_WEEK,
            },
            "Orders placed with A or B of at least $50.00 is at least 2 in the last 7 days",
        ),
        (
            "ordersPlaced",
            {"operator": "EQUALS", "count": 0, "minimumValue": "50"},
            "Orders placed of at least $50.00 equals 0",
        ),
        (
            "productPurchased",
            {"operator": "TITLE_CONTAINS", "words": "water bottle", "minimumTimes": 2},
            "Product purchased has a title with water bottle, at least 2 times",
        ),
        (
            "productPurchased",
            {"operator": "NO_TITLE_CONTAINS", "words": "water", "within": LAST_WEEK},
            "Product purchased has no title with water in the last 7 days",
        ),
        (
            "event",
            {"operator": "AT_LEAST", "count": 2, "name": "viewed"},
            'Event "viewed" count is at least 2',
        ),
        (
            "event",
            {
                "operator": "BETWEEN",
                "count": 1,
                "upTo": 3,
                "name": "viewed",
                "within": LAST_WEEK,
                "conditions": [
                    color("ANY_OF", texts=["red", "blue"])["property"],
                    {"operator": "MORE_THAN_AGO", "property": "made", "days": 2},
                    {"operator": "IS_TRUE", "property": "new"},
                ],
            },
            (
                'Event "viewed" count is between 1 and 3 in the last 7 days where '
                '"color" is any of red or blue and "made" is more than 2 days ago and '
                '"new" is yes'
            ),
        ),
    ],
)
def test_each_criterion_in_words(
    registry: Registry, key: str, fields: dict[str, Any], words: str
) -> None:
    assert sentence(parse({key: fields}, registry), SCOPE) == words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (color("ANY_OF", texts=["red", "blue"]), "is any of red or blue"),
        (color("NOT_CONTAINS", text="red"), "does not contain red"),
        (color("STARTS_WITH", text="re"), "starts with re"),
        (color("EQUALS", number="1000.50"), "equals 1,000.5"),
        (color("BETWEEN", number="-1", numberUpTo="2"), "is between -1 and 2"),
        (color("NOT_ON", date="1999-12-31"), "is not on Dec 31, 1999"),
        (
            color("BETWEEN_DAYS", date="2000-01-01", dateUpTo="2000-01-02"),
            "is between the days Jan 1, 2000 and Jan 2, 2000",
        ),
        (color("NOT_IN_LAST", days=30), "is not in the last 30 days"),
        (color("MORE_THAN_AGO", days=1), "is more than 1 day ago"),
        (color("IS_TRUE"), "is yes"),
        (color("IS_FALSE"), "is no"),
        (color("IS_SET"), "is set"),
    ],
)
def test_a_property_in_words(registry: Registry, rule: dict[str, Any], words: str) -> None:
    assert sentence(parse(rule, registry), SCOPE) == f'Property "color" {words}'


def test_another_segment_is_called_by_its_name(registry: Registry) -> None:
    def library(id: str) -> Named:
        return Named(id, 'The "best"', SPEND)

    inside = {"inSegment": {"operator": "IS", "segment": "x"}}
    outside = {"inSegment": {"operator": "IS_NOT", "segment": "x"}}
    for rule, words in (
        (inside, 'In the segment "The "best""'),
        ({"all": [NEVER, outside]}, 'Texts received equals 0 and not in the segment "The "best""'),
        ({"not": inside}, 'Not (in the segment "The "best"")'),
    ):
        assert sentence(parse(rule, registry, library=library), SCOPE) == words


@pytest.mark.parametrize(
    ("currency", "words"),
    [("GBP", "£50.00"), ("EUR", "€50.00"), ("JPY", "¥50"), ("KWD", "KWD50.000")],
)
def test_amounts_are_in_the_shops_currency(registry: Registry, currency: str, words: str) -> None:
    scope = Scope(ZoneInfo("UTC"), currency, datetime(2026, 1, 1, tzinfo=UTC))
    found = sentence(parse(SPEND, registry), scope).replace("\xa0", " ")
    assert found == f"Total spend is greater than {words}"

"""Every criterion, and rules of them, in words.

This module is long because of the table of rules and their sentences.
"""

from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import ColumnElement, literal, select, true

from graphql_app.audience.tables import Statement
from graphql_app.criteria import CountCriterion, Criterion, Operator, Scope, Text, form_field
from graphql_app.plugins import Registry
from graphql_app.segments.rules.parser import parse
from graphql_app.segments.rules.sentences import sentence
from graphql_app.segments.rules.tree import All, Named, Not
from tests.parity.evaluation.facts import Document
from tests.parity.examples import criterion, last

SPEND = criterion("spend", "GREATER_THAN", amount="50.00")
NEVER = criterion("textsReceived", "EQUALS", count=0)
SCOPE = Scope(ZoneInfo("UTC"), "USD", datetime(2026, 1, 1, tzinfo=UTC))
LAST_MONTH = last(1, "MONTHS")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"all": [SPEND, NEVER]}, "Has spent more than $50.00 and has never received a text"),
        ({"all": []}, "Everyone"),
        ({"not": SPEND}, "Has spent at most $50.00"),
        (
            {"all": [NEVER, {"any": [SPEND, {"not": {"all": [SPEND, NEVER]}}]}]},
            (
                "Has never received a text and either has spent more than $50.00 or "
                "has spent at most $50.00 or has received a text"
            ),
        ),
        ({"all": [{"any": [SPEND]}]}, "Has spent more than $50.00"),
        (
            criterion("spend", "BETWEEN", amount="0.1234", upTo="1000"),
            "Has spent between $0.1234 and $1,000.00",
        ),
        (
            criterion("ordersPlaced", "AT_LEAST", count=1000, within=LAST_MONTH),
            "Has placed at least 1,000 orders in the last month",
        ),
        (
            criterion(
                "textsReceived",
                "NOT_EQUALS",
                count=2,
                within={"between": {"from": "2024-05-01", "to": "2024-05-31"}},
            ),
            "Has not received exactly 2 texts from May 1, 2024 to May 31, 2024",
        ),
        (
            criterion("subscribeDate", "ON_OR_AFTER", date="2024-05-01"),
            "Subscribed on or after May 1, 2024",
        ),
        (criterion("lastOrderDate", "NOT_IN_LAST", days=90), "Has not ordered in the last 90 days"),
        (
            criterion("lastOrderDate", "MORE_THAN_AGO", days=1),
            "Last ordered more than 24 hours ago",
        ),
        (criterion("lastOrderDate", "IS_NOT_SET"), "Has never ordered"),
        (
            criterion("keyword", "NONE_OF", keywords=["JOIN", "Straße"]),
            "Has not texted any of JOIN or Straße",
        ),
        (
            criterion(
                "productPurchased",
                "ALL_OF",
                products=["a", "b", "c", "d", "e", "f", "g"],
                minimumTimes=2,
                minimumUnits=1,
                within={"since": "2024-05-01"},
            ),
            (
                "Has bought at least 1 unit of each of a, b, c, d, e and 2 more "
                "on at least 2 orders each since May 1, 2024"
            ),
        ),
        (
            criterion("location", "ANY_OF", countries=["US", "CA"], regions=["CA", "NY"]),
            "Lives in United States or Canada (CA or NY only)",
        ),
        (criterion("location", "IS_NOT_SET"), "Has no country"),
        (criterion("contactType", "IS_NOT", type="TEXTABLE"), "Cannot be texted"),
    ],
)
def test_a_rule_in_words(registry: Registry, rule: Document, words: str) -> None:
    assert sentence(parse(rule, registry), SCOPE) == words


LAST_WEEK = last(7, "DAYS")
VIP, NEW = (criterion("tag", "ANY_OF", tags=[tag]) for tag in ("vip", "new"))
IS_VIP, IS_NEW = ("is tagged with any of vip", "is tagged with any of new")
SPENT, UNTEXTED = "has spent more than $50.00", "has never received a text"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"all": [SPEND, {"all": [NEVER, VIP]}]}, f"{SPENT} and {UNTEXTED} and {IS_VIP}"),
        ({"any": [SPEND, {"all": [NEVER, VIP]}]}, f"{SPENT} or both {UNTEXTED} and {IS_VIP}"),
        ({"any": [{"all": [NEVER, VIP]}, SPEND]}, f"({UNTEXTED} and {IS_VIP}) or {SPENT}"),
        (
            {"any": [SPEND, {"all": [NEVER, VIP, NEW]}]},
            f"{SPENT} or ({UNTEXTED} and {IS_VIP} and {IS_NEW})",
        ),
        (
            {"all": [{"any": [SPEND, VIP]}, {"any": [NEVER, NEW]}]},
            f"({SPENT} or {IS_VIP}) and either {UNTEXTED} or {IS_NEW}",
        ),
        (
            {"all": [SPEND, {"any": [NEVER, {"all": [VIP, NEW]}]}]},
            f"{SPENT} and either {UNTEXTED} or both {IS_VIP} and {IS_NEW}",
        ),
        (
            {"all": [{"any": [NEVER, {"all": [VIP, NEW]}]}, SPEND]},
            f"({UNTEXTED} or both {IS_VIP} and {IS_NEW}) and {SPENT}",
        ),
        ({"not": {"not": SPEND}}, SPENT),
        ({"not": {"all": []}}, "no one"),
        (
            {"not": {"any": [SPEND, VIP]}},
            "has spent at most $50.00 and is not tagged with any of vip",
        ),
        (
            {"all": [NEW, {"not": {"all": [SPEND, {"not": NEVER}]}}]},
            f"{IS_NEW} and either has spent at most $50.00 or {UNTEXTED}",
        ),
    ],
)
def test_groups_have_as_few_parentheses_as_they_need(
    registry: Registry, rule: Document, words: str
) -> None:
    assert sentence(parse(rule, registry), SCOPE) == words[:1].upper() + words[1:]


color = partial(criterion, "property", property="color")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            criterion("averageOrderValue", "BETWEEN", amount="10", upTo="20.5", within=LAST_WEEK),
            "Has an average order value between $10.00 and $20.50 in the last 7 days",
        ),
        (criterion("averageOrderValue", "IS_NOT_SET"), "Has no average order value"),
        (
            color("BETWEEN_DAYS", date="0001-01-01", dateUpTo="9999-12-31"),
            '"color" is between the dates Jan 1, 1 and Dec 31, 9999',
        ),
        (criterion("clickRate", "AT_LEAST", percent="12.50"), "Has a click rate of at least 12.5%"),
        (
            criterion("clickRate", "BETWEEN", percent="0", upTo="100"),
            "Has a click rate between 0% and 100%",
        ),
        (criterion("clickRate", "IS_SET"), "Has a click rate"),
        (
            criterion("textsClicked", "EQUALS", count=1, within=LAST_WEEK),
            "Has clicked exactly 1 text in the last 7 days",
        ),
        (
            criterion("firstOrderDate", "MORE_THAN_AGO", days=30),
            "First ordered more than 30 days ago",
        ),
        (criterion("lastTextDate", "IN_LAST", days=1), "Was texted in the last 24 hours"),
        (criterion("firstTextDate", "IN_LAST", days=7), "Was first texted in the last 7 days"),
        (criterion("firstTextDate", "IS_NOT_SET"), "Has never been texted"),
        (
            criterion("lastTextDate", "MORE_THAN_AGO", days=1),
            "Was last texted more than 24 hours ago",
        ),
        (
            criterion(
                "spend", "AT_LEAST", amount="5", within={"last": {"count": 1, "unit": "DAYS"}}
            ),
            "Has spent at least $5.00 in the last 24 hours",
        ),
        (
            criterion("unsubscribedDate", "NOT_ON", date="2024-05-01"),
            "Did not unsubscribe on May 1, 2024",
        ),
        (
            criterion("createdDate", "BETWEEN", date="2024-05-01", upTo="2024-05-02"),
            "Was created between May 1, 2024 and May 2, 2024",
        ),
        (
            criterion("subscriptionStatus", "IS", status="NEVER"),
            "Has never subscribed or unsubscribed",
        ),
        (
            criterion("subscriptionStatus", "IS_NOT", status="SUBSCRIBED"),
            "Is not subscribed to texts",
        ),
        (criterion("tag", "ALL_OF", tags=["vip", "new"]), "Is tagged with all of vip and new"),
        (criterion("tag", "IS_SET"), "Has at least one tag"),
        (criterion("productPurchased", "IS_NOT_SET"), "Has never bought a product"),
        (
            criterion("productPurchased", "IS_NOT_SET", minimumUnits=2, within=LAST_WEEK),
            "Has not bought at least 2 units of any product in the last 7 days",
        ),
        (
            criterion("productPurchased", "IS_SET", minimumTimes=2),
            "Has bought a product on at least 2 orders",
        ),
        (criterion("tag", "IS_NOT_SET"), "Has no tags"),
        (
            criterion("keyword", "IS_SET", within=LAST_WEEK),
            "Has texted a keyword in the last 7 days",
        ),
        (criterion("keyword", "IS_NOT_SET"), "Has never texted a keyword"),
        (
            criterion("keyword", "IS_NOT_SET", within=LAST_WEEK),
            "Has texted no keyword in the last 7 days",
        ),
        (criterion("email", "ANY_OF", emails=["a@b.c", "d"]), "Has the email address a@b.c or d"),
        (criterion("email", "NONE_OF", emails=["a"]), "Does not have the email address a"),
        (criterion("email", "CONTAINS", text="a@"), "Has an email address that contains a@"),
        (criterion("email", "NOT_CONTAINS", text="a@"), "Has no email address that contains a@"),
        (criterion("email", "IS_NOT_SET"), "Has no email address"),
        (criterion("phone", "ANY_OF", numbers=["+1 2"]), "Has the phone number +1 2"),
        (
            criterion("phone", "NONE_OF", numbers=["1", "2"]),
            "Does not have the phone number 1 or 2",
        ),
        (criterion("phone", "CONTAINS", digits="555"), "Has a phone number that contains 555"),
        (criterion("phone", "NOT_CONTAINS", digits="555"), "Has no phone number that contains 555"),
        (criterion("phone", "IS_SET"), "Has a phone number"),
        (criterion("city", "NONE_OF", cities=["Austin"]), "Does not live in Austin"),
        (criterion("city", "IS_SET"), "Has a city"),
        (
            criterion("emailDomain", "ANY_OF", domains=["gmail.com", "gmx.de"]),
            "Has an email address at gmail.com or gmx.de",
        ),
        (
            criterion("areaCode", "ANY_OF", codes=["212", "+44"]),
            "Has a phone number in the area code 212 or +44",
        ),
        (criterion("anniversary", "IS_TODAY"), "Has an anniversary of subscribing today"),
        (
            criterion("anniversary", "NOT_IN_NEXT", days=7, property="birthday"),
            'Has no anniversary of "birthday" in the next 7 days',
        ),
        (
            criterion("anniversary", "IS_NOT_THIS_MONTH", property="birthday"),
            'Has no anniversary of "birthday" this month',
        ),
        (
            criterion(
                "ordersPlaced",
                "AT_LEAST",
                count=2,
                products=["A", "B"],
                minimumValue="50",
                within=LAST_WEEK,
            ),
            "Has placed at least 2 orders of $50.00 or more with any of A or B in the last 7 days",
        ),
        (
            criterion("ordersPlaced", "EQUALS", count=0, minimumValue="50"),
            "Has placed no orders of $50.00 or more",
        ),
        (
            criterion("productPurchased", "TITLE_CONTAINS", words="water bottle", minimumTimes=2),
            "Has bought products whose name contains water bottle on at least 2 orders",
        ),
        (
            criterion("productPurchased", "TITLE_CONTAINS", words="water bottle", minimumUnits=3),
            "Has bought at least 3 units of products whose name contains water bottle",
        ),
        (
            criterion("productPurchased", "TITLE_CONTAINS", words="water bottle"),
            "Has bought a product whose name contains water bottle",
        ),
        (
            criterion("productPurchased", "NO_TITLE_CONTAINS", words="water", within=LAST_WEEK),
            "Has not bought a product whose name contains water in the last 7 days",
        ),
        (
            criterion("event", "AT_LEAST", count=2, name="viewed"),
            'Had the event "viewed" at least 2 times',
        ),
        (
            criterion("firstEventDate", "ON", name="viewed", date="2024-05-01"),
            'First had the event "viewed" on May 1, 2024',
        ),
        (
            criterion("firstEventDate", "NOT_ON", name="viewed", date="2024-05-01"),
            'Did not first have the event "viewed" on May 1, 2024',
        ),
        (
            criterion("lastEventDate", "MORE_THAN_AGO", name="viewed", days=30),
            'Last had the event "viewed" more than 30 days ago',
        ),
        (
            criterion("lastEventDate", "NOT_IN_LAST", name="viewed", days=30),
            'Has not had the event "viewed" in the last 30 days',
        ),
        (
            criterion(
                "lastEventDate",
                "IS_SET",
                name="viewed",
                conditions=[{"operator": "IS_TRUE", "property": "new"}],
            ),
            'Has had the event "viewed" (where "new" is yes) before',
        ),
        (
            criterion("firstEventDate", "IS_NOT_SET", name="viewed"),
            'Has never had the event "viewed"',
        ),
        (
            criterion(
                "event",
                "BETWEEN",
                count=1,
                upTo=3,
                name="viewed",
                within=LAST_WEEK,
                conditions=[
                    {"operator": "ANY_OF", "property": "color", "texts": ["red", "blue"]},
                    {"operator": "MORE_THAN_AGO", "property": "made", "days": 2},
                    {"operator": "IS_TRUE", "property": "new"},
                ],
            ),
            (
                'Had the event "viewed" (where "color" is any of red or blue and '
                '"made" is longer ago than 2 calendar days (2 times 24 hours if it has a time) and '
                '"new" is yes) between 1 and 3 times '
                "in the last 7 days"
            ),
        ),
    ],
)
def test_each_criterion_in_words(registry: Registry, rule: Document, words: str) -> None:
    assert sentence(parse(rule, registry), SCOPE) == words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (color("ANY_OF", texts=["red", "blue"]), "is any of red or blue"),
        (color("NOT_CONTAINS", text="red"), "does not contain red"),
        (color("STARTS_WITH", text="re"), "starts with re"),
        (color("EQUALS", number="1000.50"), "is exactly 1,000.5"),
        (color("BETWEEN", number="-1", numberUpTo="2"), "is between -1 and 2"),
        (color("NOT_ON", date="1999-12-31"), "is not on Dec 31, 1999"),
        (
            color("BETWEEN_DAYS", date="2000-01-01", dateUpTo="2000-01-02"),
            "is between the dates Jan 1, 2000 and Jan 2, 2000",
        ),
        (color("IN_LAST", days=1), "is today (in the last 24 hours if it has a time)"),
        (color("NOT_IN_LAST", days=1), "is not today (not in the last 24 hours if it has a time)"),
        (
            color("NOT_IN_LAST", days=30),
            "is not in the last 30 calendar days (30 times 24 hours if it has a time)",
        ),
        (
            color("MORE_THAN_AGO", days=1),
            "is longer ago than yesterday (than 24 hours if it has a time)",
        ),
        (
            color("MORE_THAN_AGO", days=1_000),
            "is longer ago than 1,000 calendar days (1,000 times 24 hours if it has a time)",
        ),
        (color("IS_TRUE"), "is yes"),
        (color("IS_FALSE"), "is no"),
        (color("IS_SET"), "has a value"),
    ],
)
def test_a_property_in_words(registry: Registry, rule: Document, words: str) -> None:
    assert sentence(parse(rule, registry), SCOPE) == f'"color" {words}'


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (criterion("textsReceived", "EQUALS", count=0), "Has never received a text"),
        (
            criterion("textsReceived", "EQUALS", count=0, within=LAST_WEEK),
            "Has received no texts in the last 7 days",
        ),
        (criterion("textsReceived", "NOT_EQUALS", count=0), "Has received a text"),
        (criterion("textsReceived", "GREATER_THAN", count=0), "Has received at least one text"),
        (criterion("textsReceived", "LESS_THAN", count=2), "Has received fewer than 2 texts"),
        (criterion("textsClicked", "EQUALS", count=0), "Has never clicked a text"),
        (criterion("ordersPlaced", "EQUALS", count=0), "Has placed no orders"),
        (
            criterion("ordersPlaced", "EQUALS", count=0, products=["A"], within=LAST_WEEK),
            "Has placed no orders with any of A in the last 7 days",
        ),
        (criterion("event", "EQUALS", name="viewed", count=0), 'Has never had the event "viewed"'),
        (
            criterion("event", "EQUALS", name="viewed", count=0, within=LAST_WEEK),
            'Did not have the event "viewed" in the last 7 days',
        ),
        (criterion("spend", "EQUALS", amount="0"), "Has spent nothing"),
        (criterion("clickRate", "EQUALS", percent="0"), "Has a click rate of exactly 0%"),
    ],
)
def test_zero_in_words(registry: Registry, rule: Document, words: str) -> None:
    assert sentence(parse(rule, registry), SCOPE) == words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (criterion("textsReceived", "EQUALS", count=0), "Has received a text"),
        (
            criterion("textsReceived", "BETWEEN", count=1, upTo=2),
            "Has not received between 1 and 2 texts",
        ),
        (criterion("textsReceived", "AT_LEAST", count=2), "Has received fewer than 2 texts"),
        (criterion("spend", "LESS_THAN", amount="5"), "Has spent at least $5.00"),
        (
            criterion("averageOrderValue", "LESS_THAN", amount="5"),
            "Does not have an average order value of less than $5.00",
        ),
        (criterion("lastOrderDate", "IS_SET"), "Has never ordered"),
        (
            criterion("lastOrderDate", "BEFORE", date="2024-05-01"),
            "Did not last order before May 1, 2024",
        ),
        (criterion("lastOrderDate", "NOT_IN_LAST", days=1), "Ordered in the last 24 hours"),
        (
            color("MORE_THAN_AGO", days=2),
            '"color" is not longer ago than 2 calendar days (2 times 24 hours if it has a time)',
        ),
        (criterion("keyword", "ALL_OF", keywords=["a", "b"]), "Has not texted all of a and b"),
        (criterion("tag", "NONE_OF", tags=["a", "b"]), "Is tagged with any of a or b"),
        (criterion("contactType", "IS", type="TEXTABLE"), "Cannot be texted"),
        (color("EQUALS", number="5"), '"color" is not exactly 5'),
        (color("AT_LEAST", number="5"), '"color" is not at least 5'),
        (color("IS_TRUE"), '"color" is not yes'),
        (color("CONTAINS", text="red"), '"color" does not contain red'),
    ],
)
def test_complements_in_words(registry: Registry, rule: Document, words: str) -> None:
    assert sentence(parse({"not": rule}, registry), SCOPE) == words


class VisitOperator(Operator):
    """How visits are compared."""

    VISITED = "VISITED", "visited"
    IS_SET = "IS_SET"
    IS_NOT_SET = "IS_NOT_SET"


class Points(CountCriterion):
    """A third party's count, without words of its own."""

    key = "points"
    label = "SMS points"

    def measure(self, scope: Scope) -> Statement:
        return select(literal(1), literal(1))


class Visits(Criterion):
    """A third party's criterion with operators of its own."""

    key = "visits"
    label = "Visits"
    operator: VisitOperator
    page: Text | None = form_field("Page", used_with=(VisitOperator.VISITED,))

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return true()


@pytest.mark.parametrize(
    ("rule", "words", "complement"),
    [
        (
            Points.model_validate({"operator": "BETWEEN", "count": 1, "upTo": 2}),
            "SMS points is between 1 and 2",
            "SMS points is not between 1 and 2",
        ),
        (
            Points.model_validate({"operator": "EQUALS", "count": 0}),
            "SMS points is exactly 0",
            "SMS points is not exactly 0",
        ),
        (
            Points.model_validate({"operator": "AT_MOST", "count": 2}),
            "SMS points is at most 2",
            "SMS points is more than 2",
        ),
        (
            Visits.model_validate({"operator": "VISITED", "page": "Is it"}),
            "Visits visited Is it",
            "Not (Visits visited Is it)",
        ),
        (
            Visits.model_validate({"operator": "IS_SET"}),
            "Visits has a value",
            "Visits has no value",
        ),
    ],
)
def test_a_criterion_without_words_is_described_by_its_label(
    rule: Criterion, words: str, complement: str
) -> None:
    assert sentence(rule, SCOPE) == words
    assert sentence(Not(rule), SCOPE) == complement
    both = sentence(All((Not(rule), rule)), SCOPE)
    assert both.casefold() == f"{complement} and {words}".casefold()
    assert ("SMS" in both) is ("SMS" in words)


def test_another_segment_is_called_by_its_name(registry: Registry) -> None:
    def library(id: str) -> Named:
        return Named(id, 'The "best"', SPEND)

    inside = criterion("inSegment", "IS", segment="x")
    outside = criterion("inSegment", "IS_NOT", segment="x")
    for rule, words in (
        (inside, 'Is in the segment "The "best""'),
        (
            {"all": [NEVER, outside]},
            'Has never received a text and is not in the segment "The "best""',
        ),
        ({"not": inside}, 'Is not in the segment "The "best""'),
        ({"not": outside}, 'Is in the segment "The "best""'),
    ):
        assert sentence(parse(rule, registry, library=library), SCOPE) == words


@pytest.mark.parametrize(
    ("currency", "words"),
    [("GBP", "£50.00"), ("EUR", "€50.00"), ("JPY", "¥50"), ("KWD", "KWD50.000")],
)
def test_amounts_are_in_the_shops_currency(registry: Registry, currency: str, words: str) -> None:
    scope = Scope(ZoneInfo("UTC"), currency, datetime(2026, 1, 1, tzinfo=UTC))
    found = sentence(parse(SPEND, registry), scope).replace("\xa0", " ")
    assert found == f"Has spent more than {words}"

"""Explanations of memberships: whether each part of a rule matches, and the compared values.

This module is long because of the table of criteria with the values that explain them.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact, Expression, Order, Statement
from graphql_app.criteria import (
    CountCriterion,
    Interval,
    MeasuredCriterion,
    MoneyCriterion,
    NumberOperator,
    Scope,
    StateOperator,
    Text,
    form_field,
)
from graphql_app.errors import AppError, ErrorCode
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.segments.explanation import MembershipExplanation
from graphql_app.segments.failures import CriterionFailedError
from graphql_app.segments.rules.tree import Not, Rule
from tests.parity.evaluation import facts
from tests.parity.recorded_shop import RecordedShop

NOW = datetime(2024, 7, 15, 16, tzinfo=UTC)
LONDON = Scope(ZoneInfo("Europe/London"), "GBP", NOW)
REGULAR, OCCASIONAL, NOBODY, STRANGER = 1, 2, 3, 4


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def order(number: int, contact: int, when: str, total: str, **more: Any) -> facts.Order:
    return facts.Order(number, contact, at(when), Decimal(total), **more)


PEOPLE = (
    facts.Contact(
        REGULAR,
        created_at=at("2011-07-02T22:59:59.999"),
        subscribed_at=at("2024-03-31T00:59:59.999"),
        unsubscribed_at=at("2024-03-31T01:00"),
    ),
    facts.Contact(OCCASIONAL, created_at=at("2023-12-31T23:59:59.999")),
    facts.Contact(NOBODY),
)
ORDERS = (
    order(1, REGULAR, "2011-07-02T23:00", "20.00"),
    order(2, REGULAR, "2024-01-05T12:30", "30.00", refunded=Decimal("17.80")),
    order(3, REGULAR, "2024-07-14T22:59:59.999", "5.00"),
    order(4, REGULAR, "2024-07-15T12:00", "99.00", cancelled_at=at("2024-07-15T13:00")),
    order(5, OCCASIONAL, "2024-07-01T00:00", "1234.5678"),
    order(6, OCCASIONAL, "2024-07-02T00:00", "765.4322"),
    order(7, OCCASIONAL, "2024-07-03T00:00", "0.0002"),
)
TEXTS = (
    facts.Text(1, OCCASIONAL, at("2024-06-30T22:30")),
    facts.Text(2, OCCASIONAL, at("2024-06-30T23:30"), at("2024-07-01T08:00")),
    facts.Text(3, OCCASIONAL, at("2024-07-01T12:00")),
)
EVENTS = tuple(
    facts.Event(number, REGULAR, "viewed", NOW, properties=f'{{"size": {number}}}')
    for number in range(1_200)
)


@pytest.fixture(scope="module")
def shop(services: Services) -> RecordedShop:
    """Return a shop with two customers and a contact without facts; another shop has a stranger."""
    shop = RecordedShop(services, "Europe/London", NOW)
    shop.record(*PEOPLE, *ORDERS, *TEXTS, *EVENTS)
    RecordedShop(services).record(facts.Contact(STRANGER))
    return shop


def explain_contacts(
    shop: RecordedShop, rule: Rule | dict[str, Any], scope: Scope = LONDON, *ids: int
) -> dict[int, MembershipExplanation]:
    parsed = shop.rule(rule) if isinstance(rule, dict) else rule
    contacts = ids or (REGULAR, OCCASIONAL, NOBODY)
    return replace(shop.engine, scope=scope).explain(parsed, contacts)


def measured(
    shop: RecordedShop, rule: Rule | dict[str, Any], scope: Scope = LONDON
) -> list[str | None]:
    """Return the values shown for the three contacts and a rule of one criterion."""
    found = explain_contacts(shop, rule, scope)
    assert [*map(len, (explanation.parts for explanation in found.values()))] == [1, 1, 1]
    return [found[id].parts[0].measured for id in (REGULAR, OCCASIONAL, NOBODY)]


SINCE_JULY = {"since": "2024-07-01"}
SHOWN: list[tuple[str, dict[str, Any], list[str | None]]] = [
    ("spend", {"operator": "GREATER_THAN", "amount": "50.00"}, ["£37.20", "£2,000.0002", "£0.00"]),
    (
        "spend",
        {"operator": "AT_MOST", "amount": "1", "within": SINCE_JULY},
        ["£5.00", "£2,000.0002", "£0.00"],
    ),
    ("ordersPlaced", {"operator": "NOT_EQUALS", "count": 3}, ["3", "3", "0"]),
    ("textsReceived", {"operator": "EQUALS", "count": 0}, ["0", "3", "0"]),
    ("textsReceived", {"operator": "EQUALS", "count": 0, "within": SINCE_JULY}, ["0", "2", "0"]),
    ("textsClicked", {"operator": "AT_LEAST", "count": 1}, ["0", "1", "0"]),
    ("averageOrderValue", {"operator": "AT_LEAST", "amount": "12"}, ["£12.40", "£666.66…", None]),
    ("averageOrderValue", {"operator": "IS_NOT_SET"}, ["£12.40", "£666.66…", None]),
    ("clickRate", {"operator": "LESS_THAN", "percent": "50"}, [None, "33.33…%", None]),
    ("clickRate", {"operator": "IS_SET", "within": SINCE_JULY}, [None, "50%", None]),
    (
        "firstOrderDate",
        {"operator": "ON", "date": "2011-07-03"},
        ["Jul 3, 2011, 00:00", "Jul 1, 2024, 01:00", None],
    ),
    (
        "lastOrderDate",
        {"operator": "NOT_IN_LAST", "days": 90},
        ["Jul 14, 2024, 23:59", "Jul 3, 2024, 01:00", None],
    ),
    ("firstTextDate", {"operator": "IS_SET"}, [None, "Jun 30, 2024, 23:30", None]),
    ("lastTextDate", {"operator": "IS_SET"}, [None, "Jul 1, 2024, 13:00", None]),
    *(
        (key, {"operator": "IS_SET", "name": "viewed"}, ["Jul 15, 2024, 17:00", None, None])
        for key in ("firstEventDate", "lastEventDate")
    ),
    (
        "createdDate",
        {"operator": "BEFORE", "date": "2011-07-03"},
        ["Jul 2, 2011, 23:59", "Dec 31, 2023, 23:59", None],
    ),
    ("subscribeDate", {"operator": "IS_NOT_SET"}, ["Mar 31, 2024, 00:59", None, None]),
    ("unsubscribedDate", {"operator": "IS_SET"}, ["Mar 31, 2024, 02:00", None, None]),
    ("event", {"operator": "AT_LEAST", "name": "viewed", "count": 1}, ["1,200", "0", "0"]),
    (
        "event",
        {
            "operator": "AT_LEAST",
            "name": "viewed",
            "count": 1,
            "conditions": [{"operator": "LESS_THAN", "property": "size", "number": "7"}],
        },
        ["7", "0", "0"],
    ),
]


@pytest.mark.parametrize(("key", "fields", "shown"), SHOWN)
def test_measured_values_are_shown_in_the_shops_currency_and_timezone(
    shop: RecordedShop, key: str, fields: dict[str, Any], shown: list[str | None]
) -> None:
    assert measured(shop, {key: fields}) == shown


def test_every_built_in_criterion_that_measures_is_tested_here(registry: Registry) -> None:
    measuring = {
        key for key, kind in registry.criteria.items() if issubclass(kind, MeasuredCriterion)
    }
    assert {key for key, _, _ in SHOWN} == measuring


def test_a_criterion_without_a_measure_only_shows_whether_it_matches(shop: RecordedShop) -> None:
    buyers = {"contactType": {"operator": "IS", "type": "CUSTOMER"}}
    found = explain_contacts(shop, buyers)
    assert [found[id].is_member for id in (REGULAR, OCCASIONAL, NOBODY)] == [True, True, False]
    assert measured(shop, buyers) == [None, None, None]


def test_every_part_shows_whether_it_matches_and_the_measured_value(shop: RecordedShop) -> None:
    rule = {
        "all": [
            {"spend": {"operator": "GREATER_THAN", "amount": "50.00"}},
            {"not": {"textsReceived": {"operator": "NOT_EQUALS", "count": 0}}},
            {"any": [{"averageOrderValue": {"operator": "IS_SET"}}, {"all": []}]},
        ]
    }
    found = explain_contacts(shop, rule)[REGULAR]
    assert not found.is_member
    assert found.as_of == NOW
    assert [(".".join(part.path), part.matches, part.measured) for part in found.parts] == [
        ("rule", False, None),
        ("rule.all.0", False, "£37.20"),
        ("rule.all.1", True, None),
        ("rule.all.1.not", False, "0"),
        ("rule.all.2", True, None),
        ("rule.all.2.any.0", True, "£12.40"),
        ("rule.all.2.any.1", True, None),
    ]
    parts = shop.size(rule).parts
    assert [part.path for part in found.parts] == [part.path for part in parts]
    assert found.parts[1].summary == "Has spent more than £50.00"


def test_a_referenced_segment_is_explained_as_one_part(
    registry: Registry, services: Services
) -> None:
    shop = RecordedShop(services, "Europe/London", NOW)
    shop.record(*PEOPLE, *ORDERS)
    shop.save({"Spenders": {"spend": {"operator": "AT_LEAST", "amount": "100"}}})
    found = explain_contacts(shop, {"inSegment": {"operator": "IS_NOT", "segment": "Spenders"}})
    assert [found[id].is_member for id in (REGULAR, OCCASIONAL, NOBODY)] == [True, False, True]
    [part] = found[REGULAR].parts
    assert (part.summary, part.measured) == ('Is not in the segment "Spenders"', None)


def test_missing_contacts_are_not_explained(shop: RecordedShop) -> None:
    everyone: dict[str, Any] = {"not": {"spend": {"operator": "LESS_THAN", "amount": "0"}}}
    assert explain_contacts(shop, everyone, LONDON, STRANGER) == {}
    assert explain_contacts(shop, everyone, LONDON, STRANGER, NOBODY, 2**64 - 1).keys() == {NOBODY}
    assert shop.engine.explain(shop.rule(everyone), []) == {}


def test_one_statement_explains_any_number_of_contacts(
    shop: RecordedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    statements = []
    rows = Audience.fetch_rows

    def counted(self: Audience, *args: Any, **kwargs: Any) -> Any:
        statements.append(args)
        return rows(self, *args, **kwargs)

    monkeypatch.setattr(Audience, "fetch_rows", counted)
    rule = {"any": [{key: fields} for key, fields, _ in SHOWN]}
    assert len(explain_contacts(shop, rule)) == 3
    assert len(statements) == 1


class Refunds(MoneyCriterion):
    """A contact's refunds as negative amounts; some rows have NULL."""

    key = "refunds"
    label = "Refunds"

    def measure(self, scope: Scope) -> Statement:
        back = func.nullIf(-func.sum(col(Order.refunded)), 0)
        return select(col(Order.contact_id), back).group_by(col(Order.contact_id))


class IdLength(CountCriterion):
    """The number of digits of a contact's id, if it has an order; the measure is a column."""

    key = "idLength"
    label = "Digits of the id"
    absent = 7

    def measure(self, scope: Scope) -> Expression:
        return func.nullIf(func.length(func.toString(col(Contact.id))) * 1000, 1000)


class Anything(MeasuredCriterion):
    key = "anything"
    label = "Anything"
    absent = None
    operator: StateOperator
    sort: Text = form_field("Sort")

    def measure(self, scope: Scope) -> Expression:
        made: dict[str, Expression] = {
            "day": func.toDate32("2024-02-29"),
            "half": func.divide(col(Contact.id), 2),
            "third": func.divide(col(Contact.id), 3),
            "much": func.divide(col(Contact.id), 0),
            "text": func.concat("No. ", func.toString(col(Contact.id))),
        }
        return made[self.sort]

    def interval(self, scope: Scope) -> Interval[Any]:
        return Interval()


def counting(kind: type[CountCriterion], count: int = 1) -> CountCriterion:
    return kind(operator=NumberOperator.AT_LEAST, count=count)


def test_a_third_partys_measure_is_shown_without_code_of_its_own(shop: RecordedShop) -> None:
    refunds = Refunds(operator=NumberOperator.LESS_THAN, amount=Decimal(0))
    assert measured(shop, refunds) == ["-£17.80", "£0.00", "£0.00"]
    assert measured(shop, counting(IdLength)) == ["7", "7", "7"]
    anything = {
        "day": ["Feb 29, 2024"] * 3,
        "half": ["0.5", "1", "1.5"],
        "third": ["0.33…", "0.66…", "1"],
        "much": ["inf"] * 3,
        "text": ["No. 1", "No. 2", "No. 3"],
    }
    for sort, shown in anything.items():
        assert measured(shop, Anything(operator=StateOperator.IS, sort=sort)) == shown


class Broken(CountCriterion):
    """A criterion whose SQL works and whose measure raises."""

    key = "broken"
    label = "Broken"

    def measure(self, scope: Scope) -> Statement:
        return select(col(Order.contact_id), func.count()).group_by(col(Order.contact_id))

    def describe_value(self, value: Any, scope: Scope) -> str:
        if value:
            raise LookupError("no words for it")
        return f"{value} broken"


class BrokenMeasure(Broken):
    """A criterion whose condition works and whose measure is invalid SQL."""

    def measure(self, scope: Scope) -> Statement:
        raise ZeroDivisionError

    def matches(self, scope: Scope) -> Any:
        return col(Contact.id) > 0


def test_a_failing_criterion_is_reported_with_its_path(shop: RecordedShop) -> None:
    rule = Not(counting(Broken))
    found = explain_contacts(shop, rule, LONDON, NOBODY)
    assert found[NOBODY].parts[1].measured == "0 broken"
    for failing, contact in ((counting(Broken), REGULAR), (counting(BrokenMeasure), NOBODY)):
        with pytest.raises(CriterionFailedError) as failure:
            explain_contacts(shop, Not(failing), LONDON, contact)
        assert failure.value.problems[0].path == ("rule", "not", "broken")


def test_nothing_is_explained_if_the_store_fails(
    shop: RecordedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: Any, **kwargs: Any) -> Iterator[Any]:
        raise AppError(ErrorCode.UNAVAILABLE, "down")

    monkeypatch.setattr(Audience, "fetch_rows", down)
    with pytest.raises(AppError) as failure:
        explain_contacts(shop, {"all": []})
    assert failure.value.code is ErrorCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("key", "value", "currency", "words"),
    [
        ("spend", Decimal("49.999966666666666666"), "USD", "$49.99…"),
        ("spend", Decimal("50.000000000000000000"), "USD", "$50.00"),
        ("spend", Decimal("50.000000000000000001"), "USD", "$50.00…"),
        ("spend", Decimal("-0.333333333333333333"), "USD", "-$0.33…"),
        ("spend", Decimal("0.1234"), "USD", "$0.1234"),
        ("spend", Decimal("33.333333333333333333"), "JPY", "¥33…"),
        (
            "averageOrderValue",
            Decimal("99999999999999.333333333333333333"),
            "USD",
            "$99,999,999,999,999.33…",
        ),
        ("spend", 0, "JPY", "¥0"),
        ("clickRate", Decimal("99.999999999999999999"), "USD", "99.99…%"),
        ("clickRate", Decimal("12.500000000000000000"), "USD", "12.5%"),
        ("clickRate", Decimal("30.000000000000000003"), "USD", "30.00…%"),
        ("ordersPlaced", 1_234_567, "USD", "1,234,567"),
        ("ordersPlaced", 2**64 - 1, "USD", "18,446,744,073,709,551,615"),
        ("ordersPlaced", date(2024, 5, 1), "USD", "May 1, 2024"),
        ("ordersPlaced", at("2024-05-01T05:00"), "USD", "May 1, 2024, 06:00"),
    ],
)
def test_values_are_never_rounded_past_the_bound_they_are_compared_with(
    registry: Registry, key: str, value: Any, currency: str, words: str
) -> None:
    criterion: Any = registry.criteria[key].model_construct(operator=NumberOperator.EQUALS)
    assert criterion.describe_value(value, replace(LONDON, currency=currency)) == words

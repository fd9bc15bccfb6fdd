"""Which queries share a statement, and that sharing does not change their results."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import ColumnElement, distinct, func, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from graphql_app.audience.tables import Contact, Order, Statement
from graphql_app.criteria import CountCriterion, Criterion, NumberOperator, Scope
from graphql_app.runtime.services import Services
from graphql_app.segments.index.cache_key import QueryBuilder, VectorQuery
from graphql_app.segments.index.shared_scan import MAX_TOGETHER, joined_scans, shared_scans
from graphql_app.segments.rules.tree import criteria
from tests.parity.evaluation.facts import Contact as Person
from tests.parity.evaluation.facts import Event, KeywordUse, Line, Text
from tests.parity.evaluation.facts import Order as Bought
from tests.parity.examples import bought, criterion, last, ordered, spent, texted
from tests.parity.recorded_shop import NOW, RecordedShop

ROOM = 1 << 26
MONTH = last(30, "DAYS")

ORDERS = (
    spent("AT_LEAST", "10.00"),
    spent("AT_LEAST", "10.00", within=MONTH),
    ordered("AT_LEAST", 1),
    criterion("averageOrderValue", "LESS_THAN", amount="30.00"),
    criterion("lastOrderDate", "IN_LAST", days=30),
)
TEXTS = (
    texted("AT_LEAST", 1),
    texted("AT_LEAST", 1, within=MONTH),
    criterion("textsClicked", "AT_LEAST", count=1),
    criterion("clickRate", "AT_LEAST", percent="50"),
    criterion("clickRate", "AT_LEAST", percent="50", within=MONTH),
)
LINES = (
    bought("ANY_OF", "coral"),
    bought("ANY_OF", "lime"),
    bought("ALL_OF", "coral", "lime"),
    bought("ANY_OF", "lime", within=MONTH),
)
EVENTS = tuple(
    criterion("event", "AT_LEAST", name="viewed", count=1, conditions=[condition])
    for condition in (
        {"operator": "ANY_OF", "property": "color", "texts": ["red"]},
        {"operator": "CONTAINS", "property": "color", "text": "re"},
        {"operator": "AT_LEAST", "property": "price", "number": "5"},
        {"operator": "IS_NOT_SET", "property": "price"},
    )
)
KEYWORDS = (
    criterion("keyword", "ANY_OF", keywords=["join"]),
    criterion("keyword", "ALL_OF", keywords=["join", "sale"]),
)
# Each product by itself is counted first, so this asks what comes of another select.
MANY = bought("ANY_OF", "coral", minimumTimes=2)


@pytest.fixture(scope="module")
def recorded(services: Services) -> RecordedShop:
    """Return a shop in which some contacts have rows that count for only one criterion."""
    long_ago = NOW - timedelta(days=90)
    made = RecordedShop(replace(services, index_bytes=ROOM))
    lines = {name: Line(name) for name in ("coral", "lime")}
    made.record(
        *(Person(id_) for id_ in range(1, 9)),
        Bought(1, 1, NOW, Decimal(50), lines=(lines["coral"],)),
        Bought(2, 1, long_ago, Decimal(5), lines=(lines["lime"],)),
        Bought(3, 2, long_ago, Decimal(9), lines=(lines["coral"], lines["lime"])),
        Bought(4, 3, NOW, Decimal(20), Decimal(20), lines=(lines["lime"],)),
        Bought(5, 4, NOW, Decimal(20), cancelled_at=NOW, lines=(lines["coral"],)),
        Text(1, 1, NOW, NOW),
        Text(2, 1, long_ago),
        Text(3, 2, long_ago, NOW),
        KeywordUse(1, "join", NOW),
        KeywordUse(1, "sale", NOW),
        KeywordUse(2, "sale", NOW),
        Event(1, 1, "viewed", NOW, '{"color": ["red", "blue"], "price": "7"}'),
        Event(2, 1, "viewed", NOW, '{"color": "green", "price": [2, 9]}'),
        Event(3, 2, "viewed", long_ago, '{"color": ["blue"]}'),
    )
    return made


@pytest.fixture
def boutique(recorded: RecordedShop) -> RecordedShop:
    """Return the shop with an empty index."""
    return replace(recorded, services=replace(recorded.services))


def queries(boutique: RecordedShop, documents: Sequence[Any]) -> list[VectorQuery]:
    builder = QueryBuilder(boutique.services.audience)
    leaves = criteria(boutique.rule({"any": [*documents]}))
    return [builder.build(leaf, boutique.scope, measured=True) for leaf in leaves]


def together(boutique: RecordedShop, given: Sequence[VectorQuery]) -> list[int]:
    """Return the number of queries that each statement answers."""
    render = boutique.services.audience.render
    return sorted(len(scan.queries) for scan in shared_scans(given, render))


@pytest.mark.parametrize(
    "leaves", [ORDERS, TEXTS, LINES, KEYWORDS, EVENTS], ids=lambda each: str(len(each))
)
def test_queries_of_one_table_share_a_statement(
    boutique: RecordedShop, leaves: Sequence[Any]
) -> None:
    assert together(boutique, queries(boutique, leaves)) == [len(leaves)]
    assert together(boutique, queries(boutique, leaves[:1])) == [1]


def test_the_number_of_queries_in_a_statement_is_limited(boutique: RecordedShop) -> None:
    leaves = [bought("ANY_OF", f"P{number}") for number in range(MAX_TOGETHER + 3)]
    assert together(boutique, queries(boutique, leaves)) == [3, MAX_TOGETHER]


def test_each_table_and_each_other_select_has_its_own_statement(boutique: RecordedShop) -> None:
    given = queries(boutique, [*ORDERS, *TEXTS, *LINES, MANY])
    assert together(boutique, given) == [1, len(LINES), *sorted((len(ORDERS), len(TEXTS)))]


@pytest.mark.parametrize(
    "leaves",
    [ORDERS, TEXTS, LINES, KEYWORDS, EVENTS, (*ORDERS, *TEXTS, *LINES, *KEYWORDS, *EVENTS, MANY)],
    ids=["orders", "texts", "lines", "keywords", "events", "all"],
)
def test_sharing_a_statement_does_not_change_a_result(
    boutique: RecordedShop, leaves: Sequence[Any]
) -> None:
    sizes = boutique.size({"any": [*leaves]})
    alone = [boutique.size(leaf).members for leaf in leaves]
    parts = {tuple(part.path): part.members for part in sizes.parts}
    assert [parts["rule", "any", f"{number}"] for number in range(len(leaves))] == alone
    assert max(alone) > 0


class Counted(CountCriterion):
    """Base class for criteria that count orders."""

    key = "counted"
    label = "Counted"

    def number(self) -> ColumnElement[Any]:
        return func.count()

    def measure(self, scope: Scope) -> Statement:
        contact_id = col(Order.contact_id)
        return select(contact_id, self.number()).group_by(contact_id)


class Distinct(Counted):
    def number(self) -> ColumnElement[Any]:
        return func.count(distinct(col(Order.total)))


class Unknown(Counted):
    def number(self) -> ColumnElement[Any]:
        return func.toInt64(func.quantileExact(col(Order.total)))


class Filtered(Counted):
    def number(self) -> ColumnElement[Any]:
        return func.count().filter(col(Order.valid))


class Having(Counted):
    def measure(self, scope: Scope) -> Statement:
        return super().measure(scope).having(func.count() > 1)


class Limited(Counted):
    def measure(self, scope: Scope) -> Statement:
        return super().measure(scope).limit(1)


class Joined(Counted):
    def measure(self, scope: Scope) -> Statement:
        contact_id = col(Order.contact_id)
        counts = select(contact_id, func.count()).group_by(contact_id)
        return counts.join(Contact, col(Contact.id) == contact_id)


class Among(Counted):
    def measure(self, scope: Scope) -> Statement:
        others = select(col(Order.contact_id)).where(col(Order.total) > 100)
        return super().measure(scope).where(col(Order.contact_id).not_in(others))


class Divided(Counted):
    """A division, whose result depends on its types in SQL."""

    def measure(self, scope: Scope) -> Statement:
        contact_id = col(Order.contact_id)
        share = func.sum(col(Order.refunded)) / func.sum(col(Order.total))
        return select(contact_id, share).where(col(Order.total) > 10).group_by(contact_id)


class CommaJoined(Counted):
    def measure(self, scope: Scope) -> Statement:
        orders = super().measure(scope)
        return orders.where(col(Order.contact_id) == col(Contact.id))


class Aliased(Counted):
    def measure(self, scope: Scope) -> Statement:
        other = aliased(Order)
        return super().measure(scope).where(col(Order.total) < col(other.total))


class OfAnotherSelect(Counted):
    def measure(self, scope: Scope) -> Statement:
        contact_id, ordered_at = col(Order.contact_id), col(Order.ordered_at)
        latest = select(contact_id, func.max(ordered_at).label("at")).group_by(contact_id)
        each = latest.subquery().c
        return super().measure(scope).where(contact_id == each.contact_id, ordered_at < each.at)


class Repeated(Counted):
    def measure(self, scope: Scope) -> Statement:
        return super().measure(scope).where(func.arrayJoin(func.range(2)) > 0)


class RepeatedInside(Counted):
    def number(self) -> ColumnElement[Any]:
        return func.sum(func.arrayJoin(func.range(2)))


class GroupedByMore(Counted):
    def measure(self, scope: Scope) -> Statement:
        return super().measure(scope).group_by(col(Order.total))


def count_query(boutique: RecordedShop, kind: type[Criterion]) -> VectorQuery:
    criterion = kind.model_validate({"operator": NumberOperator.AT_LEAST, "count": 1})
    return QueryBuilder(boutique.services.audience).build(criterion, boutique.scope, measured=True)


@pytest.mark.parametrize(
    "kind",
    [
        Distinct, Unknown, Filtered, Limited, Joined, Among, Having, CommaJoined, Aliased,
        OfAnotherSelect, Repeated, RepeatedInside, GroupedByMore,
    ],
)  # fmt: skip
def test_queries_that_are_no_sums_of_rows_do_not_share(
    boutique: RecordedShop, kind: type[Counted]
) -> None:
    plain, same, other = (count_query(boutique, each) for each in (Counted, Counted, kind))
    assert together(boutique, [plain, other]) == [1, 1]
    assert together(boutique, [plain, same]) == [2]


def test_sums_of_some_rows_do_not_change_when_shared(boutique: RecordedShop) -> None:
    audience = boutique.services.audience
    divided = count_query(boutique, Divided)
    [scan] = shared_scans([count_query(boutique, Counted), divided], audience.render)
    merged = audience.fetch_rows(scan.statement, boutique.id)
    alone = audience.fetch_rows(divided.statement, boutique.id)
    assert {(row[0], row[2]) for row in merged if row[2] is not None} == {*map(tuple, alone)}
    assert len(alone) == 3


class OfTags(Counted):
    """A condition that makes a row for each tag, and none for contacts without tags."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.arrayJoin(col(Contact.tags)) == "vip"


class Beside(Counted):
    """A condition that joins another table to contacts."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id) == col(Order.contact_id)


@pytest.mark.parametrize("kind", [OfTags, Beside])
def test_a_condition_that_multiplies_rows_does_not_share(
    boutique: RecordedShop, kind: type[Counted]
) -> None:
    builder = QueryBuilder(boutique.services.audience)
    odd = kind.model_validate({"operator": NumberOperator.AT_LEAST, "count": 1})
    [leaf] = criteria(boutique.rule({"location": {"operator": "ANY_OF", "countries": ["US"]}}))
    given = [builder.build(each, boutique.scope, measured=False) for each in (odd, leaf, leaf)]
    assert [len(scan.queries) for scan in joined_scans(given, most=8)] == [1, 2]

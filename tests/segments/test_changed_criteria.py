"""Saved rules whose meaning a version changed are found in their JSON."""

from collections.abc import Collection
from typing import Any

import pytest

from graphql_app.audience.tables import TABLES, time_columns
from graphql_app.cli.migrate import list_affected
from graphql_app.plugins import Registry
from graphql_app.segments.changed_criteria import (
    BUILT_IN,
    CHANGED_CRITERIA,
    affected_segments,
    changes_of,
)
from tests.parity.evaluation.facts import Document
from tests.parity.examples import criterion
from tests.schema.operations import create
from tests.support import Server


def where(operator: str, **more: Any) -> dict[str, Any]:
    return {"operator": operator, "property": "visit", **more}


VIEWED = {"name": "viewed", "count": 1}


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        *(({"property": where(name, days=2)}, True) for name in ("IN_LAST", "NOT_IN_LAST")),
        ({"property": where("MORE_THAN_AGO", days=2)}, True),
        ({"property": where("ON", date="2024-05-01")}, False),
        ({"property": where("EQUALS", number="2")}, False),
        (criterion("lastOrderDate", "IN_LAST", days=2), False),
        (criterion("anniversary", "IN_NEXT", days=2, property="visit"), False),
        (criterion("event", "AT_LEAST", **VIEWED), False),
        (criterion("event", "AT_LEAST", **VIEWED, conditions=[where("IS_SET")]), False),
        (
            criterion(
                "event",
                "AT_LEAST",
                **VIEWED,
                conditions=[where("IS_SET"), where("IN_LAST", days=2)],
            ),
            True,
        ),
        (
            {
                "not": {
                    "any": [
                        criterion("tag", "ANY_OF", tags=["a"]),
                        {"property": where("IN_LAST", days=2)},
                    ]
                }
            },
            True,
        ),
    ],
)
def test_comparisons_of_properties_with_days_ago_changed(rule: Document, changed: bool) -> None:
    found = [change.change for change in changes_of(rule, {"0007"})]
    assert any("24 hours" in change for change in found) is changed
    assert changes_of(rule, {"0006"}) == []


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (criterion("contactType", "IS", type="TEXTABLE"), "cannot be texted"),
        (criterion("contactType", "IS_NOT", type="SUBSCRIBER"), None),
        (criterion("areaCode", "IS_SET"), "valid phone numbers"),
        (criterion("phone", "NONE_OF", numbers=["+12125550100"]), "however they are written"),
        (criterion("phone", "CONTAINS", digits="212"), None),
        (criterion("phone", "IS_SET"), None),
    ],
)
def test_criteria_that_compare_phone_numbers_changed(rule: Document, changed: str | None) -> None:
    found = [change.change for change in changes_of({"not": rule}, {"0008"})]
    assert len(found) == (changed is not None)
    assert all(changed is not None and changed in change for change in found)


def test_facts_in_the_future_affect_the_criteria_that_read_them(registry: Registry) -> None:
    bought = criterion("ordersPlaced", "AT_LEAST", count=1)
    rules = (bought, {"all": [criterion("tag", "ANY_OF", tags=["a"])]})
    found = [change for rule in rules for change in changes_of(rule, {"0007"})]
    assert [each.key for each in found if each.upcoming == {"orders"}] == ["ordersPlaced"]
    tables = {table for change in CHANGED_CRITERIA for table in change.upcoming}
    assert tables == {table.__tablename__ for table in TABLES if time_columns(table)}
    assert registry.criteria.keys() == BUILT_IN


@pytest.mark.parametrize(("more", "changed"), [({}, 1), ({"property": "birthday"}, 0)])
def test_anniversaries_of_subscribing_read_a_time(more: Document, changed: int) -> None:
    found = changes_of(criterion("anniversary", "IS_TODAY", **more), {"0007"})
    assert [change.upcoming for change in found if change.upcoming] == [{"contacts"}] * changed


def test_criteria_of_plugins_may_read_what_changed() -> None:
    rule = {"all": [{"loyaltyTier": {"operator": "IS"}}, {"loyaltyPoints": {}}]}
    for revision, words in (("0007", "in the future"), ("0008", "cannot be texted")):
        found = changes_of(rule, {revision})
        assert [change.key for change in found] == ["loyaltyTier", "loyaltyPoints"]
        assert all(words in change.change for change in found)
        assert all(("orders" in change.upcoming) == (revision == "0007") for change in found)
    assert changes_of(rule, {"0006"}) == []


LISTS, YEARS, RULES, MIDNIGHTS = "A list", "before 1900", "of the host", "repeat midnight"
CONDITION = where("IS_TRUE")


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        *(({"property": where(name)}, {LISTS}) for name in ("IS_SET", "IS_NOT_SET", "IS_TRUE")),
        ({"property": where("EQUALS", number="2")}, {LISTS}),
        *(
            ({"property": where(name, date="2024-05-01")}, {LISTS, YEARS, RULES})
            for name in ("ON", "NOT_ON", "BEFORE", "ON_OR_AFTER", "BETWEEN_DAYS")
        ),
        ({"property": where("MORE_THAN_AGO", days=2)}, {LISTS, YEARS}),
        (criterion("event", "AT_LEAST", **VIEWED), set()),
        (criterion("event", "AT_LEAST", **VIEWED, conditions=[CONDITION]), {LISTS}),
        (
            criterion(
                "event",
                "AT_LEAST",
                **VIEWED,
                conditions=[CONDITION, where("ON", date="2024-05-01")],
            ),
            {LISTS, YEARS, RULES},
        ),
        (criterion("anniversary", "IS_TODAY", property="visit"), {LISTS, YEARS, MIDNIGHTS}),
        (criterion("anniversary", "IS_TODAY"), {MIDNIGHTS}),
        (criterion("createdDate", "ON", date="2024-05-01"), {RULES}),
        (criterion("createdDate", "IN_LAST", days=2), set()),
        (criterion("subscribeDate", "IS_SET"), set()),
        *(
            (criterion("spend", "AT_LEAST", amount="1", within=window), changed)
            for window, changed in (
                ({"last": {"count": 1, "unit": "DAYS"}}, set[str]()),
                ({"beforeAgo": {"count": 1, "unit": "WEEKS"}}, set[str]()),
                ({"last": {"count": 1, "unit": "MONTHS"}}, {RULES}),
                ({"beforeAgo": {"count": 1, "unit": "MONTHS"}}, {RULES}),
                ({"since": "2024-05-01"}, {RULES}),
                ({"before": "2024-05-01"}, {RULES}),
                ({"between": {"from": "2024-05-01", "to": "2024-05-02"}}, {RULES}),
                ({"calendar": {"which": "THIS", "unit": "WEEK"}}, {RULES}),
            )
        ),
        (criterion("ordersPlaced", "AT_LEAST", count=1), set()),
    ],
)
def test_lists_years_and_days_changed(rule: Document, changed: set[str]) -> None:
    found = [change.change for change in changes_of(rule, {"0007"})]
    reasons = (LISTS, YEARS, RULES, MIDNIGHTS)
    assert {each for each in reasons if any(each in change for change in found)} == changed
    assert changes_of(rule, {"0008"}) == []


def test_days_changed_for_shops_whose_zone_had_other_rules(server: Server) -> None:
    rules = {
        "Birthday": criterion("anniversary", "IS_TODAY"),
        "Created": criterion("createdDate", "ON", date="2024-05-01"),
    }

    def listed(zone: str, has_other_rules: bool) -> set[str]:
        shop = server.shop(timezone=zone)
        for name, rule in rules.items():
            create(shop, name, rule)
        affected = affected_segments(
            server.services.catalog, {"0007"}, lambda id: (), lambda _: has_other_rules
        )
        return {
            each.segment.name
            for each in affected
            if each.shop == shop.shop.handle and each.segment.name in rules
        }

    assert listed("Europe/Berlin", False) == set()
    assert listed("Europe/Berlin", True) == {"Birthday", "Created"}
    assert listed("America/Havana", False) == {"Birthday"}


def test_the_listing_has_each_reason_once(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = server.shop()
    tagged = criterion("tag", "ANY_OF", tags=["a"])
    create(
        shop,
        "One",
        {"all": [tagged, criterion("location", "ANY_OF", countries=["US"], regions=["CA"])]},
    )
    create(shop, "Two", tagged)
    list_affected(server.services.catalog, ["0007"], None)
    printed = " ".join(capsys.readouterr().out.split())
    [case] = {change.change for change in CHANGED_CRITERIA if change.key == "tag"}
    assert printed.count(f"- {case} - ") == 1
    assert f"- {shop.shop.handle}: One (tag, location) - {shop.shop.handle}: Two (tag)" in printed


@pytest.mark.parametrize(("tables", "listed"), [((), 0), ({"orders"}, 1), ({"texts"}, 0)])
def test_segments_of_shops_with_facts_in_the_future_are_listed(
    server: Server, tables: Collection[str], listed: int
) -> None:
    shop = server.shop()
    create(shop, f"Ordered {tables}", criterion("ordersPlaced", "AT_LEAST", count=1))
    affected = affected_segments(
        server.services.catalog, {"0007"}, lambda id: tables, lambda zone: False
    )
    found = [each for each in affected if each.segment.name == f"Ordered {tables}"]
    assert [each.key for each in found] == ["ordersPlaced"] * listed


def test_segments_that_refer_to_affected_ones_are_listed(server: Server) -> None:
    shop = server.shop()

    def refer(name: str, *used: str) -> str:
        """Create a segment that refers to others; return its id."""
        rules = [criterion("inSegment", "IS_NOT", segment=segment) for segment in used]
        made: str = create(shop, name, {"not": {"any": rules}})["id"]
        return made

    tagged = create(shop, "Tagged", criterion("tag", "ANY_OF", tags=["a"]))["id"]
    other = create(shop, "Other", criterion("textsReceived", "AT_LEAST", count=1))["id"]
    direct = refer("Direct", tagged, other)
    refer("Both", tagged, direct)
    refer("Not affected", other)
    refer("A last one", direct)
    affected = affected_segments(
        server.services.catalog, {"0007"}, lambda id: (), lambda zone: False
    )
    found = [(each.segment.name, each.key) for each in affected if each.shop == shop.shop.handle]
    assert found == [
        ("Tagged", "tag"),
        *((name, "inSegment") for name in ("A last one", "Both", "Direct")),
    ]

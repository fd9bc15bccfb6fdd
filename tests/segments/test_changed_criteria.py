"""Saved rules whose meaning a version changed are found in their JSON."""

from collections.abc import Collection
from typing import Any

import pytest

from graphql_app.audience.tables import TABLES
from graphql_app.plugins import Registry
from graphql_app.segments.changed_criteria import (
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
    assert tables <= {table.__tablename__ for table in TABLES}
    assert {change.key for change in CHANGED_CRITERIA} <= registry.criteria.keys()


@pytest.mark.parametrize(("tables", "listed"), [((), 0), ({"orders"}, 1), ({"texts"}, 0)])
def test_segments_of_shops_with_facts_in_the_future_are_listed(
    server: Server, tables: Collection[str], listed: int
) -> None:
    shop = server.shop()
    create(shop, f"Ordered {tables}", criterion("ordersPlaced", "AT_LEAST", count=1))
    affected = affected_segments(server.services.catalog, {"0007"}, lambda id: tables)
    found = [each for each in affected if each.segment.name == f"Ordered {tables}"]
    assert [each.changed.key for each in found] == ["ordersPlaced"] * listed

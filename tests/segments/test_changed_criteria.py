"""Saved rules whose meaning a version changed are found in their JSON."""

from typing import Any

import pytest

from graphql_app.segments.changed_criteria import changes_of
from tests.parity.evaluation.facts import Document
from tests.parity.examples import criterion


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

"""Building a segment, as somebody does who has never read the API."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import (
    Shop,
    both,
    bought,
    either,
    orders,
    parts,
    spent_over,
    subscribed_since,
    texts,
)

HEART = "WHITE HANGING HEART T-LIGHT HOLDER"
CAKESTAND = "REGENCY CAKESTAND 3 TIER"


def test_subscribed_since_a_day_and_never_ordered(segments: SegmentList, demo: Shop) -> None:
    segments.new.click()
    builder = Builder(segments.page)
    builder.expect_size(4_339)

    subscribed = builder.add_criterion("Subscribe date")
    subscribed.compare("is on or after").fill("Date", "2011-05-01")
    builder.expect_size(1_652)
    subscribed.expect_count(1_652)

    ordered = builder.add_criterion("Orders placed")
    ordered.compare("equals").fill("Number", "0")
    builder.expect_size(0)
    ordered.expect_count(0)
    subscribed.expect_count(1_652)
    builder.expect_sentence("Subscribe date is on or after May 1, 2011 and orders placed equals 0")

    builder.call("Subscribed, never ordered").save()
    builder.reload()
    expect(builder.name).to_have_value("Subscribed, never ordered")
    builder.expect_size(0)
    rule = both(subscribed_since("2011-05-01"), orders(0))
    assert demo.segments()["Subscribed, never ordered"]["rule"] == rule

    # Everybody in these data has ordered; not everybody lately.
    ordered = builder.row(2)
    ordered.open("Time frame").choose("Time frame", "since")
    ordered.fill("Time frame: day", "2011-09-01")
    builder.save()
    builder.reload()
    lately = {"ordersPlaced": {**orders(0)["ordersPlaced"], "within": {"since": "2011-09-01"}}}
    rule = both(subscribed_since("2011-05-01"), lately)
    builder.expect_size(demo.members(rule))
    assert demo.members(rule) > 0
    assert demo.segments()["Subscribed, never ordered"]["rule"] == rule


def test_two_criteria_with_and(builder: Builder) -> None:
    spend = builder.add_criterion("Total spend").compare("is greater than").fill("Amount", "50")
    received = builder.add_criterion("Texts received").compare("equals").fill("Number", "0")
    builder.expect_size(1_985)
    spend.expect_count(4_300)
    received.expect_count(1_999)


def test_two_products_with_or(builder: Builder, demo: Shop) -> None:
    builder.combine("OR")
    for search, product in (("hanging heart", HEART), ("regency cake", CAKESTAND)):
        builder.add_criterion("Product purchased").add("Products", search, product)
    builder.expect_size(demo.members(either(bought("85123A"), bought("22423"))))
    builder.row(1).expect_count(demo.members(bought("85123A")))
    builder.row(2).expect_count(demo.members(bought("22423")))
    builder.combine("AND")
    builder.expect_size(demo.members(both(bought("85123A"), bought("22423"))))


def test_a_group_with_not_within_a_rule(builder: Builder, demo: Shop) -> None:
    builder.add_criterion("Total spend").compare("is greater than").fill("Amount", "50")
    group = builder.add_group()
    group.row().pick("Texts received").compare("equals").fill("Number", "0")
    group.add_criterion("Orders placed").compare("equals").fill("Number", "1")
    group.combine("OR").negate()
    within = either(texts(0), orders(1))
    rule = both(spent_over("50.00"), {"not": within})
    whole, _, outside, *_ = parts(demo, rule)
    assert outside == demo.members({"not": within})
    builder.expect_size(whole)
    group.expect_count(outside)
    group.row(1).expect_count(1_999)
    group.row(2).expect_count(demo.members(orders(1)))
    builder.call("Nested").save()
    assert demo.segments()["Nested"]["rule"] == rule
    builder.reload()
    builder.expect_size(whole)
    builder.group("2").expect_count(outside)


@pytest.mark.parametrize("name", ["VIPs", "At-Risk", "Cross-Sells", "Keywords"])
def test_an_example_segment_from_its_template(segments: SegmentList, demo: Shop, name: str) -> None:
    templates = demo.ask("{ segmentTemplates { name rule } }")["segmentTemplates"]
    [rule] = [template["rule"] for template in templates if template["name"] == name]
    size = demo.members(rule)
    assert size > 0
    builder = segments.template(name)
    expect(builder.name).to_have_value(name)
    builder.expect_size(size)
    builder.save()
    assert demo.segments()[name]["rule"] == rule

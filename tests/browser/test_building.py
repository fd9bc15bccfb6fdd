"""Building segments, as a marketer does."""

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import (
    CONTACTS,
    Shop,
    both,
    bought,
    either,
    orders,
    part_counts,
    spent_over,
    subscribed_since,
    texts,
)

HEART = "WHITE HANGING HEART T-LIGHT HOLDER"
CAKESTAND = "REGENCY CAKESTAND 3 TIER"


def test_subscribed_since_a_date_and_never_ordered(segments: SegmentList, demo: Shop) -> None:
    segments.new.click()
    builder = Builder(segments.page)
    builder.expect_size(CONTACTS)

    subscribed = builder.add_row("Subscribe date")
    subscribed.choose_operator("is on or after").fill("Date", "2011-05-01")
    builder.expect_size(1_652)
    subscribed.expect_count(1_652)

    ordered = builder.add_row("Orders placed")
    ordered.choose_operator("is exactly").fill("Number", "0")
    builder.expect_size(0)
    ordered.expect_count(0)
    subscribed.expect_count(1_652)
    builder.expect_sentence("Subscribed on or after May 1, 2011 and has placed no orders")

    builder.enter_name("Subscribed, never ordered").save()
    builder.reload()
    expect(builder.name).to_have_value("Subscribed, never ordered")
    builder.expect_size(0)
    rule = both(subscribed_since("2011-05-01"), orders(0))
    assert demo.segments()["Subscribed, never ordered"]["rule"] == rule

    # Every contact of the demo shop has ordered, but not every one recently.
    ordered = builder.row(2)
    ordered.open("Time frame").choose("Time frame", "since")
    ordered.fill("Time frame: date", "2011-09-01")
    builder.save()
    builder.reload()
    recently = {"ordersPlaced": {**orders(0)["ordersPlaced"], "within": {"since": "2011-09-01"}}}
    rule = both(subscribed_since("2011-05-01"), recently)
    builder.expect_size(demo.members(rule))
    assert demo.members(rule) > 0
    assert demo.segments()["Subscribed, never ordered"]["rule"] == rule


def test_time_frames_of_the_calendar_and_before_a_duration(builder: Builder, demo: Shop) -> None:
    row = builder.add_row("Total spend").choose_operator("is exactly").fill("Amount", "0")
    row.open("Time frame").choose("Time frame", "during")
    row.choose("Time frame: period", "last month")
    builder.expect_sentence("Has spent nothing last month")
    builder.expect_size(CONTACTS)  # the demo shop's orders are of 2011
    row.choose("Time frame", "more than").fill("Time frame: number", "2")
    row.choose("Time frame: unit", "months")
    builder.expect_sentence("Has spent nothing more than 2 months ago")
    ago = {"beforeAgo": {"count": 2, "unit": "MONTHS"}}
    builder.expect_size(
        demo.members({"spend": {"operator": "EQUALS", "amount": "0", "within": ago}})
    )


def test_a_comparison_without_values_and_a_part_of_an_address(builder: Builder, demo: Shop) -> None:
    builder.add_row("Tag").choose_operator("has no value")
    builder.expect_sentence("Has no tags")
    builder.expect_size(demo.members({"tag": {"operator": "IS_NOT_SET"}}))
    builder.add_row("Email address").choose_operator("does not contain").fill("Text", "@example.")
    builder.expect_sentence("Has no tags and has no email address that contains @example.")


def test_two_criteria_with_and(builder: Builder) -> None:
    spend = builder.add_row("Total spend").choose_operator("is more than").fill("Amount", "50")
    received = builder.add_row("Texts received").choose_operator("is exactly").fill("Number", "0")
    builder.expect_size(1_985)
    spend.expect_count(4_300)
    received.expect_count(1_999)


def test_two_products_with_or(builder: Builder, demo: Shop) -> None:
    builder.combine("OR")
    for search, product in (("hanging heart", HEART), ("regency cake", CAKESTAND)):
        builder.add_row("Product purchased").add("Products", search, product)
    builder.expect_size(demo.members(either(bought("85123A"), bought("22423"))))
    builder.row(1).expect_count(demo.members(bought("85123A")))
    builder.row(2).expect_count(demo.members(bought("22423")))
    builder.combine("AND")
    builder.expect_size(demo.members(both(bought("85123A"), bought("22423"))))


def test_a_group_with_not(builder: Builder, demo: Shop) -> None:
    builder.add_row("Total spend").choose_operator("is more than").fill("Amount", "50")
    group = builder.add_group()
    group.row().pick("Texts received").choose_operator("is exactly").fill("Number", "0")
    group.add_row("Orders placed").choose_operator("is exactly").fill("Number", "1")
    group.combine("OR").negate()
    inner = either(texts(0), orders(1))
    rule = both(spent_over("50.00"), {"not": inner})
    whole, _, outside, *_ = part_counts(demo, rule)
    assert outside == demo.members({"not": inner})
    builder.expect_size(whole)
    group.expect_count(outside)
    group.row(1).expect_count(1_999)
    group.row(2).expect_count(demo.members(orders(1)))
    builder.enter_name("Nested").save()
    assert demo.segments()["Nested"]["rule"] == rule
    builder.reload()
    builder.expect_size(whole)
    builder.group("2").expect_count(outside)


@pytest.mark.parametrize("name", ["VIPs", "At-Risk", "Cross-Sells", "Keywords"])
def test_a_segment_from_a_template(segments: SegmentList, demo: Shop, name: str) -> None:
    templates = demo.ask("{ segmentTemplates { name rule } }")["segmentTemplates"]
    [rule] = [template["rule"] for template in templates if template["name"] == name]
    size = demo.members(rule)
    assert size > 0
    builder = segments.start_from_template(name)
    expect(builder.name).to_have_value(name)
    builder.expect_size(size)
    builder.save()
    assert demo.segments()[name]["rule"] == rule

"""The list of segments."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Browse
from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Shop, orders, texts

US_CANADA = "All US/Canada Customers and Subscribers"
TEXTED = "Customers Texted More Than Once"


def test_default_segments_are_listed_with_their_sizes(segments: SegmentList) -> None:
    for name, size in ((US_CANADA, "8"), (TEXTED, "1,991")):
        card = segments.card(name)
        expect(card.locator.get_by_text(size, exact=True)).to_be_visible()
        for action in ("Archive", "Delete"):
            button = card.button(action)
            expect(button).to_be_disabled()
            expect(button).to_have_accessible_description(re.compile("^Default segments can't"))


def test_a_default_segment_is_read_only_and_can_be_duplicated(
    segments: SegmentList, demo: Shop
) -> None:
    segments.card(TEXTED).link.click()
    builder = Builder(segments.page)
    expect(segments.page.get_by_text("This is a default segment")).to_be_visible()
    builder.expect_size(1_991)
    expect(builder.name).to_be_disabled()
    expect(builder.row(2).input("Number")).to_be_disabled()
    expect(builder.save_button).to_have_count(0)
    expect(segments.page.get_by_role("button", name=re.compile("Add|Remove"))).to_have_count(0)

    segments.page.get_by_role("button", name="Duplicate").click()
    expect(builder.name).to_be_enabled()
    expect(builder.name).to_have_value(re.compile(TEXTED))
    builder.expect_size(1_991)
    builder.row(2).fill("Number", "2")
    builder.enter_name("My own").save()
    rule = demo.segments()["My own"]["rule"]
    assert rule["all"][1] == {"textsReceived": {"operator": "GREATER_THAN", "count": 2}}


def test_a_segment_is_duplicated_archived_restored_and_deleted(browse: Browse, demo: Shop) -> None:
    demo.create("Never texted", texts(0), "For the welcome text")
    segments = SegmentList(browse(demo.address))
    card = segments.card("Never texted")
    expect(card.locator).to_contain_text("1,999")
    expect(card.locator).to_contain_text("Has never received a text")
    expect(card.locator).to_contain_text("For the welcome text")

    card.button("Duplicate").click()
    builder = Builder(segments.page)
    expect(builder.name).to_have_value("Never texted (copy)")
    segments.page.get_by_role("link", name="← Segments").click()
    expect(segments.card("Never texted (copy)").locator).to_contain_text("1,999")

    card.button("Archive").click()
    expect(segments.page.get_by_text('Archived "Never texted"')).to_be_visible()
    expect(card.locator).to_have_count(0)
    segments.archived.check()
    expect(card.locator).to_be_visible()
    card.button("Restore").click()
    expect(segments.page.get_by_text('Restored "Never texted"')).to_be_visible()
    expect(card.locator).to_have_count(0)
    segments.archived.uncheck()
    expect(card.locator).to_be_visible()

    card.button("Delete").click()
    expect(segments.dialog).to_contain_text("Never texted")
    segments.dialog.get_by_role("button", name="Cancel").click()
    expect(segments.dialog).to_be_hidden()
    expect(card.locator).to_be_visible()
    card.button("Delete").click()
    segments.dialog.get_by_role("button", name="Delete").click()
    expect(segments.page.get_by_text('Deleted "Never texted"')).to_be_visible()
    expect(card.locator).to_have_count(0)
    assert "Never texted" not in demo.segments()
    assert "Never texted (copy)" in demo.segments()


def test_a_segment_in_use_is_not_deleted(browse: Browse, demo: Shop) -> None:
    used = demo.create("Used", texts(0))
    demo.create("Uses it", {"inSegment": {"operator": "IS", "segment": used}})
    segments = SegmentList(browse(demo.address))
    segments.card("Used").button("Delete").click()
    segments.dialog.get_by_role("button", name="Delete").click()
    expect(segments.page.get_by_role("status").filter(has_text="Uses it")).to_be_visible()
    expect(segments.card("Used").locator).to_be_visible()


def test_searching_and_sorting(browse: Browse, demo: Shop) -> None:
    for name in ("Beta", "alphabet", "Alpha"):
        demo.create(name, orders(1))
    segments = SegmentList(browse(demo.address))
    segments.order.select_option(label="Name, A to Z")
    segments.expect_names(US_CANADA, "Alpha", "alphabet", "Beta", TEXTED)
    segments.order.select_option(label="Name, Z to A")
    segments.expect_names(TEXTED, "Beta", "alphabet", "Alpha", US_CANADA)
    segments.order.select_option(label="Newest")
    segments.search.fill("ALPH")
    segments.expect_names("Alpha", "alphabet")
    segments.page.reload()
    segments.expect_names("Alpha", "alphabet")
    segments.search.fill("nothing like it")
    expect(segments.page.get_by_text('No segments match "nothing like it"')).to_be_visible()


def test_an_unknown_url_says_so(browse: Browse, demo: Shop) -> None:
    page = browse(demo.address, "/builder/nowhere")
    expect(page.get_by_text("This page doesn't exist.")).to_be_visible()
    page.goto("/builder/segments/WyJTZWdtZW50Iiw5OTk5XQ")
    expect(page.get_by_role("heading", name="Not found")).to_be_visible()

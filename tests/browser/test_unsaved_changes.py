"""Nobody loses what was not saved without being asked."""

from __future__ import annotations

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Shop, both, texts


@pytest.fixture
def builder(segments: SegmentList) -> Builder:
    """A new segment that somebody came to from the list, and changed."""
    segments.new.click()
    builder = Builder(segments.page)
    builder.add_criterion("Texts received").compare("equals").fill("Number", "0")
    builder.expect_size(1_999)
    return builder


def test_a_link_asks(builder: Builder, segments: SegmentList) -> None:
    for leave in (False, True):
        builder.page.get_by_role("link", name="← Segments").click()
        expect(builder.dialog).to_contain_text("Leave without saving?")
        builder.dialog.get_by_role("button", name="Leave" if leave else "Stay").click()
        expect(builder.dialog).to_be_hidden()
        if not leave:
            expect(builder.row().input("Number")).to_have_value("0")
    expect(segments.new).to_be_visible()


def test_enter_stays(builder: Builder) -> None:
    builder.page.get_by_role("link", name="Segments", exact=True).click()
    expect(builder.dialog).to_contain_text("Leave without saving?")
    builder.page.keyboard.press("Enter")
    expect(builder.dialog).to_be_hidden()
    expect(builder.row().input("Number")).to_have_value("0")


def test_signing_out_asks(builder: Builder) -> None:
    sign_out = builder.page.get_by_role("link", name="Sign out")
    for leave in (False, True):
        sign_out.click()
        expect(builder.dialog).to_contain_text("Leave without saving?")
        builder.dialog.get_by_role("button", name="Leave" if leave else "Stay").click()
        expect(builder.dialog).to_be_hidden()
        if not leave:
            expect(builder.row().input("Number")).to_have_value("0")
    expect(builder.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_back_button_asks(builder: Builder, segments: SegmentList) -> None:
    address = builder.page.url
    for leave in (False, True):
        expect(builder.page).to_have_url(address)
        builder.page.evaluate("history.back()")
        expect(builder.dialog).to_contain_text("Leave without saving?")
        if leave:
            builder.dialog.get_by_role("button", name="Leave").click()
        else:
            builder.page.keyboard.press("Escape")
            expect(builder.dialog).to_be_hidden()
            expect(builder.row().input("Number")).to_have_value("0")
    expect(segments.new).to_be_visible()


def test_going_back_from_a_copy_opens_what_was_copied(builder: Builder, demo: Shop) -> None:
    page = builder.page
    builder.call("Original").save()
    original = page.url
    page.get_by_role("button", name="Duplicate").click()
    expect(builder.name).to_have_value("Original (copy)")
    builder.row().fill("Number", "1")
    page.evaluate("history.back()")
    expect(builder.dialog).to_contain_text("Leave without saving?")
    builder.dialog.get_by_role("button", name="Leave").click()
    expect(builder.name).to_have_value("Original")
    assert page.url == original
    builder.row().fill("Number", "2")
    builder.save()
    found = demo.segments()
    assert found["Original"]["rule"] == both(texts(2))
    assert found["Original (copy)"]["rule"] == both(texts(0))
    page.evaluate("history.forward()")
    expect(builder.name).to_have_value("Original (copy)")
    expect(builder.row().input("Number")).to_have_value("0")


def test_closing_the_tab_asks__until_it_is_saved(builder: Builder) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page = builder.page
    page.on("dialog", stay)
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
    builder.expect_size(1_999)

    builder.call("Saved").save()
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert asked == ["beforeunload"]


def test_what_is_saved_is_left_without_a_word(builder: Builder, segments: SegmentList) -> None:
    builder.call("Saved").save()
    builder.page.get_by_role("link", name="← Segments").click()
    expect(segments.card("Saved").place).to_contain_text("1,999")

"""The builder asks before unsaved changes are lost."""

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Shop, both, texts


@pytest.fixture
def builder(segments: SegmentList) -> Builder:
    """Open a new segment from the list and change it."""
    segments.new.click()
    builder = Builder(segments.page)
    builder.add_row("Texts received").choose_operator("is exactly").fill("Number", "0")
    builder.expect_size(1_999)
    return builder


def test_a_link_asks_first(builder: Builder, segments: SegmentList) -> None:
    for leave in (False, True):
        builder.page.get_by_role("link", name="← Segments").click()
        expect(builder.dialog).to_contain_text("Leave without saving?")
        builder.dialog.get_by_role("button", name="Leave" if leave else "Stay").click()
        expect(builder.dialog).to_be_hidden()
        if not leave:
            expect(builder.row().input("Number")).to_have_value("0")
    expect(segments.new).to_be_visible()


def test_enter_in_the_dialog_stays(builder: Builder) -> None:
    builder.page.get_by_role("link", name="Segments", exact=True).click()
    expect(builder.dialog).to_contain_text("Leave without saving?")
    builder.page.keyboard.press("Enter")
    expect(builder.dialog).to_be_hidden()
    expect(builder.row().input("Number")).to_have_value("0")


def test_signing_out_asks_first(builder: Builder) -> None:
    sign_out = builder.page.get_by_role("link", name="Sign out")
    for leave in (False, True):
        sign_out.click()
        expect(builder.dialog).to_contain_text("Leave without saving?")
        builder.dialog.get_by_role("button", name="Leave" if leave else "Stay").click()
        expect(builder.dialog).to_be_hidden()
        if not leave:
            expect(builder.row().input("Number")).to_have_value("0")
    expect(builder.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_back_button_asks_first(builder: Builder, segments: SegmentList) -> None:
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


def test_going_back_from_a_copy_opens_the_original(builder: Builder, demo: Shop) -> None:
    page = builder.page
    builder.enter_name("Original").save()
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
    saved = demo.segments()
    assert saved["Original"]["rule"] == both(texts(2))
    assert saved["Original (copy)"]["rule"] == both(texts(0))
    page.evaluate("history.forward()")
    expect(builder.name).to_have_value("Original (copy)")
    expect(builder.row().input("Number")).to_have_value("0")


def test_closing_the_tab_asks_first_unless_all_is_saved(builder: Builder) -> None:
    dialogs: list[str] = []

    def stay(dialog: Dialog) -> None:
        dialogs.append(dialog.type)
        dialog.dismiss()

    page = builder.page
    page.on("dialog", stay)
    with page.expect_event("dialog"):
        page.close(run_before_unload=True)
    assert dialogs == ["beforeunload"]
    builder.expect_size(1_999)

    builder.enter_name("Saved").save()
    with page.expect_event("close"):
        page.close(run_before_unload=True)
    assert dialogs == ["beforeunload"]


def test_leaving_a_saved_segment_asks_nothing(builder: Builder, segments: SegmentList) -> None:
    builder.enter_name("Saved").save()
    builder.page.get_by_role("link", name="← Segments").click()
    expect(segments.card("Saved").locator).to_contain_text("1,999")

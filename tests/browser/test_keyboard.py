"""Everything works with the keyboard alone."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Browse
from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import CONTACTS, Shop, both, orders, subscribed_since, texts

MAX_PRESSES = 80


class Keyboard:
    """A user without a mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.press = page.keyboard.press
        self.type = page.keyboard.type

    def tab_to(self, target: Locator, key: str = "Tab") -> None:
        """Press Tab until a visible element has the focus."""
        expect(target).to_be_visible()
        for _ in range(MAX_PRESSES):
            if target.evaluate("(element) => element === document.activeElement"):
                break
            self.press(key)
        expect(target).to_be_focused()

    def choose_operator(self, operator: str) -> None:
        """Tab to the next comparison, and choose an operator with the arrow keys."""
        self.press("Tab")
        focused = self.page.locator(":focus")
        expect(focused).to_have_accessible_name("Comparison")
        for _ in range(MAX_PRESSES):
            if focused.evaluate("(select) => select.selectedOptions[0].label") == operator:
                return
            self.press("ArrowDown")
        raise AssertionError(operator)


def test_a_segment_is_built_and_saved(browse: Browse, demo: Shop) -> None:
    page = browse(demo.address, locale="en-US")
    keys = Keyboard(page)
    segments, builder = SegmentList(page), Builder(page)
    keys.tab_to(segments.new)
    keys.press("Enter")
    builder.expect_size(CONTACTS)

    add = page.get_by_role("button", name="+ Add condition")
    keys.tab_to(add)
    keys.press("Enter")
    # The focus is in the new row, where typing searches the criteria.
    keys.type("subscribe date")
    keys.press("Enter")
    expect(builder.row(1).criterion).to_have_value("Subscribe date")
    keys.choose_operator("is on or after")
    keys.press("Tab")
    expect(builder.row(1).input("Date")).to_be_focused()
    keys.type("05012011")
    builder.expect_size(1_652)

    keys.tab_to(add)
    keys.press("Enter")
    keys.type("orders")
    keys.press("ArrowDown")
    keys.press("ArrowUp")
    keys.press("Enter")
    expect(builder.row(2).criterion).to_have_value("Orders placed")
    keys.press("Tab")
    keys.press("Tab")
    expect(builder.row(2).input("Number")).to_be_focused()
    keys.type("1")
    builder.expect_size(632)

    keys.tab_to(builder.name, "Shift+Tab")
    keys.type("By keys alone")
    keys.tab_to(builder.save_button)
    keys.press("Enter")
    expect(builder.status).to_have_text("Saved")
    rule = both(subscribed_since("2011-05-01"), orders(1))
    assert demo.segments()["By keys alone"]["rule"] == rule


def test_values_are_found_added_and_removed(builder: Builder) -> None:
    keys = Keyboard(builder.page)
    row = builder.add_row("Product purchased")
    products = row.input("Products")
    keys.tab_to(products)
    removes = row.locator.get_by_role("button", name="Remove ")
    for count, search in enumerate(("hanging heart", "regency cake"), 1):
        keys.type(search)
        suggestion = row.locator.get_by_role("listbox").get_by_role("option").first
        expect(suggestion).to_contain_text(search, ignore_case=True)
        keys.press("ArrowDown")
        keys.press("Enter")
        expect(removes).to_have_count(1 + count)  # the row has a button, too
    expect(products).to_be_focused()
    keys.press("Escape")
    keys.press("Backspace")
    expect(removes).to_have_count(2)


def test_a_group_is_added_negated_and_removed(builder: Builder, demo: Shop) -> None:
    keys = Keyboard(builder.page)
    builder.add_row("Orders placed").fill("Number", "1")
    keys.tab_to(builder.page.get_by_role("button", name="+ Add group"))
    keys.press("Enter")
    group = builder.group("2")
    keys.tab_to(group.row().criterion)
    keys.type("texts received")
    keys.press("Enter")
    keys.press("Tab")
    keys.press("Tab")
    keys.type("0")
    builder.expect_size(demo.members(both(orders(1), texts(0))))
    keys.tab_to(group.locator.get_by_role("checkbox", name="NOT"), "Shift+Tab")
    keys.press("Space")
    builder.expect_size(demo.members(both(orders(1), {"not": texts(0)})))
    keys.tab_to(builder.locator.get_by_role("radio", name="AND").first, "Shift+Tab")
    keys.press("ArrowRight")
    outside = {"not": texts(0)}
    builder.expect_size(demo.members({"any": [orders(1), outside]}))
    keys.tab_to(group.locator.get_by_role("button", name="Remove group 2"))
    keys.press("Enter")
    builder.expect_size(demo.members(orders(1)))


def test_a_dialog_traps_the_focus_and_closes(browse: Browse, demo: Shop) -> None:
    demo.create("Never texted", texts(0))
    page = browse(demo.address)
    keys = Keyboard(page)
    segments = SegmentList(page)
    delete = segments.card("Never texted").button("Delete")
    keys.tab_to(delete)
    keys.press("Enter")
    expect(segments.dialog).to_be_visible()
    outside = """(dialog) => ![document.body, ...dialog.querySelectorAll('*'), dialog]
        .includes(document.activeElement)"""
    for _ in range(6):
        assert not segments.dialog.evaluate(outside)
        keys.press("Tab")
    keys.press("Escape")
    expect(segments.dialog).to_be_hidden()
    expect(delete).to_be_focused()

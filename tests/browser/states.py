"""The states in which the accessibility tests check the pages and pictures are taken of them."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import (
    CONTACTS,
    Rule,
    Shop,
    both,
    bought,
    either,
    orders,
    spent_over,
    subscribed_since,
    texts,
)

TWO_CRITERIA = both(spent_over("50.00"), texts(0))
CLICKED = {"operator": "AT_LEAST", "percent": "10", "within": {"since": "2011-01-01"}}
NESTED_GROUPS = both(
    spent_over("50.00"),
    {"not": either(texts(0), orders(1))},
    either(
        bought("85123A", "22423"),
        {"location": {"operator": "NONE_OF", "countries": ["GB", "FR", "DE"]}},
        both(subscribed_since("2011-05-01"), {"clickRate": CLICKED}),
    ),
)


def _open_saved(page: Page, shop: Shop, name: str, rule: Rule) -> Builder:
    saved = shop.segments().get(name)
    id = saved["id"] if saved else shop.create(name, rule, "For the spring campaign")
    page.goto(f"/builder/segments/{id}")
    builder = Builder(page)
    builder.expect_size(shop.members(rule))
    expect(page.get_by_role("navigation", name="Preview pages")).to_be_visible()
    return builder


def listed(page: Page, shop: Shop) -> None:
    """Show the list with two segments besides the default ones."""
    rules = {"Spent, never texted": TWO_CRITERIA, "Europe's best": NESTED_GROUPS}
    for name, rule in rules.items():
        if name not in shop.segments():
            shop.create(name, rule, "For the spring campaign")
    page.goto("/builder/")
    segments = SegmentList(page)
    for name, rule in rules.items():
        card = segments.card(name).locator
        expect(card.get_by_text(f"{shop.members(rule):,}", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Cross-Sells")).to_be_visible()


def empty(page: Page, _: Shop) -> None:
    """Show a new segment."""
    page.goto("/builder/new")
    Builder(page).expect_size(CONTACTS)


def filled(page: Page, shop: Shop) -> None:
    """Show a segment with two criteria."""
    _open_saved(page, shop, "Spent, never texted", TWO_CRITERIA)


def nested(page: Page, shop: Shop) -> None:
    """Show a segment with groups inside groups."""
    _open_saved(page, shop, "Europe's best", NESTED_GROUPS)


def choosing(page: Page, shop: Shop) -> None:
    """Show the open list of criteria."""
    empty(page, shop)
    builder = Builder(page)
    row = builder.add_row()
    expect(row.locator.get_by_role("option").first).to_be_visible()
    builder.expect_size(CONTACTS)


def invalid(page: Page, shop: Shop) -> None:
    """Show two rows with problems after an attempt to save."""
    empty(page, shop)
    builder = Builder(page).enter_name("Orders, and spend")
    row = builder.add_row("Orders placed").choose_operator("is between")
    row.fill("Number", "5").fill("Up to", "2")
    builder.add_row("Total spend").choose_operator("is more than")
    expect(builder.row(1).input("Up to")).to_have_attribute("aria-invalid", "true")
    builder.save_button.click()
    expect(builder.row(2).input("Amount")).to_have_attribute("aria-invalid", "true")


def conflict(page: Page, shop: Shop) -> None:
    """Show the dialog about a conflicting change by someone else."""
    filled(page, shop)
    builder = Builder(page)
    builder.row(1).fill("Amount", "60")
    saved = shop.segments()["Spent, never texted"]
    shop.update(saved["id"], description="Changed by someone else")
    builder.save_button.click()
    expect(builder.dialog).to_be_visible()


def explained(page: Page, shop: Shop) -> None:
    """Show the explanation of a match, and the panel for developers."""
    filled(page, shop)
    page.get_by_role("button", name="Why does ").first.click()
    page.get_by_role("heading", name="For developers").click()
    expect(page.get_by_role("region", name="curl command")).to_be_visible()


STATES: dict[str, Callable[[Page, Shop], None]] = {
    state.__name__: state
    for state in (listed, empty, filled, nested, choosing, invalid, conflict, explained)
}

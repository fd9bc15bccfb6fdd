"""The states of the page that are looked at as a whole."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Rule, Shop, both, bought, either, orders, spent_over, texts

FILLED = both(spent_over("50.00"), texts(0))
NESTED = both(
    spent_over("50.00"),
    {"not": either(texts(0), orders(1))},
    either(
        bought("85123A", "22423"),
        {"location": {"operator": "NONE_OF", "countries": ["GB", "FR", "DE"]}},
        both(
            {"subscribeDate": {"operator": "ON_OR_AFTER", "date": "2011-05-01"}},
            {
                "clickRate": {
                    "operator": "AT_LEAST",
                    "percent": "10",
                    "within": {"since": "2011-01-01"},
                }
            },
        ),
    ),
)


def _saved(page: Page, shop: Shop, name: str, rule: Rule) -> Builder:
    found = shop.segments().get(name)
    id = found["id"] if found else shop.create(name, rule, "Made to be looked at")
    page.goto(f"/builder/segments/{id}")
    builder = Builder(page)
    builder.expect_size(shop.members(rule))
    expect(page.get_by_role("navigation", name="Pages of members")).to_be_visible()
    return builder


def listed(page: Page, shop: Shop) -> None:
    """The list, with segments that somebody has made."""
    for name, rule in (("Spent, never texted", FILLED), ("Europe's best", NESTED)):
        if name not in shop.segments():
            shop.create(name, rule, "Made to be looked at")
    page.goto("/builder/")
    segments = SegmentList(page)
    for name, size in (("Spent, never texted", shop.members(FILLED)), ("Europe's best", None)):
        card = segments.card(name).place
        shown = f"{shop.members(NESTED) if size is None else size:,}"
        expect(card.get_by_text(shown, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Cross-Sells")).to_be_visible()


def empty(page: Page, _: Shop) -> None:
    """A new segment."""
    page.goto("/builder/new")
    Builder(page).expect_size(4_339)


def filled(page: Page, shop: Shop) -> None:
    """Two criteria."""
    _saved(page, shop, "Spent, never texted", FILLED)


def nested(page: Page, shop: Shop) -> None:
    """Groups within groups."""
    _saved(page, shop, "Europe's best", NESTED)


def picking(page: Page, shop: Shop) -> None:
    """A list to pick from is open."""
    empty(page, shop)
    builder = Builder(page)
    row = builder.add_criterion()
    expect(row.place.get_by_role("option").first).to_be_visible()
    builder.expect_size(4_339)


def wrong(page: Page, shop: Shop) -> None:
    """Something keeps it from being saved."""
    empty(page, shop)
    builder = Builder(page).call("Orders, and spend")
    builder.add_criterion("Orders placed").compare("is between").fill("Number", "5").fill(
        "Up to", "2"
    )
    builder.add_criterion("Total spend").compare("is greater than")
    expect(builder.row(1).input("Up to")).to_have_attribute("aria-invalid", "true")
    builder.save_button.click()
    expect(builder.row(2).input("Amount")).to_have_attribute("aria-invalid", "true")


def asking(page: Page, shop: Shop) -> None:
    """A dialog is open."""
    filled(page, shop)
    builder = Builder(page)
    builder.row(1).fill("Amount", "60")
    found = shop.segments()["Spent, never texted"]
    shop.update(found["id"], description="Changed by somebody else")
    builder.save_button.click()
    expect(builder.dialog).to_be_visible()


def explained(page: Page, shop: Shop) -> None:
    """It is said why a member is in it, and what programs send."""
    filled(page, shop)
    page.get_by_role("button", name="Why is ").first.click()
    page.get_by_role("heading", name="For developers").click()
    expect(page.get_by_role("region", name="With curl")).to_be_visible()


STATES: dict[str, Callable[[Page, Shop], None]] = {
    state.__name__: state
    for state in (listed, empty, filled, nested, picking, wrong, asking, explained)
}

"""What is typed means what somebody would expect, and costs no click."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Builder, Row
from tests.browser.shop import Shop, bought

HEART = "HEART OF WICKER SMALL"


@pytest.fixture
def products(builder: Builder) -> Row:
    """A row that asks for products, of which one is searched for."""
    row = builder.add_criterion("Product purchased")
    row.input("Products").fill("of wicker")
    expect(row.offered(HEART)).to_be_visible()
    return row


@pytest.mark.parametrize("key", ["Escape", "Tab"])
def test_a_search_that_is_left_is_no_value(builder: Builder, products: Row, key: str) -> None:
    builder.page.keyboard.press(key)
    expect(products.input("Products")).to_have_value("")
    expect(products.place.get_by_role("button", name="Remove")).to_have_count(1)
    expect(builder.not_counted).to_have_count(1)


def test_enter_takes_the_first_that_was_found(builder: Builder, demo: Shop, products: Row) -> None:
    first, *_ = demo.ask(
        '{ fieldSuggestions(criterion: "productPurchased", field: "products", search: "of wicker")'
        " { value label } }"
    )["fieldSuggestions"]
    builder.page.keyboard.press("Enter")
    expect(
        products.place.get_by_role("button", name=f"Remove {first['label']}", exact=True)
    ).to_be_visible()
    builder.expect_size(demo.members(bought(first["value"])))


def test_a_value_that_the_shop_has_not_is_marked(builder: Builder, products: Row) -> None:
    products.input("Products").fill("NOSUCH1")
    expect(products.place.get_by_text("Nothing like it")).to_be_visible()
    builder.page.keyboard.press("Enter")
    expect(products.place.get_by_text("Nothing in the shop has this yet.")).to_be_attached()
    products.add("Products", "of wicker", HEART)
    expect(products.place.get_by_text("Nothing in the shop has this yet.")).to_have_count(1)


def test_the_click_that_leaves_a_mistake_is_taken(builder: Builder) -> None:
    spend = builder.add_criterion("Total spend").compare("is greater than").fill("Amount", "abc")
    spend.open("Time frame")
    expect(spend.input("Time frame")).to_be_visible()
    expect(spend.input("Amount")).to_have_attribute("aria-invalid", "true")
    spend.fill("Amount", "xyz")
    builder.add_criterion()
    expect(builder.rows).to_have_count(2)


@pytest.mark.parametrize(
    ("typed", "taken"), [("£1,000.50", "1000.50"), (" 1,000 ", "1000"), ("12,50", "12,50")]
)
def test_an_amount_as_it_is_pasted(builder: Builder, typed: str, taken: str) -> None:
    spend = builder.add_criterion("Total spend").compare("is greater than").fill("Amount", typed)
    expect(spend.input("Amount")).to_have_value(taken)

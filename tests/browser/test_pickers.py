"""Inputs that search and add values take what users type, paste and click."""

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Builder, Row
from tests.browser.shop import Shop, bought

HEART = "HEART OF WICKER SMALL"


@pytest.fixture
def products(builder: Builder) -> Row:
    row = builder.add_row("Product purchased")
    row.input("Products").fill("of wicker")
    expect(row.option(HEART)).to_be_visible()
    return row


@pytest.mark.parametrize("key", ["Escape", "Tab"])
def test_leaving_a_search_adds_no_value(builder: Builder, products: Row, key: str) -> None:
    builder.page.keyboard.press(key)
    expect(products.input("Products")).to_have_value("")
    expect(products.locator.get_by_role("button", name="Remove")).to_have_count(1)
    expect(builder.uncounted_hints).to_have_count(1)


def test_enter_adds_the_first_suggestion(builder: Builder, demo: Shop, products: Row) -> None:
    first, *_ = demo.ask(
        '{ fieldSuggestions(criterion: "productPurchased", field: "products", search: "of wicker")'
        " { value label } }"
    )["fieldSuggestions"]
    builder.page.keyboard.press("Enter")
    expect(products.remove_button(first["label"])).to_be_visible()
    builder.expect_size(demo.members(bought(first["value"])))


@pytest.mark.parametrize("how", ["Enter", "click"])
def test_a_value_that_is_not_in_the_shop_can_be_used_anyway(
    builder: Builder, products: Row, how: str
) -> None:
    products.input("Products").fill("NOSUCH1")
    expect(products.locator.get_by_text('No products match "NOSUCH1".')).to_be_visible()
    if how == "Enter":
        builder.page.keyboard.press("Enter")
    else:
        products.option("Use it anyway").click()
    expect(products.remove_button("NOSUCH1")).to_be_visible()
    expect(products.locator.get_by_text("Not found in this shop")).to_be_attached()
    products.add("Products", "of wicker", HEART)
    expect(products.locator.get_by_text("Not found in this shop")).to_have_count(1)


def test_a_click_that_leaves_an_invalid_input_is_not_lost(builder: Builder) -> None:
    spend = builder.add_row("Total spend").choose_operator("is more than").fill("Amount", "abc")
    spend.open("Time frame")
    expect(spend.input("Time frame")).to_be_visible()
    expect(spend.input("Amount")).to_have_attribute("aria-invalid", "true")
    spend.fill("Amount", "xyz")
    builder.add_row()
    expect(builder.rows).to_have_count(2)


@pytest.mark.parametrize(
    ("pasted", "value"), [("£1,000.50", "1000.50"), (" 1,000 ", "1000"), ("12,50", "12,50")]
)
def test_a_pasted_amount_loses_its_formatting(builder: Builder, pasted: str, value: str) -> None:
    spend = builder.add_row("Total spend").choose_operator("is more than").fill("Amount", pasted)
    expect(spend.input("Amount")).to_have_value(value)

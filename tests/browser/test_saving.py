"""Saving: what prevents it, where the page says so, and conflicting changes."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Request, expect

from tests.browser.conftest import Browse
from tests.browser.pages import Builder
from tests.browser.shop import CONTACTS, Shop, both, orders, spent_over, texts


@pytest.fixture
def sent(builder: Builder) -> list[str]:
    """Record the mutations that the page sends."""
    mutations: list[str] = []

    def record(request: Request) -> None:
        if "mutation" in (request.post_data or ""):
            mutations.append(request.post_data or "")

    builder.page.on("request", record)
    return mutations


def test_an_unfinished_row_is_neither_counted_nor_saved(
    builder: Builder, demo: Shop, sent: list[str]
) -> None:
    builder.add_row("Texts received").choose_operator("is exactly").fill("Number", "0")
    builder.expect_size(1_999)
    spend = builder.add_row("Total spend").choose_operator("is more than")
    expect(builder.uncounted_hints).to_have_text(["Add a value to count this"])
    expect(spend.not_counted).to_be_visible()
    expect(builder.size).to_contain_text("1 incomplete condition isn't counted")
    builder.expect_size(1_999)

    builder.enter_name("Unfinished").save_button.click()
    expect(builder.status).to_have_text("Complete or remove the highlighted conditions")
    expect(spend.input("Amount")).to_be_focused()
    expect(spend.input("Amount")).to_have_accessible_description("Enter a value")
    assert sent == []

    spend.fill("Amount", "50")
    builder.expect_size(1_985)
    builder.save()
    assert demo.segments()["Unfinished"]["rule"] == both(texts(0), spent_over("50.00"))


def test_a_row_without_a_criterion_is_unfinished(builder: Builder, sent: list[str]) -> None:
    row = builder.add_row()
    expect(builder.uncounted_hints).to_have_text(["Choose a condition to count this"])
    builder.expect_size(CONTACTS)
    builder.enter_name("Without").save_button.click()
    expect(row.criterion).to_be_focused()
    assert sent == []
    row.remove()
    builder.save()


@pytest.mark.parametrize("amount", ["fifty", "1.23456", "-1", "1e3"])
def test_an_invalid_amount_is_not_counted(builder: Builder, amount: str, sent: list[str]) -> None:
    spend = builder.add_row("Total spend").choose_operator("is more than").fill("Amount", amount)
    # The input is not marked while the user is still typing.
    expect(builder.uncounted_hints).to_have_text(["Correct the value to count this"])
    expect(spend.input("Amount")).not_to_have_attribute("aria-invalid", "true")
    builder.page.keyboard.press("Tab")
    expect(spend.input("Amount")).to_have_attribute("aria-invalid", "true")
    expect(spend.input("Amount")).to_have_accessible_description(re.compile("^Enter"))
    builder.enter_name("Invalid").save_button.click()
    expect(spend.input("Amount")).to_be_focused()
    assert sent == []
    spend.fill("Amount", "50")
    expect(builder.uncounted_hints).to_have_count(0)
    builder.expect_size(4_300)


def test_a_row_added_after_a_failed_save_is_not_marked_as_invalid(builder: Builder) -> None:
    spend = builder.enter_name("Twice").add_row("Total spend").choose_operator("is more than")
    builder.save_button.click()
    expect(spend.input("Amount")).to_have_attribute("aria-invalid", "true")
    another = builder.add_row("Texts received").choose_operator("is exactly")
    expect(another.input("Number")).not_to_have_attribute("aria-invalid", "true")
    spend.fill("Amount", "50")
    expect(builder.status).to_have_text("Unsaved changes")
    # Saving again moves the focus to the problem that is left.
    builder.save_button.click()
    expect(another.input("Number")).to_be_focused()
    expect(another.input("Number")).to_have_attribute("aria-invalid", "true")
    another.fill("Number", "0")
    builder.save()


def test_a_segment_needs_a_name(builder: Builder, sent: list[str]) -> None:
    builder.save_button.click()
    expect(builder.name).to_be_focused()
    expect(builder.name).to_have_accessible_description("Enter a name")
    assert sent == []


def test_an_upper_bound_below_the_lower_bound_is_not_counted(builder: Builder, demo: Shop) -> None:
    spend = builder.add_row("Total spend").choose_operator("is between")
    spend.fill("Amount", "50").fill("Up to", "20")
    expect(builder.uncounted_hints).to_have_count(1)
    builder.expect_size(CONTACTS)
    builder.enter_name("Between").save_button.click()
    expect(spend.input("Up to")).to_be_focused()
    expect(spend.input("Up to")).to_have_accessible_description("Enter £50 or more")
    expect(spend.input("Amount")).not_to_have_attribute("aria-invalid", "true")
    spend.fill("Up to", "200")
    expect(spend.input("Up to")).not_to_have_attribute("aria-invalid", "true")
    between = {"spend": {"operator": "BETWEEN", "amount": "50", "upTo": "200"}}
    builder.expect_size(demo.members(between))
    builder.save()


def test_an_error_from_the_server_is_shown_at_its_input(browse: Browse, demo: Shop) -> None:
    id = demo.create("Ours", texts(0))
    builder = Builder(browse(demo.address, f"/builder/segments/{id}"))
    builder.row().fill("Number", "1")
    reference = builder.add_row("Segment").choose_operator("is")
    reference.input("Segment").fill("Ours")
    reference.option("Ours").click()
    expect(reference.input("Segment")).to_have_attribute("aria-expanded", "false")
    expect(reference.input("Segment")).to_have_value("Ours")
    builder.save_button.click()
    expect(reference.input("Segment")).to_have_accessible_description(re.compile("itself"))
    expect(reference.input("Segment")).to_be_focused()
    expect(builder.row(1).input("Number")).not_to_have_attribute("aria-invalid", "true")
    assert demo.segments()["Ours"]["rule"] == texts(0)
    reference.remove()
    builder.save()
    assert demo.segments()["Ours"]["rule"] == texts(1)


def test_a_duplicate_name_is_reported_at_the_name(builder: Builder, demo: Shop) -> None:
    demo.create("Taken", texts(0))
    builder.enter_name("Taken").save_button.click()
    expect(builder.name).to_be_focused()
    expect(builder.name).to_have_accessible_description(re.compile("Taken"))
    builder.enter_name("Free").save()
    assert {"Taken", "Free"} <= demo.segments().keys()


def test_saving_keeps_the_state_of_the_page(builder: Builder) -> None:
    builder.enter_name("As it is").save()
    expect(builder.save_button).to_be_focused()
    builder.add_row("Texts received").choose_operator("is exactly").fill("Number", "0")
    expect(builder.status).to_have_text("Unsaved changes")
    builder.save()
    expect(builder.save_button).to_be_focused()
    expect(builder.row().input("Number")).to_have_value("0")


@pytest.fixture
def conflict(browse: Browse, demo: Shop) -> Callable[[], Builder]:
    """Return a function that opens a segment which another user changes before it is saved."""

    def open_conflict() -> Builder:
        id = demo.create("Ours", orders(1))
        builder = Builder(browse(demo.address, f"/builder/segments/{id}"))
        builder.row().fill("Number", "2")
        builder.expect_size(demo.members(orders(2)))
        demo.update(id, name="Theirs", rule=texts(0), description="For the welcome text")
        builder.save_button.click()
        expect(builder.dialog).to_be_visible()
        theirs = builder.dialog.get_by_role("region", name="Their version (saved)")
        expect(theirs).to_contain_text("Has never received a text")
        expect(theirs).to_contain_text("For the welcome text")
        yours = builder.dialog.get_by_role("region", name="Your version (not saved)")
        expect(yours).to_contain_text("Ours")
        expect(yours).to_contain_text("Has placed exactly 2 orders")
        return builder

    return open_conflict


def test_a_conflict__replace_theirs(conflict: Callable[[], Builder], demo: Shop) -> None:
    builder = conflict()
    builder.dialog.get_by_role("button", name="Replace theirs with mine").click()
    expect(builder.status).to_have_text("Saved")
    found = demo.segments()
    assert found["Ours"]["rule"] == orders(2)
    assert "Theirs" not in found
    builder.row().fill("Number", "3")
    builder.save()
    assert demo.segments()["Ours"]["rule"] == orders(3)


def test_a_conflict__use_theirs(conflict: Callable[[], Builder], demo: Shop) -> None:
    builder = conflict()
    builder.dialog.get_by_role("button", name="Use their version").click()
    expect(builder.dialog).to_be_hidden()
    expect(builder.name).to_have_value("Theirs")
    builder.expect_size(1_999)
    assert demo.segments()["Theirs"]["rule"] == texts(0)
    builder.row().fill("Number", "1")
    builder.save()


def test_a_conflict__save_a_copy(conflict: Callable[[], Builder], demo: Shop) -> None:
    builder = conflict()
    builder.dialog.get_by_role("button", name="Save mine as a copy").click()
    expect(builder.status).to_have_text("Saved")
    found = demo.segments()
    assert found.pop("Theirs")["rule"] == texts(0)
    [copy] = [segment for name, segment in found.items() if name.startswith("Ours")]
    assert copy["rule"] == orders(2)
    builder.page.wait_for_url(f"**/builder/segments/{copy['id']}")


def test_a_conflict__keep_editing(conflict: Callable[[], Builder], demo: Shop) -> None:
    builder = conflict()
    builder.page.keyboard.press("Escape")
    expect(builder.dialog).to_be_hidden()
    expect(builder.row().input("Number")).to_have_value("2")
    builder.save_button.click()
    expect(builder.dialog).to_be_visible()
    assert demo.segments()["Theirs"]["rule"] == texts(0)

"""What keeps a segment from being saved, and where the page says so."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Request, expect

from tests.browser.conftest import Browse
from tests.browser.pages import Builder
from tests.browser.shop import Shop, both, orders, spent_over, texts


@pytest.fixture
def sent(builder: Builder) -> list[str]:
    """The mutations that the page sends."""
    found: list[str] = []

    def note(request: Request) -> None:
        if "mutation" in (request.post_data or ""):
            found.append(request.post_data or "")

    builder.page.on("request", note)
    return found


def test_an_unfinished_row_does_not_count_and_is_not_saved(
    builder: Builder, demo: Shop, sent: list[str]
) -> None:
    builder.add_criterion("Texts received").compare("equals").fill("Number", "0")
    builder.expect_size(1_999)
    spend = builder.add_criterion("Total spend").compare("is greater than")
    expect(builder.not_counted).to_have_count(1)
    expect(spend.place.get_by_title("Not counted")).to_be_visible()
    expect(builder.size).to_contain_text("One part is unfinished and not counted.")
    builder.expect_size(1_999)

    builder.call("Unfinished").save_button.click()
    expect(builder.says).to_have_text("Finish what is marked, or remove it.")
    expect(spend.input("Amount")).to_be_focused()
    expect(spend.input("Amount")).to_have_accessible_description("Enter a value.")
    assert sent == []

    spend.fill("Amount", "50")
    builder.expect_size(1_985)
    builder.save()
    assert demo.segments()["Unfinished"]["rule"] == both(texts(0), spent_over("50.00"))


def test_a_row_without_a_criterion_is_unfinished(builder: Builder, sent: list[str]) -> None:
    row = builder.add_criterion()
    expect(builder.not_counted).to_have_count(1)
    builder.expect_size(4_339)
    builder.call("Without").save_button.click()
    expect(row.criterion).to_be_focused()
    assert sent == []
    row.remove()
    builder.save()


@pytest.mark.parametrize("amount", ["fifty", "1.23456", "-1", "1e3"])
def test_what_is_no_amount_does_not_count(builder: Builder, amount: str, sent: list[str]) -> None:
    spend = builder.add_criterion("Total spend").compare("is greater than").fill("Amount", amount)
    # Nobody is told off in the middle of a word.
    expect(builder.not_counted).to_have_count(1)
    expect(spend.input("Amount")).not_to_have_attribute("aria-invalid", "true")
    builder.page.keyboard.press("Tab")
    expect(spend.input("Amount")).to_have_attribute("aria-invalid", "true")
    expect(spend.input("Amount")).to_have_accessible_description(re.compile("^(Enter|At least)"))
    builder.call("No amount").save_button.click()
    expect(spend.input("Amount")).to_be_focused()
    assert sent == []
    spend.fill("Amount", "50")
    expect(builder.not_counted).to_have_count(0)
    builder.expect_size(4_300)


def test_a_row_that_is_added_after_an_attempt_is_not_shouted_at(builder: Builder) -> None:
    spend = builder.call("Twice").add_criterion("Total spend").compare("is greater than")
    builder.save_button.click()
    expect(spend.input("Amount")).to_have_attribute("aria-invalid", "true")
    another = builder.add_criterion("Texts received").compare("equals")
    expect(another.input("Number")).not_to_have_attribute("aria-invalid", "true")
    spend.fill("Amount", "50")
    expect(builder.says).to_have_text("Not saved yet.")
    # A second attempt leads to what is wrong now.
    builder.save_button.click()
    expect(another.input("Number")).to_be_focused()
    expect(another.input("Number")).to_have_attribute("aria-invalid", "true")
    another.fill("Number", "0")
    builder.save()


def test_it_needs_a_name(builder: Builder, sent: list[str]) -> None:
    builder.save_button.click()
    expect(builder.name).to_be_focused()
    expect(builder.name).to_have_accessible_description("Give the segment a name.")
    assert sent == []


def test_bounds_that_are_the_wrong_way_round_do_not_count(builder: Builder, demo: Shop) -> None:
    spend = builder.add_criterion("Total spend").compare("is between")
    spend.fill("Amount", "50").fill("Up to", "20")
    expect(builder.not_counted).to_have_count(1)
    builder.expect_size(4_339)
    builder.call("Between").save_button.click()
    expect(spend.input("Up to")).to_be_focused()
    expect(spend.input("Up to")).to_have_accessible_description("At least 50.")
    expect(spend.input("Amount")).not_to_have_attribute("aria-invalid", "true")
    spend.fill("Up to", "200")
    expect(spend.input("Up to")).not_to_have_attribute("aria-invalid", "true")
    between = {"spend": {"operator": "BETWEEN", "amount": "50", "upTo": "200"}}
    builder.expect_size(demo.members(between))
    builder.save()


def test_what_the_server_refuses_is_said_at_its_input(browse: Browse, demo: Shop) -> None:
    id = demo.create("Ours", texts(0))
    builder = Builder(browse(demo.address, f"/builder/segments/{id}"))
    builder.row().fill("Number", "1")
    itself = builder.add_criterion("In segment").compare("is")
    itself.input("Segment").fill("Ours")
    itself.offered("Ours").click()
    builder.save_button.click()
    expect(itself.input("Segment")).to_be_focused()
    expect(itself.input("Segment")).to_have_accessible_description(re.compile("itself"))
    expect(builder.row(1).input("Number")).not_to_have_attribute("aria-invalid", "true")
    assert demo.segments()["Ours"]["rule"] == texts(0)
    itself.remove()
    builder.save()
    assert demo.segments()["Ours"]["rule"] == texts(1)


def test_a_name_that_is_taken_is_said_at_the_name(builder: Builder, demo: Shop) -> None:
    demo.create("Taken", texts(0))
    builder.call("Taken").save_button.click()
    expect(builder.name).to_be_focused()
    expect(builder.name).to_have_accessible_description(re.compile("Taken"))
    builder.call("Free").save()
    assert {"Taken", "Free"} <= demo.segments().keys()


def test_saving_keeps_the_page_as_it_is(builder: Builder) -> None:
    builder.call("As it is").save()
    expect(builder.save_button).to_be_focused()
    builder.add_criterion("Texts received").compare("equals").fill("Number", "0")
    expect(builder.says).to_have_text("Not saved yet.")
    builder.save()
    expect(builder.save_button).to_be_focused()
    expect(builder.row().input("Number")).to_have_value("0")


@pytest.fixture
def conflict(browse: Browse, demo: Shop) -> Callable[[], Builder]:
    """A segment that somebody else changes while it is edited: the page, asking what to do."""

    def both_save() -> Builder:
        id = demo.create("Ours", orders(1))
        builder = Builder(browse(demo.address, f"/builder/segments/{id}"))
        builder.row().fill("Number", "2")
        builder.expect_size(demo.members(orders(2)))
        demo.update(id, name="Theirs", rule=texts(0), description="For the welcome text")
        builder.save_button.click()
        expect(builder.dialog).to_be_visible()
        theirs = builder.dialog.get_by_role("region", name="Theirs")
        expect(theirs).to_contain_text("Texts received equals 0")
        expect(theirs).to_contain_text("For the welcome text")
        yours = builder.dialog.get_by_role("region", name="Yours")
        expect(yours).to_contain_text("Ours")
        expect(yours).to_contain_text("Orders placed equals 2")
        return builder

    return both_save


def test_a_conflict__mine_replaces_theirs(conflict: Callable[[], Builder], demo: Shop) -> None:
    builder = conflict()
    builder.dialog.get_by_role("button", name="Replace theirs with mine").click()
    expect(builder.says).to_have_text("Saved.")
    found = demo.segments()
    assert found["Ours"]["rule"] == orders(2)
    assert "Theirs" not in found
    builder.row().fill("Number", "3")
    builder.save()
    assert demo.segments()["Ours"]["rule"] == orders(3)


def test_a_conflict__theirs_is_taken(conflict: Callable[[], Builder], demo: Shop) -> None:
    builder = conflict()
    builder.dialog.get_by_role("button", name="Take theirs").click()
    expect(builder.dialog).to_be_hidden()
    expect(builder.name).to_have_value("Theirs")
    builder.expect_size(1_999)
    assert demo.segments()["Theirs"]["rule"] == texts(0)
    builder.row().fill("Number", "1")
    builder.save()


def test_a_conflict__mine_becomes_a_copy(conflict: Callable[[], Builder], demo: Shop) -> None:
    builder = conflict()
    builder.dialog.get_by_role("button", name="Save mine as a copy").click()
    expect(builder.says).to_have_text("Saved.")
    found = demo.segments()
    assert found.pop("Theirs")["rule"] == texts(0)
    [copy] = [segment for name, segment in found.items() if name.startswith("Ours")]
    assert copy["rule"] == orders(2)
    builder.page.wait_for_url(f"**/builder/segments/{copy['id']}")


def test_a_conflict_can_be_left_for_later(conflict: Callable[[], Builder], demo: Shop) -> None:
    builder = conflict()
    builder.page.keyboard.press("Escape")
    expect(builder.dialog).to_be_hidden()
    expect(builder.row().input("Number")).to_have_value("2")
    builder.save_button.click()
    expect(builder.dialog).to_be_visible()
    assert demo.segments()["Theirs"]["rule"] == texts(0)

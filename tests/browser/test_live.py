"""Sizes follow the facts, and a server that goes away is never taken for nobody."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Browse
from tests.browser.pages import Builder
from tests.browser.shop import Shop, both, demo_shop, spent_over, texts
from tests.browser.watch import Watch
from tests.processes import free_port

ORDERS = """
mutation ($orders: [OrderInput!]!) { ordersUpsert(orders: $orders) { recorded } }
"""
# Contact 14576 has spent less than 50 pounds so far and was never texted.
ORDER = {
    "id": "900001",
    "contactId": "14576",
    "orderedAt": "2011-12-09T13:00:00Z",
    "total": "25.50",
    "lines": [{"productId": "85123A", "quantity": 10, "price": "2.55"}],
}
CANCELLED = {**ORDER, "cancelledAt": "2011-12-09T14:00:00Z"}
SPENT_NOT_TEXTED = both(spent_over("50.00"), texts(0))


def record(shop: Shop, order: Mapping[str, object]) -> None:
    assert shop.ask(ORDERS, orders=[order])["ordersUpsert"]["recorded"] == 1


@pytest.fixture
def order(demo: Shop) -> Iterator[None]:
    """The order is as if it had not been, at the end."""
    yield
    record(demo, CANCELLED)


@pytest.mark.usefixtures("order")
def test_an_order_changes_the_size_that_is_shown(browse: Browse, demo: Shop) -> None:
    id = demo.create("Spent, not texted", SPENT_NOT_TEXTED)
    builder = Builder(browse(demo.address, f"/builder/segments/{id}"))
    builder.expect_size(1_985)
    expect(builder.live).to_be_visible()
    record(demo, ORDER)
    builder.expect_size(1_986)
    builder.row(1).expect_count(4_301)
    record(demo, CANCELLED)
    builder.expect_size(1_985)
    builder.row(1).expect_count(4_300)


def test_while_the_server_is_away_there_is_no_size(
    browse: Browse, watch: Watch, prepared: Path, tmp_path: Path
) -> None:
    watch.allow(r"Failed to load resource: net::ERR_CONNECTION_(REFUSED|RESET)")
    watch.allow(r"WebSocket connection to .* failed")
    data_dir = tmp_path / "data"
    shutil.copytree(prepared, data_dir, symlinks=True)
    port = free_port()
    with demo_shop(data_dir, port) as shop:
        id = shop.create("Spent, not texted", SPENT_NOT_TEXTED)
        page = browse(shop.address, f"/builder/segments/{id}")
        builder = Builder(page)
        builder.expect_size(1_985)
        expect(builder.live).to_be_visible()

    expect(builder.live).to_be_hidden()
    builder.row(1).fill("Amount", "100")
    expect(builder.size).to_contain_text("Unavailable")
    expect(builder.size.get_by_role("status")).not_to_contain_text(re.compile(r"\d"))
    for row in (1, 2):
        expect(builder.row(row).place.get_by_title("Not counted")).to_be_visible()
    builder.try_again.click()
    expect(builder.size).to_contain_text("Unavailable")
    builder.save_button.click()
    expect(builder.says).to_have_text("The server does not answer.")

    with demo_shop(data_dir, port) as shop:
        builder.try_again.click()
        spent_more = both(spent_over("100.00"), texts(0))
        builder.expect_size(shop.members(spent_more))
        expect(builder.live).to_be_visible()
        builder.save()

    # What was watched is watched again by itself.
    expect(builder.live).to_be_hidden()
    with demo_shop(data_dir, port) as shop:
        expect(builder.live).to_be_visible()
        builder.expect_size(shop.members(spent_more))
        record(shop, {**ORDER, "total": "250.00"})
        builder.expect_size(shop.members(spent_more))
        builder.row(1).expect_count(shop.members(spent_over("100.00")))
        page.close()


def test_the_list_is_there_again_after_a_retry(
    browse: Browse, watch: Watch, prepared: Path, tmp_path: Path
) -> None:
    watch.allow(r"Failed to load resource: net::ERR_CONNECTION_(REFUSED|RESET)")
    data_dir = tmp_path / "data"
    shutil.copytree(prepared, data_dir, symlinks=True)
    port = free_port()
    with demo_shop(data_dir, port) as shop:
        page = browse(shop.address, "/builder/new")
        Builder(page).expect_size(4_339)
    page.get_by_role("link", name="← Segments").click()
    expect(page.get_by_role("heading", name="Unavailable").first).to_be_visible()
    with demo_shop(data_dir, port):
        page.get_by_role("alert").first.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("1,991", exact=True)).to_be_visible()
        page.close()

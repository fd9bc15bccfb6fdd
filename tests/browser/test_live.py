"""Live sizes follow the shop's data, and a lost server is never shown as an audience of 0."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.conftest import Browse
from tests.browser.page_monitor import PageMonitor
from tests.browser.pages import Builder
from tests.browser.shop import CONTACTS, Shop, both, demo_shop, spent_over, texts
from tests.processes import free_port

# Contact 14576 has spent less than £50 before this order and has never received a text.
LINE = {"productId": "85123A", "quantity": 10, "price": "2.55"}
ORDER = factories.order(900_001, 14_576, total="25.50", at="2011-12-09T13:00:00Z", lines=[LINE])
CANCELLED = {**ORDER, "cancelledAt": "2011-12-09T14:00:00Z"}
SPENT_NOT_TEXTED = both(spent_over("50.00"), texts(0))


@pytest.fixture
def order(demo: Shop) -> Iterator[None]:
    """Cancel the order at the end."""
    yield
    demo.record("ordersUpsert", [CANCELLED])


@pytest.mark.usefixtures("order")
def test_an_order_updates_the_size(browse: Browse, demo: Shop) -> None:
    id = demo.create("Spent, not texted", SPENT_NOT_TEXTED)
    builder = Builder(browse(demo.address, f"/builder/segments/{id}"))
    builder.expect_size(1_985)
    expect(builder.live).to_be_visible()
    demo.record("ordersUpsert", [ORDER])
    builder.expect_size(1_986)
    builder.row(1).expect_count(4_301)
    demo.record("ordersUpsert", [CANCELLED])
    builder.expect_size(1_985)
    builder.row(1).expect_count(4_300)


def test_the_builder_and_the_list_recover_from_a_lost_server(
    browse: Browse, monitor: PageMonitor, prepared: Path, tmp_path: Path
) -> None:
    monitor.allow(r"Failed to load resource: net::ERR_CONNECTION_(REFUSED|RESET)")
    monitor.allow(r"WebSocket connection to .* failed")
    data_dir = tmp_path / "data"
    shutil.copytree(prepared, data_dir, symlinks=True)
    port = free_port()
    with demo_shop(data_dir, port) as shop:
        id = shop.create("Spent, not texted", SPENT_NOT_TEXTED)
        page = browse(shop.address, f"/builder/segments/{id}")
        builder = Builder(page)
        builder.expect_size(1_985)
        expect(builder.live).to_be_visible()
        other_page = browse(shop.address, "/builder/new")
        Builder(other_page).expect_size(CONTACTS)

    expect(builder.live).to_be_hidden()
    builder.row(1).fill("Amount", "100")
    expect(builder.size).to_contain_text("Unavailable")
    expect(builder.size).to_contain_text("Can't reach the server; retrying…")
    expect(builder.size.get_by_role("status")).not_to_contain_text(re.compile(r"\d"))
    for row in (1, 2):
        expect(builder.row(row).not_counted).to_be_visible()
    builder.try_again.click()
    expect(builder.size).to_contain_text("Unavailable")
    builder.save_button.click()
    expect(builder.status).to_have_text("Can't reach the server.")
    other_page.get_by_role("link", name="← Segments").click()
    expect(other_page.get_by_role("heading", name="Unavailable").first).to_be_visible()

    with demo_shop(data_dir, port) as shop:
        # The page retries by itself.
        spent_more = both(spent_over("100.00"), texts(0))
        builder.expect_size(shop.members(spent_more))
        expect(builder.live).to_be_visible()
        builder.save()
        other_page.get_by_role("alert").first.get_by_role("button", name="Try again").click()
        expect(other_page.get_by_text("1,991", exact=True)).to_be_visible()
        other_page.close()

    # The page reconnects by itself.
    expect(builder.live).to_be_hidden()
    with demo_shop(data_dir, port) as shop:
        expect(builder.live).to_be_visible()
        builder.expect_size(shop.members(spent_more))
        shop.record("ordersUpsert", [{**ORDER, "total": "250.00"}])
        builder.expect_size(shop.members(spent_more))
        builder.row(1).expect_count(shop.members(spent_over("100.00")))
        page.close()

"""The server's limits: the page waits for temporary ones and reports permanent ones."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Browse
from tests.browser.page_monitor import PageMonitor
from tests.browser.pages import Builder
from tests.browser.shop import CONTACTS, Shop, demo_shop, texts
from tests.client import SIZE

PAUSE = re.compile("Too many requests. Continuing in")


@pytest.fixture
def rate_limited(prepared: Path, tmp_path: Path) -> Iterator[Shop]:
    data_dir = shutil.copytree(prepared, tmp_path / "data", symlinks=True)
    with demo_shop(data_dir, RATE_LIMIT="30") as shop:
        yield shop


@pytest.fixture(scope="module")
def limited(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data_dir = shutil.copytree(prepared, tmp_path_factory.mktemp("limited") / "data", symlinks=True)
    # MAX_COST allows a size, but no page of contacts or segments.
    with demo_shop(
        data_dir, MAX_SOCKETS_PER_TOKEN="1", MAX_COST="100", INTROSPECTION="false"
    ) as shop:
        yield shop


def test_a_rate_limited_page_says_so_and_waits(
    rate_limited: Shop, browse: Browse, monitor: PageMonitor
) -> None:  # the server is the first fixture, so that it stops after the page has been closed
    monitor.allow("status of 429")
    page = browse(rate_limited.address, "/builder/new")
    builder = Builder(page)
    row = builder.add_row("Texts received").choose_operator("is exactly")
    builder.expect_size(CONTACTS)
    while not _is_rate_limited(rate_limited):
        pass
    row.fill("Number", "0")
    expect(page.get_by_text(PAUSE)).to_be_visible()
    builder.expect_size(1_999)
    expect(page.get_by_text(PAUSE)).to_be_hidden()


def test_a_connection_over_the_limit_is_retried(
    browse: Browse, monitor: PageMonitor, limited: Shop
) -> None:
    monitor.allow("status of 400")
    first = browse(limited.address, "/builder/new")
    expect(Builder(first).live).to_be_visible()
    second = Builder(browse(limited.address, "/builder/new"))
    expect(second.size).to_contain_text("Not live: too many connections are open; retrying…")
    second.expect_size(CONTACTS)
    first.close()
    expect(second.live).to_be_visible()
    expect(second.size).not_to_contain_text("Not live")


def test_a_permanent_error_has_no_button_to_try_again(
    browse: Browse, monitor: PageMonitor, limited: Shop
) -> None:
    monitor.allow("status of 400")
    page = browse(limited.address)
    failed = page.get_by_role("alert").filter(has_text="units of cost")
    expect(failed).to_be_visible()
    expect(failed.get_by_role("button")).to_have_count(0)


def test_the_page_does_not_link_to_a_disabled_graphiql(
    browse: Browse, monitor: PageMonitor, limited: Shop
) -> None:
    monitor.allow("status of 400")
    page = browse(limited.address)
    expect(page.get_by_role("heading", name="Segments", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="API")).to_have_count(0)


def _is_rate_limited(shop: Shop) -> bool:
    return shop.post(SIZE, {"rule": texts(1)}).status_code == 429

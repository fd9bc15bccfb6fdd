"""Limits of the server: what passes by itself is waited for, and what does not is said once."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Browse
from tests.browser.pages import Builder
from tests.browser.shop import SIZE, Shop, demo_shop, texts
from tests.browser.watch import Watch

PAUSE = re.compile("It goes on by itself in")


@pytest.fixture(scope="module")
def limited(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The demo shop on a server that allows little."""
    data_dir = tmp_path_factory.mktemp("limited") / "data"
    shutil.copytree(prepared, data_dir, symlinks=True)
    # A size costs less than a page of members, or of segments.
    with demo_shop(
        data_dir,
        RATE_LIMIT="30",
        MAX_SOCKETS_PER_TOKEN="1",
        MAX_COST="100",
        INTROSPECTION="false",
    ) as shop:
        yield shop


def test_who_asks_too_often_is_told_and_waits(browse: Browse, watch: Watch, limited: Shop) -> None:
    watch.allow("status of 4(00|29)")
    page = browse(limited.address, "/builder/new")
    builder = Builder(page)
    row = builder.add_criterion("Texts received").compare("equals")
    builder.expect_size(4_339)
    while not _is_refused(limited):
        pass
    row.fill("Number", "0")
    expect(page.get_by_text(PAUSE)).to_be_visible()
    builder.expect_size(1_999)
    expect(page.get_by_text(PAUSE)).to_be_hidden()


def test_a_connection_for_which_there_is_no_room_is_tried_again(
    browse: Browse, watch: Watch, limited: Shop
) -> None:
    watch.allow("status of 4(00|29)")
    first = browse(limited.address, "/builder/new")
    expect(Builder(first).live).to_be_visible()
    second = Builder(browse(limited.address, "/builder/new"))
    expect(second.size).to_contain_text("Not live: too many connections are open.")
    second.expect_size(4_339)
    first.close()
    expect(second.live).to_be_visible()
    expect(second.size).not_to_contain_text("Not live")


def test_what_is_too_much_is_not_offered_again(browse: Browse, watch: Watch, limited: Shop) -> None:
    watch.allow("status of 4(00|29)")
    page = browse(limited.address)
    failed = page.get_by_role("alert").filter(has_text="units of cost")
    expect(failed).to_be_visible()
    expect(failed.get_by_role("button")).to_have_count(0)


def test_an_explorer_that_is_not_there_is_not_led_to(
    browse: Browse, watch: Watch, limited: Shop
) -> None:
    watch.allow("status of 4(00|29)")
    page = browse(limited.address)
    expect(page.get_by_role("heading", name="Segments", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="API")).to_have_count(0)


def _is_refused(shop: Shop) -> bool:
    """Ask once more."""
    answer = httpx.post(
        f"{shop.address}/graphql",
        json={"query": SIZE, "variables": {"rule": texts(1)}},
        headers={"Authorization": f"Bearer {shop.token}"},
    )
    return answer.status_code == 429

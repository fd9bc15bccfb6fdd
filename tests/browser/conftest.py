"""Fixtures: a browser, the demo shop on a real server, and pages that are watched."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Shop, demo_shop
from tests.browser.watch import Watch
from tests.e2e import process

PATIENCE = 20_000  # milliseconds until what is expected must be there

Browse = Callable[..., Page]


# Of the package, not the session: while Playwright runs, no other test can run a loop of asyncio.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The one browser of these tests."""
    program = chromium.find()
    if program is None:
        pytest.fail("There is no Chromium for the browser tests: `make chromium` installs one.")
    expect.set_options(timeout=PATIENCE)
    # Playwright's own default is a Chromium without its sandbox, which root needs.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the data of the demo shop, to copy."""
    data_dir = tmp_path_factory.mktemp("prepared")
    process.segments(data_dir, "demo")
    return data_dir


@pytest.fixture(scope="package")
def demo_server(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The server of most tests."""
    data_dir = tmp_path_factory.mktemp("demo") / "data"
    shutil.copytree(prepared, data_dir, symlinks=True)
    with demo_shop(data_dir) as shop:
        yield shop


@pytest.fixture
def demo(demo_server: Shop) -> Iterator[Shop]:
    """The demo shop, with no segments but the default ones."""
    yield demo_server
    demo_server.clean()


@pytest.fixture
def watch() -> Iterator[Watch]:
    """What pages may not do; the test fails if they did."""
    watch = Watch()
    yield watch
    assert watch.wrong == []


@pytest.fixture
def browse(browser: Browser, watch: Watch) -> Iterator[Browse]:
    """Opens a page of a server in a context of its own."""
    contexts = []

    def open_page(address: str, path: str | None = "/builder/", **options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(base_url=address, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        watch.context(context, address)
        page = context.new_page()
        if path is not None:
            page.goto(path)
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            # What the page has said so far comes before the answer.
            page.evaluate("null")
        context.close()


@pytest.fixture
def segments(browse: Browse, demo: Shop) -> SegmentList:
    """The list of the demo shop's segments."""
    return SegmentList(browse(demo.address))


@pytest.fixture
def builder(browse: Browse, demo: Shop) -> Builder:
    """A new segment of the demo shop."""
    return Builder(browse(demo.address, "/builder/new"))

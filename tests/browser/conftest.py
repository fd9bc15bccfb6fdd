"""Fixtures: a browser, the demo shop on a real server, and monitored pages."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.page_monitor import PageMonitor
from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Shop, demo_shop
from tests.e2e import process

TIMEOUT = 20_000  # milliseconds

Browse = Callable[..., Page]


# Not session-scoped: no other test can run an asyncio loop while Playwright runs.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = chromium.find()
    if program is None:
        pytest.fail("The browser tests need Chromium; run `make chromium` to install it.")
    expect.set_options(timeout=TIMEOUT)
    # Playwright starts Chromium without its sandbox by default, as root requires.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with the demo shop, for tests to copy."""
    data_dir = tmp_path_factory.mktemp("prepared")
    process.segments(data_dir, "demo")
    return data_dir


@pytest.fixture(scope="package")
def demo_server(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    data_dir = tmp_path_factory.mktemp("demo") / "data"
    shutil.copytree(prepared, data_dir, symlinks=True)
    with demo_shop(data_dir) as shop:
        yield shop


@pytest.fixture
def demo(demo_server: Shop) -> Iterator[Shop]:
    """Return the demo shop, which only has the default segments."""
    yield demo_server
    demo_server.clean()


@pytest.fixture
def monitor() -> Iterator[PageMonitor]:
    """Fail the test if one of its pages does something unexpected."""
    monitor = PageMonitor()
    yield monitor
    assert monitor.unexpected == []


@pytest.fixture
def browse(browser: Browser, monitor: PageMonitor) -> Iterator[Browse]:
    """Return a function that opens a page in a new browser context."""
    contexts = []

    def open_page(address: str, path: str | None = "/builder/", **options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, **options}
        context = browser.new_context(base_url=address, **options)
        context.set_default_timeout(TIMEOUT)
        contexts.append(context)
        monitor.watch(context, address)
        page = context.new_page()
        if path is not None:
            page.goto(path)
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            # Playwright delivers the page's earlier events before this result.
            page.evaluate("null")
        context.close()


@pytest.fixture
def segments(browse: Browse, demo: Shop) -> SegmentList:
    return SegmentList(browse(demo.address))


@pytest.fixture
def builder(browse: Browse, demo: Shop) -> Builder:
    return Builder(browse(demo.address, "/builder/new"))

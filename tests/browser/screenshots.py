"""Takes the documentation's pictures of the pages, and measures how soon the list appears.

Serve the demo shop, then run ``python -m tests.browser.screenshots http://127.0.0.1:8000``.
"""

import sys
from typing import Any, Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser import chromium
from tests.browser.shop import Shop
from tests.browser.states import STATES
from tests.client import HTTP, open_http
from tests.installed import ROOT

IMAGES = ROOT / "docs/images"
WIDTH = 1280
MAX_BYTES = 200_000  # of a picture
PICTURES: dict[str, tuple[str, int, int, Literal["light", "dark"]]] = {
    "list": ("listed", WIDTH, 900, "light"),
    "empty": ("choosing", WIDTH, 800, "light"),
    "filled": ("filled", WIDTH, 900, "light"),
    "nested": ("nested", WIDTH, 1100, "light"),
    "error": ("invalid", WIDTH, 700, "light"),
    "narrow": ("filled", 380, 800, "light"),
    "dark": ("nested", WIDTH, 1100, "dark"),
}
RECORD_LISTED = """
new MutationObserver(() => {
  if (!window.listed && document.querySelector('main li h2')) window.listed = performance.now();
}).observe(document, {childList: true, subtree: true});
"""
TIMES = """
() => ({
  paint: performance.getEntriesByName('first-contentful-paint')[0].startTime,
  listed: window.listed,
})
"""


def take(browser: Browser, shop: Shop, name: str) -> None:
    state, width, height, scheme = PICTURES[name]
    page = browser.new_page(
        base_url=shop.address,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    STATES[state](page, shop)
    path = IMAGES / f"builder-{name}.png"
    path.write_bytes(page.screenshot(animations="disabled"))
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}: {size:,} bytes{', too many' if size > MAX_BYTES else ''}")
    page.close()


def load_times(browser: Browser, address: str) -> list[Any]:
    """Return the milliseconds until the list appears, without and with a warm browser cache."""
    context = browser.new_context(base_url=address)
    context.add_init_script(RECORD_LISTED)
    times = []
    for _ in range(2):
        page: Page = context.new_page()
        page.goto("/builder/")
        expect(page.get_by_role("listitem").get_by_role("heading", level=2).first).to_be_visible()
        times.append(page.evaluate(TIMES))
        page.close()
    context.close()
    return times


def main(address: str) -> None:
    config = HTTP.get(f"{address}/builder/config.json").raise_for_status().json()
    found = chromium.find()
    if not config["token"] or not found:
        sys.exit("No demo shop." if found else "No Chromium; run `make chromium`.")
    expect.set_options(timeout=30_000)
    shop = Shop(address, config["token"], open_http())
    others = shop.segments().keys()
    IMAGES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        for cache, times in zip(("cold", "warm"), load_times(browser, address), strict=True):
            paint, listed = times["paint"], times["listed"]
            print(f"{cache} cache: painted after {paint:.0f} ms, listed after {listed:.0f} ms")
        for name in PICTURES:
            take(browser, shop, name)
        browser.close()
    shop.clean(keep=others)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1].rstrip("/"))

"""The pages pass axe's rules in light and dark colors, and fit a narrow screen."""

from typing import Any, Literal

import pytest
from playwright.sync_api import Page, ViewportSize

from tests.browser.conftest import Browse
from tests.browser.shop import Shop, orders
from tests.browser.states import STATES
from tests.installed import ROOT

NARROW = ViewportSize(width=380, height=800)
WIDE = ViewportSize(width=1280, height=900)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"

# Finds text that its element or the window cuts off, except in elements that scroll.
CUT_OFF = """
() => {
  const scrolls = (element) => /auto|scroll/.test(getComputedStyle(element).overflowX);
  const within = (element) =>
    element !== document.body && (scrolls(element) || within(element.parentElement));
  const found = [];
  for (const element of document.body.querySelectorAll('*')) {
    const own = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const { width, height, left, right } = element.getBoundingClientRect();
    if (!own || width <= 1 || height <= 1 || !element.checkVisibility()) continue;
    if (within(element)) continue;
    const clips = getComputedStyle(element).overflowX !== 'visible';
    const cut = clips && element.scrollWidth > element.clientWidth + 1;
    if (cut || left < -1 || right > innerWidth + 1)
      found.push(`${element.tagName} ${element.className}: ${element.textContent.slice(0, 60)}`);
  }
  return found;
}
"""


@pytest.mark.parametrize("state", STATES)
def test_a_page_passes_axe_and_fits_a_narrow_screen(browse: Browse, demo: Shop, state: str) -> None:
    page = browse(demo.address, None, viewport=NARROW, reduced_motion="reduce")
    STATES[state](page, demo)
    assert sideways_scroll(page) <= 0
    assert page.evaluate(CUT_OFF) == []
    if not AXE.is_file():
        pytest.fail("axe-core is missing; run `make web` to install it.")
    page.evaluate(AXE.read_text())
    assert violations(page) == []

    page.set_viewport_size(WIDE)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == [], scheme


def test_long_names_fit_a_narrow_screen(browse: Browse, demo: Shop) -> None:
    id = demo.create("W" * 255, orders(1), "m" * 2_000)
    page = browse(demo.address, None, viewport=NARROW)
    for path in ("/builder/", f"/builder/segments/{id}"):
        page.goto(path)
        page.get_by_text("1,494", exact=True).first.wait_for()
        assert sideways_scroll(page) <= 0
        assert page.evaluate(CUT_OFF) == []


def violations(page: Page) -> list[str]:
    """Return what axe finds wrong, with the element."""
    results: Any = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{found['id']}: {node['html'][:160]} {' '.join(node['failureSummary'].split())[:300]}"
        for found in results["violations"]
        for node in found["nodes"]
    ]


def sideways_scroll(page: Page) -> int:
    """Return by how many pixels the page scrolls sideways."""
    pixels: int = page.evaluate(
        "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    )
    return pixels

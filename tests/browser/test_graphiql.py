"""The page that explores the API, as somebody does who has only its examples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Browse
from tests.browser.shop import Shop
from tests.browser.watch import Watch

EXAMPLES = ["SizeOfARule", "Criteria", "LiveSize"]


class Explorer:
    """GraphiQL."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.run_button = page.get_by_role("button", name="Execute query")
        self.stop_button = page.get_by_role("button", name="Stop query")
        self.tabs = page.get_by_role("tab")
        self.answer = page.get_by_role("region", name="Result Window")

    def wait(self, example: str = "SizeOfARule") -> Explorer:
        """Wait until an example is in the editor, which takes the name from it a moment later."""
        self.page.wait_for_function(
            """example => document.querySelector('.graphiql-query-editor .CodeMirror')
                 ?.CodeMirror.operationName === example""",
            arg=example,
        )
        return self

    def open(self, example: str) -> None:
        """Open the tab of an example."""
        self.page.get_by_role("tab", name=example).click()
        self.wait(example)

    def run(self) -> None:
        """Press the button."""
        self.run_button.click()

    @property
    def query(self) -> Locator:
        """The editor of the query."""
        return self.page.get_by_role("region", name="Query Editor").locator(".CodeMirror-code")

    @property
    def headers(self) -> Locator:
        """The editor of the headers, open."""
        self.page.get_by_role("button", name="Headers", exact=True).click()
        return self.page.get_by_role("region", name="Headers").locator(".CodeMirror-code:visible")

    def write_headers(self, **headers: str) -> None:
        """Replace the headers."""
        self.headers.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(json.dumps(headers))

    def shown(self) -> Any:
        """The whole answer, of which an editor shows only what fits."""
        return json.loads(
            self.page.evaluate(
                "document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()"
            )
        )

    def kept(self) -> str:
        """Everything that the browser keeps of the page."""
        kept: str = self.page.evaluate(
            """async () => JSON.stringify([
                 { ...localStorage }, { ...sessionStorage },
                 document.cookie, await indexedDB.databases(), await caches.keys(), location.href,
               ])"""
        )
        return kept


@pytest.fixture
def explorer(browse: Browse, demo: Shop) -> Explorer:
    """The page, on the demo shop."""
    return Explorer(browse(demo.address, "/graphiql")).wait()


def no_demo(page: Page) -> None:
    """Have a server answer as one without a demo does."""
    page.route("**/builder/config.json", lambda route: route.fulfill(json={"token": None}))


def test_the_builder_leads_there_and_back(browse: Browse, demo: Shop) -> None:
    page = browse(demo.address)
    page.get_by_role("link", name="API", exact=True).click()
    expect(page).to_have_title("Explore the API - Segments")
    expect(Explorer(page).tabs).to_contain_text(EXAMPLES)
    page.get_by_role("link", name="Segment builder").click()
    expect(page.get_by_role("heading", name="Segments", exact=True)).to_be_visible()


def test_the_size_of_a_rule_with_its_parts(explorer: Explorer) -> None:
    # The first tab is open.
    expect(explorer.query).to_contain_text("# How many contacts have spent more than 50")
    explorer.run()
    expect(explorer.answer).to_contain_text('"members": 1985')
    size = explorer.shown()["data"]["segmentSize"]
    assert [part["members"] for part in size["parts"]] == [1985, 4300, 1999]


def test_what_criteria_there_are(explorer: Explorer, demo: Shop) -> None:
    explorer.open("Criteria")
    expect(explorer.query).to_contain_text("# What can a rule ask?")
    explorer.run()
    expect(explorer.answer).to_contain_text('"criteria"')
    criteria = explorer.shown()["data"]["criteria"]
    assert [each["key"] for each in criteria] == [each["key"] for each in demo.criteria()]
    assert all(each["example"] for each in criteria)


def test_a_size_comes_live_until_it_is_stopped(explorer: Explorer) -> None:
    explorer.open("LiveSize")
    expect(explorer.query).to_contain_text("# The same size, live")
    with explorer.page.expect_websocket() as opened:
        explorer.run()
    expect(explorer.answer).to_contain_text('"members": 1985')
    expect(explorer.stop_button).to_be_visible()
    assert not opened.value.is_closed()
    with opened.value.expect_event("close"):
        explorer.stop_button.click()
    expect(explorer.run_button).to_be_visible()


def test_the_schema_is_there_to_read(explorer: Explorer) -> None:
    page = explorer.page
    page.get_by_role("button", name="Show Documentation Explorer").click()
    page.get_by_role("link", name="Query", exact=True).click()
    expect(page.get_by_text("The size of any rule", exact=False).first).to_be_visible()


def test_dialogs_and_menus_keep_to_the_page_s_policy(explorer: Explorer) -> None:
    page = explorer.page
    for button in ("Open settings dialog", "Open short keys dialog"):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Show History").click()
    page.get_by_role("button", name="Prettify query").click()
    expect(explorer.query).to_contain_text("query SizeOfARule")


def test_the_token_is_filled_in_and_kept_nowhere(explorer: Explorer, demo: Shop) -> None:
    expect(explorer.headers).to_contain_text(f"Bearer {demo.token}")
    for example in EXAMPLES:
        explorer.open(example)
        explorer.run()
        expect(explorer.answer).to_contain_text('"data"')
    explorer.page.get_by_role("button", name="New tab").click()
    expect(explorer.headers).to_contain_text(f"Bearer {demo.token}")
    # GraphiQL waits half a second before it keeps its tabs.
    explorer.page.wait_for_timeout(1_000)
    assert explorer.kept() == json.dumps(
        [{}, {}, "", [], [], f"{demo.address}/graphiql"], separators=(",", ":")
    )


def test_who_has_signed_in_is_signed_in_here(browse: Browse, demo: Shop) -> None:
    page = browse(demo.address, None)
    no_demo(page)
    page.goto("/builder/")
    page.get_by_label("Token").fill(demo.token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="API", exact=True).click()
    explorer = Explorer(page).wait()
    expect(explorer.headers).to_contain_text(f"Bearer {demo.token}")
    explorer.run()
    expect(explorer.answer).to_contain_text('"members": 1985')
    # What the builder keeps, and nothing else.
    assert json.loads(explorer.kept())[:2] == [{}, {"segments.token": demo.token}]


def test_without_a_token_the_page_says_where_one_comes_from(
    browse: Browse, demo: Shop, watch: Watch
) -> None:
    watch.allow("status of 401")
    page = browse(demo.address, None)
    no_demo(page)
    page.goto("/graphiql")
    explorer = Explorer(page).wait()
    says = page.get_by_role("alert")
    expect(says).to_contain_text("segments token create --shop NAME")
    expect(says.get_by_role("link", name="Sign in")).to_have_attribute("href", "/builder/")
    expect(explorer.headers).to_contain_text("Bearer seg_...")
    explorer.run()
    expect(explorer.answer).to_contain_text("UNAUTHENTICATED")

    explorer.write_headers(Authorization=f"Bearer {demo.token}")
    page.get_by_role("button", name="Re-fetch GraphQL schema").click()
    explorer.run()
    expect(explorer.answer).to_contain_text('"members": 1985')
    # Subscriptions go with what is written there as well.
    explorer.open("LiveSize")
    explorer.write_headers(Authorization=f"Bearer {demo.token}")
    explorer.run()
    expect(explorer.answer).to_contain_text('"members": 1985')


def test_a_token_that_is_taken_away_is_not_sent(
    explorer: Explorer, watch: Watch, demo: Shop
) -> None:
    watch.allow("status of 401")
    watch.allow("Socket closed with event 4403")
    explorer.write_headers()
    explorer.run()
    expect(explorer.answer).to_contain_text("UNAUTHENTICATED")
    explorer.open("LiveSize")
    explorer.write_headers()
    explorer.run()
    expect(explorer.answer).to_contain_text("4403")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_as_light_or_dark_as_the_system(browse: Browse, demo: Shop, scheme: str) -> None:
    page = browse(demo.address, "/graphiql", color_scheme=scheme)
    Explorer(page).wait()
    for place in ("#root > header", ".graphiql-container"):
        colour = page.locator(place).evaluate("place => getComputedStyle(place).backgroundColor")
        lightness = page.evaluate(
            """colour => {
                 const paint = document.createElement("canvas").getContext("2d");
                 paint.fillStyle = colour;
                 paint.fillRect(0, 0, 1, 1);
                 return paint.getImageData(0, 0, 1, 1).data[0];
               }""",
            colour,
        )
        assert (lightness > 127) == (scheme == "light")


def test_a_theme_that_is_chosen_holds_for_the_whole_page(explorer: Explorer) -> None:
    page = explorer.page
    header = page.get_by_role("banner")
    light = header.evaluate("place => getComputedStyle(place).backgroundColor")
    page.get_by_role("button", name="Open settings dialog").click()
    page.get_by_role("button", name="Dark", exact=True).click()
    page.keyboard.press("Escape")
    dark = header.evaluate("place => getComputedStyle(place).backgroundColor")
    assert light != dark

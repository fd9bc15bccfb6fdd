"""GraphiQL, with the example queries that it opens with."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Browse
from tests.browser.page_monitor import PageMonitor
from tests.browser.shop import Shop

EXAMPLES = ["SizeOfARule", "Criteria", "LiveSize"]
BACKGROUND = "node => getComputedStyle(node).backgroundColor"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


class GraphiQL:
    """The page at /graphiql."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.run_button = page.get_by_role("button", name="Execute query")
        self.stop_button = page.get_by_role("button", name="Stop query")
        self.tabs = page.get_by_role("tab")
        self.result = page.get_by_role("region", name="Result Window")

    def wait(self, example: str = "SizeOfARule") -> GraphiQL:
        """Wait until the editor has parsed the name of an example."""
        self.page.wait_for_function(
            """example => document.querySelector('.graphiql-query-editor .CodeMirror')
                 ?.CodeMirror.operationName === example""",
            arg=example,
        )
        return self

    def open(self, example: str) -> None:
        self.page.get_by_role("tab", name=example).click()
        self.wait(example)

    def run(self) -> None:
        self.run_button.click()

    @property
    def query(self) -> Locator:
        return self.page.get_by_role("region", name="Query Editor").locator(".CodeMirror-code")

    @property
    def headers(self) -> Locator:
        """Open the headers editor, and return it."""
        self.page.get_by_role("button", name="Headers", exact=True).click()
        return self.page.get_by_role("region", name="Headers").locator(".CodeMirror-code:visible")

    def write_headers(self, **headers: str) -> None:
        self.headers.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(json.dumps(headers))

    def result_json(self) -> Any:
        """Return the whole result; its editor renders only the visible lines."""
        editor = "document.querySelector('.result-window .CodeMirror')"
        return json.loads(self.page.evaluate(f"{editor}.CodeMirror.getValue()"))

    def stored(self) -> Any:
        """Return everything that the browser stores for the page, and its address."""
        return self.page.evaluate(
            """async () => [
                 { ...localStorage }, { ...sessionStorage },
                 document.cookie, await indexedDB.databases(), await caches.keys(), location.href,
               ]"""
        )


@pytest.fixture
def graphiql(browse: Browse, demo: Shop) -> GraphiQL:
    return GraphiQL(browse(demo.address, "/graphiql")).wait()


def hide_demo(page: Page) -> None:
    """Make the page see a server without a demo."""
    page.route("**/builder/config.json", lambda route: route.fulfill(json={"token": None}))


def test_the_builder_links_to_graphiql_and_back(browse: Browse, demo: Shop) -> None:
    page = browse(demo.address)
    page.get_by_role("link", name="API", exact=True).click()
    expect(page).to_have_title("Explore the API - Segments")
    expect(GraphiQL(page).tabs).to_contain_text(EXAMPLES)
    page.get_by_role("link", name="Segment builder").click()
    expect(page.get_by_role("heading", name="Segments", exact=True)).to_be_visible()


def test_the_size_of_a_rule_with_its_parts(graphiql: GraphiQL) -> None:
    # The first tab is open.
    expect(graphiql.query).to_contain_text("# How many contacts have spent more than 50")
    graphiql.run()
    expect(graphiql.result).to_contain_text('"members": 1985')
    size = graphiql.result_json()["data"]["segmentSize"]
    assert [part["members"] for part in size["parts"]] == [1985, 4300, 1999]


def test_the_example_with_all_criteria(graphiql: GraphiQL, demo: Shop) -> None:
    graphiql.open("Criteria")
    expect(graphiql.query).to_contain_text("# Which criteria can a rule use?")
    graphiql.run()
    expect(graphiql.result).to_contain_text('"criteria"')
    criteria = graphiql.result_json()["data"]["criteria"]
    assert [each["key"] for each in criteria] == [each["key"] for each in demo.criteria()]
    assert all(each["example"] for each in criteria)


def test_a_subscription_runs_until_it_is_stopped(graphiql: GraphiQL) -> None:
    graphiql.open("LiveSize")
    expect(graphiql.query).to_contain_text("# The size of the first tab, live")
    with graphiql.page.expect_websocket() as opened:
        graphiql.run()
    expect(graphiql.result).to_contain_text('"members": 1985')
    expect(graphiql.stop_button).to_be_visible()
    assert not opened.value.is_closed()
    with opened.value.expect_event("close"):
        graphiql.stop_button.click()
    expect(graphiql.run_button).to_be_visible()


def test_the_documentation_explorer_shows_the_schema(graphiql: GraphiQL) -> None:
    page = graphiql.page
    page.get_by_role("button", name="Show Documentation Explorer").click()
    page.get_by_role("link", name="Query", exact=True).click()
    expect(page.get_by_text("The size of any rule", exact=False).first).to_be_visible()


def test_dialogs_and_menus_respect_the_content_security_policy(graphiql: GraphiQL) -> None:
    page = graphiql.page
    for button in ("Open settings dialog", "Open short keys dialog"):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Show History").click()
    page.get_by_role("button", name="Prettify query").click()
    expect(graphiql.query).to_contain_text("query SizeOfARule")


def test_the_token_is_filled_in_but_not_stored(graphiql: GraphiQL, demo: Shop) -> None:
    expect(graphiql.headers).to_contain_text(f"Bearer {demo.token}")
    for example in EXAMPLES:
        graphiql.open(example)
        graphiql.run()
        expect(graphiql.result).to_contain_text('"data"')
    graphiql.page.get_by_role("button", name="New tab").click()
    expect(graphiql.headers).to_contain_text(f"Bearer {demo.token}")
    # GraphiQL stores its tabs half a second after the last change.
    graphiql.page.wait_for_timeout(600)
    assert graphiql.stored() == [{}, {}, "", [], [], f"{demo.address}/graphiql"]


def test_the_builders_token_is_used(browse: Browse, demo: Shop) -> None:
    page = browse(demo.address, None)
    hide_demo(page)
    page.goto("/builder/")
    page.get_by_label("Token").fill(demo.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Token")).to_be_hidden()  # the token is stored now
    page.get_by_role("link", name="API", exact=True).click()
    graphiql = GraphiQL(page).wait()
    expect(graphiql.headers).to_contain_text(f"Bearer {demo.token}")
    graphiql.run()
    expect(graphiql.result).to_contain_text('"members": 1985')
    # Nothing but what the builder stores.
    assert graphiql.stored()[:2] == [{}, {"segments.token": demo.token}]


def test_without_a_token_the_page_says_how_to_get_one(
    browse: Browse, demo: Shop, monitor: PageMonitor
) -> None:
    monitor.allow("status of 401")
    page = browse(demo.address, None)
    hide_demo(page)
    page.goto("/graphiql")
    graphiql = GraphiQL(page).wait()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("segments token create --shop NAME")
    expect(alert.get_by_role("link", name="Sign in")).to_have_attribute("href", "/builder/")
    expect(graphiql.headers).to_contain_text("Bearer seg_...")
    graphiql.run()
    expect(graphiql.result).to_contain_text("UNAUTHENTICATED")

    graphiql.write_headers(Authorization=f"Bearer {demo.token}")
    page.get_by_role("button", name="Re-fetch GraphQL schema").click()
    graphiql.run()
    expect(graphiql.result).to_contain_text('"members": 1985')
    # Subscriptions send the headers as well.
    graphiql.open("LiveSize")
    graphiql.write_headers(Authorization=f"Bearer {demo.token}")
    graphiql.run()
    expect(graphiql.result).to_contain_text('"members": 1985')


def test_a_removed_token_is_not_sent(graphiql: GraphiQL, monitor: PageMonitor, demo: Shop) -> None:
    monitor.allow("status of 401")
    monitor.allow("Socket closed with event 4403")
    graphiql.write_headers()
    graphiql.run()
    expect(graphiql.result).to_contain_text("UNAUTHENTICATED")
    graphiql.open("LiveSize")
    graphiql.write_headers()
    graphiql.run()
    expect(graphiql.result).to_contain_text("4403")


def test_the_page_follows_the_system_color_scheme(browse: Browse, demo: Shop) -> None:
    page = browse(demo.address, "/graphiql")
    GraphiQL(page).wait()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        for selector in ("#root > header", ".graphiql-container"):
            color = page.locator(selector).evaluate(BACKGROUND)
            lightness = page.evaluate(
                """color => {
                     const paint = document.createElement("canvas").getContext("2d");
                     paint.fillStyle = color;
                     paint.fillRect(0, 0, 1, 1);
                     return paint.getImageData(0, 0, 1, 1).data[0];
                   }""",
                color,
            )
            assert (lightness > 127) == (scheme == "light"), (scheme, selector)


def test_a_chosen_theme_applies_to_the_whole_page(graphiql: GraphiQL) -> None:
    page = graphiql.page
    header = page.get_by_role("banner")
    light = header.evaluate(BACKGROUND)
    page.get_by_role("button", name="Open settings dialog").click()
    page.get_by_role("button", name="Dark", exact=True).click()
    page.keyboard.press("Escape")
    dark = header.evaluate(BACKGROUND)
    assert light != dark

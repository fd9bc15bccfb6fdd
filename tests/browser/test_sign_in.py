"""Signing in, and where the page keeps the token."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from graphql_app.catalog.tokens import CACHE_SECONDS
from tests.browser.conftest import Browse
from tests.browser.page_monitor import PageMonitor
from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Shop, texts
from tests.e2e import process

STORED = "JSON.stringify([{...localStorage}, document.cookie])"


@dataclass
class Private:
    """A server without a demo, where users sign in."""

    data_dir: Path
    address: str
    token: str
    reader: str


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Private]:
    data_dir = tmp_path_factory.mktemp("private")
    process.segments(data_dir, "shop", "create", "acme", "--name", "Acme & Sons")
    token = process.token(data_dir, "acme")
    reader = process.token(data_dir, "acme", "segments:read")
    with process.server(data_dir) as running:
        yield Private(data_dir, running.address, token, reader)


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Sign in").click()


def expect_sign_in_form(page: Page) -> None:
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_signing_in_and_out(browse: Browse, monitor: PageMonitor, private: Private) -> None:
    monitor.allow("status of 401")
    page = browse(private.address, "/builder/new")
    expect_sign_in_form(page)
    sign_in(page, "seg_0000000000000000_wrong")
    token = page.get_by_label("Token")
    expect(token).to_have_accessible_description("This token isn't valid.")
    expect(page.get_by_role("alert")).to_have_text("This token isn't valid.")
    page.reload()
    expect_sign_in_form(page)

    sign_in(page, private.token)
    expect(page.get_by_text("Acme & Sons")).to_be_visible()
    # The page that the user opened before signing in.
    builder = Builder(page)
    builder.expect_size(0)
    page.reload()
    builder.expect_size(0)
    expect_no_trace_of(page, private.token)

    another_tab = page.context.new_page()
    another_tab.goto("/builder/")
    expect_sign_in_form(another_tab)
    another_tab.close()

    page.get_by_role("link", name="Sign out").click()
    expect_sign_in_form(page)
    assert private.token not in page.evaluate("JSON.stringify({...sessionStorage})")
    expect(token).to_have_value("")
    page.reload()
    expect_sign_in_form(page)


def test_a_revoked_token_leads_to_the_form(
    browse: Browse, monitor: PageMonitor, private: Private
) -> None:
    monitor.allow("status of 401")
    page = browse(private.address)
    page.evaluate("sessionStorage.setItem('segments.token', 'seg_0000000000000000_revoked')")
    page.reload()
    expect_sign_in_form(page)
    sign_in(page, private.token)
    expect(SegmentList(page).new).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_token_revoked_while_editing_loses_no_changes(
    browse: Browse, monitor: PageMonitor, private: Private
) -> None:
    monitor.allow("status of 401")
    token = process.token(private.data_dir, "acme")
    page = browse(private.address, "/builder/new")
    # Without this, the live connection may notice the revocation before the edit does.
    page.route_web_socket(re.compile("/graphql"), lambda _: None)
    sign_in(page, token)
    builder = Builder(page)
    row = builder.enter_name("Kept").add_row("Texts received").choose_operator("is exactly")
    row.fill("Number", "0")
    builder.expect_size(0)
    process.segments(private.data_dir, "token", "revoke", token.split("_")[1])
    page.wait_for_timeout(CACHE_SECONDS * 1000)  # the server may have cached the token
    row.fill("Number", "1")
    expect(builder.dialog).to_contain_text("Your token is no longer valid")
    sign_in(page, private.token)
    expect(builder.dialog).to_be_hidden()
    builder.expect_size(0)
    expect(row.input("Number")).to_have_value("1")
    builder.save()


def test_a_missing_scope_is_reported(
    browse: Browse, monitor: PageMonitor, private: Private
) -> None:
    monitor.allow("status of 403")
    page = browse(private.address, "/builder/new")
    sign_in(page, private.reader)
    builder = Builder(page)
    expect(builder.size).to_contain_text("Unavailable")
    expect(builder.size.get_by_role("status")).to_contain_text(re.compile("contacts:read"))
    builder.enter_name("Refused").save_button.click()
    expect(builder.status).to_contain_text("segments:write")


def test_the_demos_token_is_stored_nowhere(browse: Browse, demo: Shop) -> None:
    demo.create("Never texted", texts(0))
    page = browse(demo.address)
    expect_no_trace_of(page, demo.token)
    assert page.evaluate("JSON.stringify({...sessionStorage})") == "{}"
    SegmentList(page).card("Never texted").link.click()
    builder = Builder(page)
    builder.expect_size(1_999)
    expect(builder.live).to_be_visible()
    page.get_by_role("heading", name="For developers").click()
    expect(page.get_by_role("region", name="curl command")).to_contain_text("Bearer $TOKEN")
    expect_no_trace_of(page, demo.token)


def expect_no_trace_of(page: Page, token: str) -> None:
    expect(page.get_by_role("heading").first).to_be_visible()
    assert token not in page.content()
    assert token not in page.url
    assert token not in page.evaluate(STORED)

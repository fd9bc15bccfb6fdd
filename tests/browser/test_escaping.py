"""Whatever text there is in a shop is shown as text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.conftest import Browse
from tests.browser.pages import Builder, SegmentList
from tests.browser.shop import Shop, both, texts

NAMES = [
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "\"double\" 'single' `back` \\ ${7*7} {{7*7}} %s",
    "\u202egnorw\u202c עברית العربية",
    "👩‍👩‍👧‍👦 🏴󠁧󠁢󠁷󠁬󠁳󠁿 Zͫ̇a̷l̴g̵o",
    "W" * 255,
]
IDS = ["html", "quotes", "right to left", "emoji", "long"]
CONTACTS = """
mutation ($contacts: [ContactInput!]!) {
  contactsUpsert(contacts: $contacts) { recorded userErrors { message } }
}
"""
FORGET = 'mutation { contactsForget(ids: ["999000111"]) { recorded } }'


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_the_name_of_a_segment(browse: Browse, demo: Shop, name: str) -> None:
    demo.create(name, texts(0), description=name)
    page = browse(demo.address)
    page.on("dialog", _refuse)
    segments = SegmentList(page)
    card = segments.card(name)
    expect(card.place).to_contain_text("1,999")
    card.button("Delete").click()
    expect(segments.dialog.get_by_role("heading")).to_have_text(f"Delete “{name}”?")
    segments.dialog.get_by_role("button", name="Keep it").click()

    card.link.click()
    builder = Builder(page)
    expect(builder.name).to_have_value(name)
    builder.expect_size(1_999)
    expect(page).to_have_title(f"{name} · Segments")
    builder.row().fill("Number", "1")
    page.get_by_role("link", name="← Segments").click()
    expect(builder.dialog).to_be_visible()
    expect(page.locator("img:not([src^='/'])")).to_have_count(0)


@pytest.fixture
def hostile(demo: Shop) -> Iterator[Shop]:
    """The demo shop with a contact all of whose texts are hostile."""
    contact = {"id": "999000111", "firstName": NAMES[0], "lastName": NAMES[2], "tags": NAMES}
    done = demo.ask(CONTACTS, contacts=[contact])["contactsUpsert"]
    assert done == {"recorded": 1, "userErrors": []}
    yield demo
    demo.ask(FORGET)


def test_what_is_suggested_and_who_is_in_it(browse: Browse, hostile: Shop) -> None:
    page = browse(hostile.address, "/builder/new")
    page.on("dialog", _refuse)
    builder = Builder(page)
    tagged = builder.add_criterion("Tag")
    for name in NAMES:
        tagged.add("Tags", name[:12], name)
    builder.expect_size(1)
    members = page.get_by_role("region", name="Members", exact=True)
    expect(members.get_by_role("rowheader")).to_have_count(1)
    expect(members.get_by_role("rowheader")).to_contain_text(NAMES[0])
    builder.call(NAMES[0]).save()
    found = hostile.segments()[NAMES[0]]["rule"]
    assert found == both({"tag": {"operator": "ANY_OF", "tags": NAMES}})
    builder.reload()
    for name in NAMES:
        chip = builder.row().place.get_by_role("button", name=f"Remove {name}", exact=True)
        expect(chip).to_be_visible()
    expect(page.locator("img:not([src^='/'])")).to_have_count(0)


def _refuse(dialog: Dialog) -> None:
    raise AssertionError(dialog.message)

"""The pages show hostile texts as plain text."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Dialog, expect

from tests import factories
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


@pytest.mark.parametrize("name", NAMES, ids=IDS)
def test_a_hostile_segment_name(browse: Browse, demo: Shop, name: str) -> None:
    demo.create(name, texts(0), description=name)
    page = browse(demo.address)
    page.on("dialog", _fail)
    segments = SegmentList(page)
    card = segments.card(name)
    expect(card.locator).to_contain_text("1,999")
    card.button("Delete").click()
    expect(segments.dialog.get_by_role("heading")).to_have_text(f'Delete "{name}"?')
    segments.dialog.get_by_role("button", name="Cancel").click()

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
    """Return the demo shop with a contact whose names and tags are hostile."""
    contact = factories.contact(999_000_111, firstName=NAMES[0], lastName=NAMES[2], tags=NAMES)
    demo.record("contactsUpsert", [contact])
    yield demo
    demo.forget(contact["id"])


def test_hostile_suggestions_and_contacts(browse: Browse, hostile: Shop) -> None:
    page = browse(hostile.address, "/builder/new")
    page.on("dialog", _fail)
    builder = Builder(page)
    tagged = builder.add_row("Tag")
    for name in NAMES:
        tagged.add("Tags", name[:12], name)
    builder.expect_size(1)
    expect(builder.preview.get_by_role("rowheader")).to_have_count(1)
    expect(builder.preview.get_by_role("rowheader")).to_contain_text(NAMES[0])
    builder.enter_name(NAMES[0]).save()
    saved = hostile.segments()[NAMES[0]]["rule"]
    assert saved == both({"tag": {"operator": "ANY_OF", "tags": NAMES}})
    builder.reload()
    for name in NAMES:
        expect(builder.row().remove_button(name)).to_be_visible()
    expect(page.locator("img:not([src^='/'])")).to_have_count(0)


def _fail(dialog: Dialog) -> None:
    raise AssertionError(dialog.message)

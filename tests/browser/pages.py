"""Page objects: locators by role and label, and what a user does with them.

Methods that begin with ``expect`` wait until the page shows what they name.
"""

from __future__ import annotations

import re
from itertools import combinations

from playwright.sync_api import Locator, Page, expect

COUNT_TITLE = "Contacts who match this on its own"


class Row:
    """A condition in the builder: a criterion, a comparison and values."""

    def __init__(self, locator: Locator) -> None:
        self.locator = locator
        self.criterion = locator.get_by_role("combobox", name="Condition", exact=True)
        self.count = locator.get_by_title(COUNT_TITLE)
        self.not_counted = locator.get_by_title("Not counted")

    def pick(self, criterion: str) -> Row:
        self.criterion.fill(criterion)
        self.option(criterion).click()
        expect(self.criterion).to_have_attribute("aria-expanded", "false")
        expect(self.criterion).to_have_value(criterion)
        return self

    def option(self, label: str) -> Locator:
        named = self.locator.page.get_by_text(label, exact=True)
        return self.locator.get_by_role("option").filter(has=named)

    def choose_operator(self, operator: str) -> Row:
        self.locator.get_by_label("Comparison").first.select_option(label=operator)
        return self

    def input(self, label: str) -> Locator:
        return self.locator.locator("input, select").and_(
            self.locator.page.get_by_label(label, exact=True)
        )

    def fill(self, label: str, value: str) -> Row:
        self.input(label).fill(value)
        return self

    def choose(self, label: str, choice: str) -> Row:
        self.input(label).select_option(label=choice)
        return self

    def add(self, label: str, search: str, choice: str) -> Row:
        """Search for a suggested value and add it."""
        self.input(label).fill(search)
        self.option(choice).click()
        expect(self.remove_button(choice)).to_be_visible()
        return self

    def remove_button(self, value: str) -> Locator:
        """Return the button that removes a value or an optional input."""
        return self.locator.get_by_role("button", name=f"Remove {value}", exact=True)

    def opener(self, label: str) -> Locator:
        """Return the button that shows an optional input."""
        return self.locator.get_by_role("button", name=f"+ {label}", exact=True)

    def open(self, label: str) -> Row:
        self.opener(label).click()
        return self

    def remove(self) -> None:
        self.locator.get_by_role("button", name=re.compile("^Remove ")).last.click()

    def expect_count(self, count: int) -> None:
        expect(self.count).to_have_text(f"{count:,} contacts match this on its own")

    def expect_no_overlap(self) -> None:
        """Check that no input covers another."""
        inputs = self.locator.locator("input:visible, select:visible")
        edges = "all => all.map(each => each.getBoundingClientRect())"
        for one, other in combinations(inputs.evaluate_all(edges), 2):
            apart = any(
                first[end] <= second[start]
                for first, second in ((one, other), (other, one))
                for start, end in (("left", "right"), ("top", "bottom"))
            )
            assert apart, (one, other)


class Group:
    """A group of rows and other groups."""

    def __init__(self, locator: Locator) -> None:
        self.locator = locator
        self.rows = locator.locator("fieldset.row")

    @property
    def uncounted_hints(self) -> Locator:
        return self.locator.get_by_text(re.compile(" to count this$"))

    def add_row(self, criterion: str | None = None) -> Row:
        """Add a row at the end of this group, and pick its criterion."""
        # The buttons of inner groups come first.
        self.locator.get_by_role("button", name="+ Add condition").last.click()
        id = self.rows.last.get_attribute("data-node")
        row = Row(self.locator.locator(f'[data-node="{id}"]'))
        return row.pick(criterion) if criterion else row

    def add_group(self) -> Group:
        """Add a group with an empty row at the end of this one."""
        self.locator.get_by_role("button", name="+ Add group").last.click()
        return Group(self.locator.get_by_role("group", name=re.compile(r"^Group [\d.]+$")).last)

    def row(self, number: int = 1) -> Row:
        """Return a row by its number, counted from the top."""
        return Row(self.rows.nth(number - 1))

    def combine(self, combinator: str) -> Group:
        self.locator.get_by_role("radio", name=combinator, exact=True).first.check()
        return self

    def negate(self) -> Group:
        self.locator.get_by_role("checkbox", name="NOT", exact=True).first.check()
        return self

    def expect_count(self, count: int) -> None:
        text = f"{count:,} contacts match this on its own"
        expect(self.locator.get_by_title(COUNT_TITLE).first).to_have_text(text)


class Builder(Group):
    """The page on which a segment is built."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.get_by_role("group", name="All conditions", exact=True))
        self.page = page
        self.name = page.get_by_label("Name", exact=True)
        self.description = page.get_by_label("Description (optional)", exact=True)
        self.size = page.get_by_role("region", name="Audience size", exact=True)
        self.live = self.size.get_by_text("Live", exact=True)
        self.try_again = self.size.get_by_role("button", name="Try again")
        self.status = page.get_by_role("form").or_(page.locator("form")).get_by_role("status").first
        self.preview = page.get_by_role("region", name="Preview", exact=True)
        self.dialog = page.get_by_role("dialog")
        self.save_button = page.get_by_role("button", name="Save", exact=True)

    def group(self, number: str) -> Group:
        """Return a group by its number, such as 2 or 2.1."""
        return Group(self.page.get_by_role("group", name=f"Group {number}", exact=True))

    def expect_size(self, size: int) -> None:
        expect(self.size).to_have_attribute("aria-busy", "false")
        number = self.size.get_by_role("status").get_by_role("paragraph").first
        expect(number).to_have_text(f"{size:,}")

    def expect_sentence(self, sentence: str) -> None:
        expect(self.size).to_contain_text(sentence)

    def enter_name(self, name: str) -> Builder:
        self.name.fill(name)
        return self

    def save(self) -> None:
        self.save_button.click()
        expect(self.status).to_have_text("Saved")

    def reload(self) -> None:
        self.page.reload()
        expect(self.name).to_be_visible()


class Card:
    """A segment in the list."""

    def __init__(self, locator: Locator, name: str) -> None:
        self.locator = locator
        self.name = name
        self.link = locator.get_by_role("link", name=name, exact=True)

    def button(self, action: str) -> Locator:
        """Return the button of an action, such as Delete."""
        return self.locator.get_by_role("button", name=f"{action} {self.name}", exact=True)


class SegmentList:
    """The page that lists all segments."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heading = page.get_by_role("heading", name="Segments", exact=True)
        self.search = page.get_by_role("searchbox", name="Search")
        self.order = page.get_by_label("Sort by")
        self.archived = page.get_by_role("checkbox", name="Archived only")
        self.new = page.get_by_role("link", name="New segment")
        self.dialog = page.get_by_role("dialog")
        self.headings = page.get_by_role("listitem").get_by_role("heading", level=2)

    def card(self, name: str) -> Card:
        heading = self.page.get_by_role("heading", name=name, exact=True, level=2)
        return Card(self.page.get_by_role("listitem").filter(has=heading), name)

    def expect_names(self, *names: str) -> None:
        """Wait until the list shows these segments in this order."""
        expect(self.headings).to_have_text(list(names))

    def start_from_template(self, name: str) -> Builder:
        section = self.page.get_by_role("region", name="Start from a template")
        section.get_by_role("link", name=name, exact=True).click()
        return Builder(self.page)

"""The pages as people use them: what they see by its role and label, what they do by verbs."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

MATCH_ALONE = "Contacts that match this alone"


class Row:
    """A row of the builder: a criterion, how to compare, and with what."""

    def __init__(self, place: Locator) -> None:
        self.place = place
        self.criterion = place.get_by_role("combobox", name="Criterion", exact=True)
        self.count = place.get_by_title(MATCH_ALONE)

    def pick(self, criterion: str) -> Row:
        """Pick a criterion by its label."""
        self.criterion.fill(criterion)
        self.offered(criterion).click()
        expect(self.criterion).to_have_attribute("aria-expanded", "false")
        expect(self.criterion).to_have_value(criterion)
        return self

    def offered(self, label: str) -> Locator:
        """What a list that is open offers by a label."""
        named = self.place.page.get_by_text(label, exact=True)
        return self.place.get_by_role("option").filter(has=named)

    def compare(self, operator: str) -> Row:
        """Choose an operator by its label."""
        self.place.get_by_label("How to compare").first.select_option(label=operator)
        return self

    def input(self, label: str) -> Locator:
        """An input of the criterion's form."""
        return self.place.locator("input, select").and_(
            self.place.page.get_by_label(label, exact=True)
        )

    def fill(self, label: str, value: str) -> Row:
        """Fill in an input."""
        self.input(label).fill(value)
        return self

    def choose(self, label: str, choice: str) -> Row:
        """Choose one of an input's values."""
        self.input(label).select_option(label=choice)
        return self

    def add(self, label: str, search: str, choice: str) -> Row:
        """Search for a value that is offered, and pick it."""
        self.input(label).fill(search)
        self.offered(choice).click()
        expect(
            self.place.get_by_role("button", name=f"Remove {choice}", exact=True)
        ).to_be_visible()
        return self

    def opener(self, label: str) -> Locator:
        """What shows an input that may be left out."""
        return self.place.get_by_role("button", name=f"+ {label}", exact=True)

    def open(self, label: str) -> Row:
        """Show an input that may be left out."""
        self.opener(label).click()
        return self

    def remove(self) -> None:
        """Take the row away."""
        self.place.get_by_role("button", name=re.compile("^Remove ")).last.click()

    def expect_count(self, count: int) -> None:
        """See how many match the row alone."""
        expect(self.count).to_have_text(f"{count:,} contacts match this alone")


class Group:
    """A group of rows and of other groups."""

    def __init__(self, place: Locator) -> None:
        self.place = place
        self.rows = place.locator("fieldset.row")

    @property
    def not_counted(self) -> Locator:
        """What says of rows that they do not count yet."""
        return self.place.get_by_text("Not counted until it is complete.")

    def add_criterion(self, criterion: str | None = None) -> Row:
        """Add a row at the end of this group, and pick its criterion."""
        # What is within the groups of this group comes first.
        self.place.get_by_role("button", name="+ Add criterion").last.click()
        row = self._newest()
        return row.pick(criterion) if criterion else row

    def add_group(self) -> Group:
        """Add a group, which has an empty row, at the end of this one."""
        self.place.get_by_role("button", name="+ Add group").last.click()
        return Group(self.place.get_by_role("group", name=re.compile(r"^Group [\d.]+$")).last)

    def row(self, number: int = 1) -> Row:
        """A row by its number, from above."""
        return Row(self.rows.nth(number - 1))

    def combine(self, combinator: str) -> Group:
        """Choose AND or OR."""
        self.place.get_by_role("radio", name=combinator, exact=True).first.check()
        return self

    def negate(self) -> Group:
        """Choose NOT."""
        self.place.get_by_role("checkbox", name="NOT", exact=True).first.check()
        return self

    def expect_count(self, count: int) -> None:
        """See how many match the group alone."""
        text = f"{count:,} contacts match this alone"
        expect(self.place.get_by_title(MATCH_ALONE).first).to_have_text(text)

    def _newest(self) -> Row:
        id = self.rows.last.get_attribute("data-node")
        return Row(self.place.locator(f'[data-node="{id}"]'))


class Builder(Group):
    """The page on which a segment is built."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.get_by_role("group", name="The whole rule", exact=True))
        self.page = page
        self.name = page.get_by_label("Name", exact=True)
        self.description = page.get_by_label("Description", exact=True)
        self.size = page.get_by_role("region", name="Size", exact=True)
        self.live = self.size.get_by_text("Live", exact=True)
        self.try_again = self.size.get_by_role("button", name="Try again")
        self.says = page.get_by_role("form").or_(page.locator("form")).get_by_role("status").first
        self.dialog = page.get_by_role("dialog")
        self.save_button = page.get_by_role("button", name="Save", exact=True)

    def group(self, number: str) -> Group:
        """A group by its place, such as 2 or 2.1."""
        return Group(self.page.get_by_role("group", name=f"Group {number}", exact=True))

    def expect_size(self, size: int) -> None:
        """See the size."""
        expect(self.size).to_have_attribute("aria-busy", "false")
        number = self.size.get_by_role("status").get_by_role("paragraph").first
        expect(number).to_have_text(f"{size:,}")

    def expect_sentence(self, sentence: str) -> None:
        """See the rule in words, beside the size."""
        expect(self.size).to_contain_text(sentence)

    def call(self, name: str) -> Builder:
        """Give the segment a name."""
        self.name.fill(name)
        return self

    def save(self) -> None:
        """Save, which must go well."""
        self.save_button.click()
        expect(self.says).to_have_text("Saved.")

    def reload(self) -> None:
        """Load the page again."""
        self.page.reload()
        expect(self.name).to_be_visible()


class Card:
    """A segment in the list."""

    def __init__(self, place: Locator, name: str) -> None:
        self.place = place
        self.name = name
        self.link = place.get_by_role("link", name=name, exact=True)

    def button(self, does: str) -> Locator:
        """One of the things to do with it."""
        return self.place.get_by_role("button", name=f"{does} {self.name}", exact=True)


class SegmentList:
    """The page with all segments."""

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
        """A segment by its name."""
        heading = self.page.get_by_role("heading", name=name, exact=True, level=2)
        return Card(self.page.get_by_role("listitem").filter(has=heading), name)

    def expect_names(self, *names: str) -> None:
        """See these segments, in this order."""
        expect(self.headings).to_have_text(list(names))

    def template(self, name: str) -> Builder:
        """Start from a template."""
        section = self.page.get_by_role("region", name="Start from a template")
        section.get_by_role("link", name=name, exact=True).click()
        return Builder(self.page)

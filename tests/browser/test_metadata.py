"""The page offers everything that the criteria's metadata describes."""

from playwright.sync_api import expect

from tests.browser.pages import Builder
from tests.browser.shop import Shop


def test_every_criterion_with_every_operator(builder: Builder, demo: Shop) -> None:
    criteria = demo.criteria()
    row = builder.add_row()
    expect(row.locator.get_by_role("option")).to_have_count(len(criteria))
    for criterion in criteria:
        row.pick(criterion["label"])
        fields = {field["name"]: field for field in criterion["fields"]}
        for operator in criterion["operators"]:
            row.choose_operator(operator["label"])
            for field in map(fields.get, operator["fields"]):
                assert field
                locator = row.input(field["label"])
                if not field["required"]:
                    locator = locator.or_(row.opener(field["label"]))
                expect(locator.first).to_be_visible()
            row.expect_no_overlap()


def test_every_optional_input_is_shown_and_removed(builder: Builder, demo: Shop) -> None:
    row = builder.add_row()
    for criterion in demo.criteria():
        optional = [field for field in criterion["fields"] if not field["required"]]
        if not optional:
            continue
        row.pick(criterion["label"])
        for field in optional:
            labels = {operator["name"]: operator["label"] for operator in criterion["operators"]}
            row.choose_operator(next(labels[name] for name in labels if name in field["usedWith"]))
            row.open(field["label"])
            if field["condition"]:
                row.locator.get_by_role("button", name="+ Add filter").click()
                comparison = row.locator.get_by_label("Comparison").last
                for operator in field["condition"]["operators"]:
                    comparison.select_option(label=operator["label"])
            else:
                expect(row.input(field["label"])).to_be_visible()
            row.remove_button(field["label"]).click()
            expect(row.opener(field["label"])).to_be_visible()

"""What the metadata describes can all be chosen in the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import Builder
from tests.browser.shop import Shop


def test_every_criterion_with_every_operator(builder: Builder, demo: Shop) -> None:
    criteria = demo.criteria()
    row = builder.add_criterion()
    expect(row.place.get_by_role("option")).to_have_count(len(criteria))
    for criterion in criteria:
        row.pick(criterion["label"])
        fields = {field["name"]: field for field in criterion["fields"]}
        for operator in criterion["operators"]:
            row.compare(operator["label"])
            for field in map(fields.get, operator["fields"]):
                assert field
                place = row.input(field["label"])
                if not field["required"]:
                    place = place.or_(row.opener(field["label"]))
                expect(place.first).to_be_visible()


def test_every_input_that_may_be_left_out(builder: Builder, demo: Shop) -> None:
    row = builder.add_criterion()
    for criterion in demo.criteria():
        optional = [field for field in criterion["fields"] if not field["required"]]
        if not optional:
            continue
        row.pick(criterion["label"])
        for field in optional:
            row.compare(
                next(
                    operator["label"]
                    for operator in criterion["operators"]
                    if operator["name"] in field["usedWith"]
                )
            )
            row.open(field["label"])
            if field["condition"]:
                row.place.get_by_role("button", name="+ Add condition").click()
                compare = row.place.get_by_label("How to compare").last
                for operator in field["condition"]["operators"]:
                    compare.select_option(label=operator["label"])
            else:
                expect(row.input(field["label"])).to_be_visible()
            row.place.get_by_role("button", name=f"Leave out: {field['label']}").click()
            expect(row.opener(field["label"])).to_be_visible()

"""What the log says of a rule has nothing in it that a person typed."""

import re
from collections.abc import Iterator

import pytest

from graphql_app.criteria import Condition, Criterion, FieldKind, Form, SegmentReference
from graphql_app.errors import InvalidInputError
from graphql_app.plugin_discovery import discover
from graphql_app.plugins import Registry
from graphql_app.segments.rules.parser import parse
from graphql_app.segments.rules.redacted import redacted_sentence
from graphql_app.segments.rules.tree import All, Reference
from graphql_app.testing.form_filling import Filler
from tests.parity.examples import criterion, last, spent

KEYS = sorted(discover().criteria)
NOT_TYPED = {FieldKind.CHOICE, FieldKind.TIME_WINDOW}


def _criteria(registry: Registry, key: str) -> Iterator[Criterion]:
    """Yield criteria of every operator, with and without what may be left out."""
    for document in Filler().documents(registry.criteria[key]):
        try:
            rule = parse({key: document}, registry)
        except InvalidInputError:
            continue  # a reference to a segment, or values that do not go together
        assert isinstance(rule, Criterion)
        yield rule


def _typed(form: Form) -> Iterator[str]:
    """Yield the values of a form that were not chosen among those of the code."""
    for spec in form.fields():
        value = getattr(form, spec.attribute)
        for each in value if spec.multiple and value is not None else [value]:
            if isinstance(each, Condition):
                yield from _typed(each)
            elif each is not None and spec.type.kind not in NOT_TYPED:
                yield str(each)


@pytest.mark.parametrize("key", [key for key in KEYS if key != "inSegment"])
def test_a_redacted_sentence_has_no_values(registry: Registry, key: str) -> None:
    found = list(_criteria(registry, key))
    assert {each.operator for each in found} == set(registry.criteria[key].operators())
    for rule in found:
        text = redacted_sentence(rule)
        assert text.startswith(rule.label)
        assert rule.operator.label in text
        windows = [
            getattr(rule, spec.attribute)
            for spec in rule.fields()
            if spec.type.kind is FieldKind.TIME_WINDOW
        ]
        if not any(windows):
            assert not re.search(r"\d", text.removeprefix(rule.label))
        for value in _typed(rule):
            assert len(value) < 3 or value not in text


def test_a_reference_is_redacted_without_the_name_of_its_segment(registry: Registry) -> None:
    kind = registry.criteria["inSegment"]
    assert issubclass(kind, SegmentReference)
    inside = kind.model_validate({"operator": "IS", "segment": "U2VnbWVudDox"})
    rule = Reference(inside, "Ada's family", All(()))
    assert redacted_sentence(rule) == "Segment is … [everyone]"


def test_a_redacted_sentence_shows_the_shape_choices_and_windows(registry: Registry) -> None:
    spend = spent("BETWEEN", "4155551234", upTo="4155551235", within=last(30, "DAYS"))
    keywords = criterion("keyword", "ANY_OF", keywords=["ada", "bob"])
    rule = {"any": [keywords, {"all": [criterion("contactType", "IS", type="CUSTOMER"), spend]}]}
    assert redacted_sentence(parse(rule, registry)) == (
        "Keyword texted is any of … or … or both Contact type is Customer and Total spend is "
        "between … and … in the last 30 days"
    )


def test_values_that_must_all_match_are_joined_with_and(registry: Registry) -> None:
    tags = criterion("tag", "ALL_OF", tags=["ada", "bob"])
    assert redacted_sentence(parse(tags, registry)) == "Tag is all of … and …"

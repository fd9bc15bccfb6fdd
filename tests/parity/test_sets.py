"""Whether arrays have any or all of some texts, in SQL."""

import pytest
from sqlalchemy import func, select

from graphql_app.criteria import has_all, has_any
from graphql_app.runtime.services import Services
from tests.parity.evaluation.facts import Contact
from tests.parity.examples import criterion
from tests.parity.recorded_shop import RecordedShop

THOUSAND = [f"it's {number} % \\" for number in range(1_000)]


@pytest.mark.parametrize(
    ("array", "texts", "any_of", "all_of"),
    [
        (["a", "a"], ["a", "b"], True, False),
        (["a", "a", "b"], ["b", "a", "b"], True, True),
        (["a", "b", "c"], ["c"], True, True),
        (["A"], ["a"], False, False),
        ([], ["a"], False, False),
        ([""], [""], True, True),
        (THOUSAND, THOUSAND, True, True),
        (THOUSAND[1:], THOUSAND, True, False),
        (["x", *THOUSAND[:1]], THOUSAND, True, False),
    ],
)
def test_an_array_has_any_or_all_texts(
    services: Services, array: list[str], texts: list[str], any_of: bool, all_of: bool
) -> None:
    made = func.array(*array)
    if not array:
        made = func.emptyArrayString()
    [row] = services.audience.fetch_rows(select(has_any(made, texts), has_all(made, texts)), 0)
    assert (*row,) == (any_of, all_of)


def test_lists_of_1000_tags_are_found_with_and_without_the_index(boutique: RecordedShop) -> None:
    boutique.record(
        Contact(1, tags=(THOUSAND[999],)), Contact(2, tags=tuple(THOUSAND[:250])), Contact(3)
    )
    assert boutique.matching(criterion("tag", "ANY_OF", tags=THOUSAND)) == {1, 2}
    assert boutique.matching(criterion("tag", "NONE_OF", tags=THOUSAND)) == {3}
    assert boutique.matching(criterion("tag", "ALL_OF", tags=THOUSAND)) == set()
    assert boutique.matching(criterion("tag", "ALL_OF", tags=THOUSAND[:250])) == {2}

"""What ``check_criterion`` reports; the faults that it finds are in ``test_*_faults``."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import ColumnElement, func, literal, select
from sqlmodel import col

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.audience.tables import AudienceTable, Contact, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Criterion,
    Group,
    OneOrMore,
    Scope,
    Text,
    form_field,
)
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from graphql_app.testing import check_criterion, findings
from tests.plugins.reviews import Review, Reviewer, ReviewerPoints, ReviewsWritten
from tests.testing.criteria import (
    CityIs,
    OrdersPaid,
    Suggests,
    Undescribed,
    assert_all_faults,
    faults,
    find_faults,
)
from tests.testing.test_matching_faults import ByPattern
from tests.testing.test_wording_faults import SaysNone


class Faulty(CityIs):
    """Has many faults."""

    operator: Undescribed  # type: ignore[assignment]  # what is tested
    city: Text = form_field("", suggests=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city).like(literal(self.city, literal_execute=True))

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        return self.matches(scope)

    def describe(self, scope: Scope) -> str:
        return "City is None or other"


@pytest.mark.parametrize("criterion", [CityIs, OrdersPaid, Suggests])
def test_the_base_criteria_keep_the_contract(
    criterion: type[Criterion], services: Services
) -> None:
    check_criterion(criterion, services=services)


def test_all_faults_are_reported_at_once(services: Services) -> None:
    wrong = [
        "Undescribed has no docstring.",
        "The label of Faulty.city is empty.",
        "A sentence contains 'None'.",
        "describe returns the same text for two rules.",
        "Its SQL contains a value of the rule as text instead of binding it.",
        "suggest returns nothing for city in a shop with facts of every table.",
        "Its condition is neither true nor false for some contacts.",
        "Two texts that occur in no contact match different contacts.",
    ]
    assert_all_faults(Faulty, wrong, services)


def test_a_fault_has_an_example(services: Services) -> None:
    assert (
        """Example: 'City is example None times' for {"operator": "IS", "city": "example"} (and """
    ) in find_faults(SaysNone, services)
    assert 'Example: {"operator": "IS", "city": "%"}' in find_faults(ByPattern, services)


def test_every_invalid_example_is_reported_with_its_problem(services: Services) -> None:
    valid = {"operator": "IS", "city": "Dallas"}
    invalid: list[tuple[dict[str, Any], str]] = [
        ({"operator": "IS"}, "city is required"),
        ({"operator": "WAS", "city": "Austin"}, "operator"),
        ({"operator": "IS", "city": 5}, "city"),
        ({"operator": "IS", "city": "Austin", "state": "TX"}, "state"),
    ]
    message = find_faults(CityIs, services, examples=[valid, *(example for example, _ in invalid)])
    found = faults(message)
    assert len(found) == len(invalid)
    for fault, (example, refusal) in zip(found, invalid, strict=True):
        assert fault.startswith("An example is invalid: ")
        assert refusal in fault
        assert f"{fault}\n   Example: {json.dumps(example)}\n" in message
    assert message.count("Fix: Fix the example") == len(invalid)


def test_examples_are_tried(services: Services) -> None:
    class RaisesInDallas(CityIs):
        """Raises for one city."""

        def matches(self, scope: Scope) -> ColumnElement[bool]:
            if self.city == "Dallas":
                raise ValueError("not there")
            return super().matches(scope)

    check_criterion(RaisesInDallas, services=services)
    message = find_faults(RaisesInDallas, services, examples=[{"operator": "IS", "city": "Dallas"}])
    assert faults(message) == ["Building its SQL raises ValueError: not there."]
    assert """Example: {"operator": "IS", "city": "Dallas"}""" in message


class ReviewTitle(Criterion):
    """Keeps the contract, with its own table."""

    key = "testReviewTitle"
    label = "Review"
    group = Group.OTHER

    operator: ChoiceOperator
    titles: OneOrMore[Text] | None = form_field(
        "Titles",
        used_with=(ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF),
        placeholder="Great",
        suggests=True,
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        title = col(Review.title)
        has = title.is_not(None) if self.titles is None else title.in_(self.titles)
        return col(Contact.id).in_(select(col(Review.contact_id)).where(has))

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        title = col(Review.title)
        return (
            select(title, title)
            .where(title.is_not(None), func.positionCaseInsensitiveUTF8(title, search) > 0)
            .group_by(title)
            .order_by(func.count().desc(), title)
        )


class EveryReview(ReviewsWritten):
    """Has a row per review in its own table."""

    group = Group.OTHER

    def measure(self, scope: Scope) -> Statement:
        return select(col(Review.contact_id), col(Review.stars))


@pytest.fixture(scope="module")
def with_reviews(services: Services, settings: Settings) -> Iterator[Services]:
    """Open stores with the tables of reviews."""
    tables: tuple[type[AudienceTable], ...] = (Review, Reviewer)
    services.audience.command("CREATE DATABASE check_criterion")
    path = settings.data_dir.resolve() / "audience"
    audience = Audience(
        f"clickhousedb:///check_criterion?interface=chdb&path={path}", tables=tables
    )
    create_tables(audience)
    yield replace(services, audience=audience, recorder=Recorder(audience))
    audience.close()
    services.audience.command("DROP DATABASE check_criterion")


def test_a_criterion_with_its_own_table_passes(with_reviews: Services) -> None:
    example = {"operator": "ANY_OF", "titles": ["Great", "It's 100% \\ fine"]}
    check_criterion(ReviewTitle, examples=[example], tables=[Review], services=with_reviews)


def test_a_measure_of_a_plugins_table_is_checked(with_reviews: Services) -> None:
    message = find_faults(EveryReview, with_reviews, tables=[Review, Reviewer])
    assert faults(message) == ["Its measure has two rows for one contact."]


def test_a_group_inherited_from_a_base_class_is_not_enough(with_reviews: Services) -> None:
    example = {"operator": "AT_LEAST", "count": 1}
    message = find_faults(ReviewerPoints, with_reviews, tables=[Reviewer], examples=[example])
    assert faults(message) == ["ReviewerPoints sets no group."]


def test_a_table_missing_from_the_stores_is_an_error(services: Services) -> None:
    with pytest.raises(ValueError, match=r"a registry that has the tables \['acme_reviews'\]"):
        check_criterion(ReviewTitle, tables=[Review], services=services)


def test_a_table_missing_from_the_arguments_is_a_fault(services: Services) -> None:
    found = {finding.wrong for finding in findings(EveryReview, services=services)}
    assert "It reads the table acme_reviews, which check_criterion does not know." in found

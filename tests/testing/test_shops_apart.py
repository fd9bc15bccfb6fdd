"""What ``check_criterion`` finds by comparing shops, and in the GraphQL schema."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator
from sqlalchemy import ColumnElement, func, literal, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import (
    Criterion,
    FieldKind,
    FieldType,
    Group,
    Scope,
    SegmentReference,
    StateOperator,
    Text,
    form_field,
)
from graphql_app.runtime.services import Services
from graphql_app.testing import check_criterion
from tests.testing.criteria import find_faults


class Tagged(Criterion):
    """Contacts with a tag; keeps the contract; the faulty criteria each change one thing."""

    key = "testTagged"
    label = "Tag"
    group = Group.PROFILE

    operator: StateOperator
    tag: Text = form_field("Tag", placeholder="vip")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.has(col(Contact.tags), self.tag) == 1


class ByDocument(Tagged):
    """Searches for a quoted tag in the text of all tags."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.position(func.toString(col(Contact.tags)), f"'{self.tag}'") > 0


class Refuses(Tagged):
    """Has a type whose validator raises an unexpected error."""

    tag: Annotated[Text, AfterValidator(lambda value: [][len(value)])] = form_field("Tag")


class WrongKind(Tagged):
    """Declares a text as a number."""

    tag: Annotated[
        str, FieldType(FieldKind.COUNT, {"type": "string", "minLength": 1}, example="vip")
    ] = form_field("Tag")


class InSome(SegmentReference):
    """Whether a contact is in some segment."""

    key = "testInSome"
    label = "In some segment"
    group = Group.OTHER

    def describe_as(self, name: str) -> str:
        return "In some segment"


def test_the_base_criterion_keeps_the_contract(services: Services) -> None:
    check_criterion(Tagged, services=services)


def test_reading_rows_of_another_shop_is_reported(services: Services) -> None:
    class AsksAside(Tagged):
        """Queries the store directly, and so every shop."""

        def matches(self, scope: Scope) -> ColumnElement[bool]:
            found = services.audience.query_unfiltered("SELECT uniqExact(shop_id) FROM contacts")
            shops: int = found[0][0].as_py()
            return col(Contact.id) % 5 == shops % 5

    message = find_faults(AsksAside, services)
    assert "Rows of another shop change the members." in message
    assert "Do not run queries" in message


def test_suggesting_values_of_another_shop_is_reported(services: Services) -> None:
    class OffersAside(Tagged):
        """Suggests the number of rows of all shops."""

        tag: Text = form_field("Tag", suggests=True)

        @classmethod
        def suggest(
            cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
        ) -> Statement:
            count = services.audience.query_unfiltered("SELECT count() FROM contacts")[0][0].as_py()
            value = literal(f"{count} of all")
            return select(value, value).where(func.position(value, search) > 0)

    message = find_faults(OffersAside, services)
    assert "1. Rows of another shop change the suggestions for tag." in message


def test_a_text_treated_as_a_pattern_is_reported(services: Services) -> None:
    message = find_faults(ByDocument, services)
    assert "A text with special characters matches differently than a plain text." in message
    assert "o'k1" in message


def test_a_validator_that_raises_is_reported(services: Services) -> None:
    message = find_faults(Refuses, services)
    assert "Validating Refuses.tag raises IndexError: list index out of range." in message
    assert "Raise PydanticCustomError in validators" in message


def test_a_field_of_the_wrong_kind_is_reported(services: Services) -> None:
    message = find_faults(WrongKind, services)
    assert "A query with the rule as GraphQL variables fails: " in message
    assert "Give your own FieldType the `kind` of its values" in message


def test_the_wording_of_a_segment_reference_is_checked(services: Services) -> None:
    message = find_faults(InSome, services)
    assert "InSome: 1 fault" in message
    assert "describe_as returns 'In some segment'." in message

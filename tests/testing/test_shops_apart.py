"""What ``check_criterion`` finds by comparing shops, and in the GraphQL schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import pytest
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
from graphql_app.testing import CriterionCheckError, check_criterion


class Tagged(Criterion):
    """Contacts with a tag; keeps the contract, and the wrong ones below change a thing each."""

    key = "testTagged"
    label = "Tag"
    group = Group.PROFILE

    operator: StateOperator
    tag: Text = form_field("Tag", placeholder="vip")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.has(col(Contact.tags), self.tag) == 1


class ByDocument(Tagged):
    """Looks for a tag in a text that has all of them, with quotes around each."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.position(func.toString(col(Contact.tags)), f"'{self.tag}'") > 0


class Refuses(Tagged):
    """Has a type whose validation fails instead of refusing."""

    tag: Annotated[Text, AfterValidator(lambda value: [][len(value)])] = form_field("Tag")


class WrongKind(Tagged):
    """Has a text that it says is a number."""

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


def told(criterion: type[Criterion], services: Services) -> str:
    with pytest.raises(CriterionCheckError) as caught:
        check_criterion(criterion, services=services)
    return str(caught.value)


def test_what_the_wrong_ones_are_made_of_is_right(services: Services) -> None:
    check_criterion(Tagged, services=services)


def test_rows_of_another_shop_that_count_are_told(services: Services) -> None:
    class AsksAside(Tagged):
        """Asks the store itself, which tells of every shop."""

        def matches(self, scope: Scope) -> ColumnElement[bool]:
            found = services.audience.query_unfiltered("SELECT uniqExact(shop_id) FROM contacts")
            shops: int = found[0][0].as_py()
            return col(Contact.id) % 5 == shops % 5

    message = told(AsksAside, services)
    assert "Rows of another shop count." in message
    assert "Query nothing yourself" in message


def test_values_of_another_shop_that_are_suggested_are_told(services: Services) -> None:
    class OffersAside(Tagged):
        """Offers the number of rows that the store has, of every shop."""

        tag: Text = form_field("Tag", suggests=True)

        @classmethod
        def suggest(
            cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
        ) -> Statement:
            count = services.audience.query_unfiltered("SELECT count() FROM contacts")[0][0].as_py()
            value = literal(f"{count} of all")
            return select(value, value).where(func.position(value, search) > 0)

    message = told(OffersAside, services)
    assert "1. Rows of another shop are among the suggestions for tag." in message


def test_a_text_that_is_taken_for_more_than_itself_is_told(services: Services) -> None:
    message = told(ByDocument, services)
    assert "A hostile text matches otherwise than a plain one in its place." in message
    assert "o'k1" in message


def test_a_validator_that_fails_is_told(services: Services) -> None:
    message = told(Refuses, services)
    assert "Reading Refuses.tag raises IndexError: list index out of range." in message
    assert "Have validators raise PydanticCustomError" in message


def test_a_field_of_the_wrong_kind_is_told(services: Services) -> None:
    message = told(WrongKind, services)
    assert "Asked for as GraphQL variables it fails: " in message
    assert "Give a FieldType of your own the `kind` whose values it takes" in message


def test_of_a_reference_to_a_segment_the_words_are_checked(services: Services) -> None:
    message = told(InSome, services)
    assert "InSome: 1 fault" in message
    assert "describe_as says 'In some segment'." in message

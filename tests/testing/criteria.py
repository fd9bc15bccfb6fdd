"""Criteria that keep the contract, from which tests derive faulty ones, and assertions."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Event, Expression, Order, Statement
from graphql_app.criteria import (
    CountCriterion,
    Criterion,
    Group,
    Operator,
    Scope,
    StateOperator,
    Text,
    form_field,
)
from graphql_app.runtime.services import Services
from graphql_app.testing import CriterionCheckError, check_criterion, report


class CityIs(Criterion):
    """Contacts of a city; keeps the contract; the faulty criteria each change one thing."""

    key = "testCity"
    label = "City"
    group = Group.PROFILE

    operator: StateOperator
    city: Text = form_field("City", placeholder="Austin")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == self.city


class OrdersPaid(CountCriterion):
    """How many orders a contact placed; keeps the contract."""

    key = "testOrders"
    label = "Orders"
    group = Group.PURCHASES

    def measure(self, scope: Scope) -> Statement:
        contact = col(Order.contact_id)
        return select(contact, func.count()).group_by(contact)


class Named(Criterion):
    """Contacts with events of a name; without suggestions."""

    key = "testNamed"
    label = "Event"
    group = Group.OTHER

    operator: StateOperator
    name: Text = form_field("Name", placeholder="join", suggests=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id).in_(
            select(col(Event.contact_id)).where(col(Event.name) == self.name)
        )


class Suggests(Named):
    """Suggests names; keeps the contract."""

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        name = cls.offered(search)
        return select(name, name).where(cls.found(search)).group_by(name).order_by(name)

    @classmethod
    def offered(cls, search: str) -> Expression:
        return col(Event.name)

    @classmethod
    def found(cls, search: str) -> ColumnElement[bool]:
        return func.positionCaseInsensitiveUTF8(col(Event.name), search) > 0


class Undescribed(Operator):
    IS = "IS", "is"
    IS_NOT = "IS_NOT", "is not", "IS"


def find_faults(criterion: type[Criterion], services: Services, **given: Any) -> str:
    """Return the report of a check that must fail."""
    with pytest.raises(CriterionCheckError) as caught:
        check_criterion(criterion, services=services, **given)
    message = str(caught.value)
    assert message == report(criterion, caught.value.findings)
    return message


def faults(message: str) -> list[str]:
    return re.findall(r"^\d+\. (.*)$", message, re.MULTILINE)


def one_fault_test(cases: Sequence[tuple[type[Criterion], str, str]]) -> Callable[..., None]:
    """Return a test that each criterion has one fault, reported with its fix."""

    @pytest.mark.parametrize(("criterion", "wrong", "remedy"), cases, ids=_names(cases))
    def test(criterion: type[Criterion], wrong: str, remedy: str, services: Services) -> None:
        first, rest = find_faults(criterion, services).split("\n", 1)
        assert first == f"{criterion.__module__}.{criterion.__name__}: 1 fault"
        [fault] = faults(rest)
        assert wrong in fault
        assert remedy in rest[rest.index("Fix: ") :]

    return test


def all_faults_test(cases: Sequence[tuple[type[Criterion], list[str]]]) -> Callable[..., None]:
    """Return a test that each criterion has some faults among those reported."""

    @pytest.mark.parametrize(("criterion", "wrong"), cases, ids=_names(cases))
    def test(criterion: type[Criterion], wrong: list[str], services: Services) -> None:
        assert_all_faults(criterion, wrong, services)

    return test


def _names(cases: Sequence[tuple[Any, ...]]) -> list[str]:
    return [criterion.__name__ for criterion, *_ in cases]


def assert_all_faults(criterion: type[Criterion], wrong: list[str], services: Services) -> None:
    """Assert that a check reports some faults, each with its fix."""
    message = find_faults(criterion, services)
    found = faults(message)
    assert [fault for fault in found if fault in wrong] == wrong
    count = f"{criterion.__module__}.{criterion.__name__}: {len(found)} fault"
    assert message.startswith(count)
    assert message.count("Fix: ") == len(found)

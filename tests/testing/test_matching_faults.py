"""Criteria that match the wrong contacts or measure wrong values, and the finding for each."""

from typing import Any, ClassVar

from sqlalchemy import ColumnElement, func, literal, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Event, Order, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Criterion,
    Group,
    MoneyCriterion,
    OneOrMore,
    Scope,
    SetOperator,
    StateOperator,
    Text,
    form_field,
)
from tests.testing.criteria import CityIs, OrdersPaid, all_faults_test, one_fault_test


class NullCondition(CityIs):
    """Is NULL for contacts without a city."""

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        return self.matches(scope)


class NoCondition(CityIs):
    """Is a number instead of a condition."""

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        number: ColumnElement[Any] = func.length(func.coalesce(col(Contact.city), ""))
        return number


class NoComplement(CityIs):
    """Matches the same contacts for IS and IS_NOT."""

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        return func.coalesce(self.matches(scope), literal(False))


class TwoRows(OrdersPaid):
    """Has a row per order."""

    def measure(self, scope: Scope) -> Statement:
        return select(col(Order.contact_id), literal(1))


class ShowsNothing(OrdersPaid):
    """Has an empty text for measured values."""

    def describe_value(self, value: Any, scope: Scope) -> str:
        return ""


class CannotShow(OrdersPaid):
    """Raises for some measured values."""

    def describe_value(self, value: Any, scope: Scope) -> str:
        if value > 1:
            raise LookupError("no words")
        return "few"


class OtherInterval(OrdersPaid):
    """Excludes the lower bound in SQL and ignores the upper one; its interval does neither."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        orders = self.measure(scope).subquery().c
        low = self.interval(scope).low or 0
        return col(Contact.id).in_(select(orders[0]).where(orders[1] > low))


class OtherAbsent(OrdersPaid):
    """Declares no value for contacts without orders, but matches them."""

    absent: ClassVar[int | None] = None

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        orders = self.measure(scope).subquery().c
        outside = ~self.interval(scope).clause(orders[1])
        return col(Contact.id).not_in(select(orders[0]).where(outside))


class Averages(MoneyCriterion):
    """Measures floating-point numbers but compares amounts."""

    key = "testAverage"
    label = "Average"
    group = Group.PURCHASES

    def measure(self, scope: Scope) -> Statement:
        contact = col(Order.contact_id)
        return select(contact, func.avg(col(Order.total))).group_by(contact)


class AboveAverage(Criterion):
    """Compares a contact's orders with those of all contacts."""

    key = "testAboveAverage"
    label = "Above average"
    group = Group.PURCHASES

    operator: StateOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        average = select(func.avg(col(Order.total))).scalar_subquery()
        return col(Contact.id).in_(select(col(Order.contact_id)).where(col(Order.total) > average))


class ByPattern(CityIs):
    """Treats a city as a pattern."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city).like(self.city)


class FirstOfList(Criterion):
    """Compares with the first value of a list only."""

    key = "testFirstOfList"
    label = "City"
    group = Group.PROFILE

    operator: ChoiceOperator
    cities: OneOrMore[Text] | None = form_field(
        "Cities", used_with=(ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF), placeholder="Austin"
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        city = col(Contact.city)
        return city.is_not(None) if self.cities is None else city == self.cities[0]


class AnyForAll(Criterion):
    """Matches any value of a list instead of all."""

    key = "testAnyForAll"
    label = "Events"
    group = Group.OTHER

    operator: SetOperator
    names: OneOrMore[Text] = form_field("Names", placeholder="join")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id).in_(
            select(col(Event.contact_id)).where(col(Event.name).in_(self.names))
        )


NOT_MEASURED = "Its members differ from the contacts whose measure is in the interval."

FAULTS: list[tuple[type[Criterion], str, str]] = [
    (
        NullCondition,
        "Its condition is neither true nor false for some contacts.",
        "do not override `fragment`",
    ),
    (NoComplement, "IS_NOT is not the complement of IS.", "Do not override `fragment`"),
    (TwoRows, "Its measure has two rows for one contact.", ".group_by(Table.contact_id)"),
    (OtherInterval, NOT_MEASURED, "Do not override `matches`"),
    (OtherAbsent, NOT_MEASURED, "set `absent` to the value of contacts without a row"),
    (Averages, NOT_MEASURED, "measure exact values"),
    (ShowsNothing, "describe_value returns ''.", "Return a text for every value"),
    (CannotShow, "describe_value raises LookupError: no words.", "do not override describe_value"),
    (
        AboveAverage,
        "A contact evaluated alone gets a different result than when all contacts are evaluated.",
        "depend on the contact's own rows only, not on averages",
    ),
    (
        ByPattern,
        "Two texts that occur in no contact match different contacts.",
        "do not build LIKE patterns or regular expressions from it",
    ),
    (
        FirstOfList,
        "ANY_OF of two values does not match the union of their members.",
        "Make ANY_OF of a list match the union",
    ),
    (
        AnyForAll,
        "ALL_OF of two values does not match the intersection of their members.",
        "Make ALL_OF of a list match the intersection",
    ),
]
SEVERAL: list[tuple[type[Criterion], list[str]]] = [
    (NoCondition, ["Its condition is neither true nor false for some contacts."])
]

test_a_fault_is_reported_once_with_its_fix = one_fault_test(FAULTS)
test_every_effect_of_a_fault_is_reported = all_faults_test(SEVERAL)

"""Faults of a criterion's SQL."""

from typing import ClassVar

from sqlalchemy import (
    ColumnElement,
    Label,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
)
from sqlmodel import col

from graphql_app.audience.tables import Contact, Event, Order, Statement
from graphql_app.criteria import (
    ChoiceOperator,
    Count,
    Country,
    Criterion,
    Group,
    OneOrMore,
    Scope,
    form_field,
)
from tests.testing.criteria import CityIs, OrdersPaid, all_faults_test, one_fault_test


class LiteralColumn(CityIs):
    """Contains raw SQL."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == literal_column(f"'{self.city}'")


class RawText(CityIs):
    """Contains raw SQL."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id).in_(select(col(Contact.id)).where(text("city = 'Austin'")))


class ByLabel(CityIs):
    """Puts a value into a label."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        named: Label[int] = col(Contact.id).label(f"of {self.city}")
        some = select(named).where(col(Contact.city) == self.city).subquery()
        return col(Contact.id).in_(select(some.c[0]))


class ByFunction(CityIs):
    """Puts a value into a function's name."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        called: ColumnElement[bool] = getattr(func, f"is{self.city}")(col(Contact.city))
        return called


class LiteralText(CityIs):
    """Inserts a text into the SQL at execution."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == literal(self.city, literal_execute=True)


class LiteralParameter(CityIs):
    """Inserts a text into the SQL at execution, by a parameter."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == bindparam("city", self.city, unique=True, literal_execute=True)


class LiteralCountry(Criterion):
    """Inserts one of a few values into the SQL at execution."""

    key = "testCountry"
    label = "Country"
    group = Group.PROFILE

    operator: ChoiceOperator
    countries: OneOrMore[Country] | None = form_field(
        "Countries", used_with=(ChoiceOperator.ANY_OF, ChoiceOperator.NONE_OF)
    )

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        country = col(Contact.country)
        if self.countries is None:
            return country.is_not(None)
        return or_(*(country == literal(each, literal_execute=True) for each in self.countries))


class OneName(CityIs):
    """Binds every city under the same name, so that two rules share one value."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == bindparam("city", self.city)


class LiteralCount(OrdersPaid):
    """Inserts a number into the SQL at execution."""

    def measure(self, scope: Scope) -> Statement:
        contact = col(Order.contact_id)
        some = col(Order.line_count) < literal(self.count, literal_execute=True)
        return select(contact, func.count()).where(some).group_by(contact)


class Raises(CityIs):
    """Raises when it builds its SQL."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        raise ZeroDivisionError("by the number of cities")


class RaisesForZero(CityIs):
    """Raises for a value of an optional field."""

    times: Count | None = form_field("Times", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if self.times == 0:
            raise ZeroDivisionError("by the times")
        return func.length(col(Contact.city)) > (self.times or 5)


class Refused(CityIs):
    """Calls an unknown function."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        matched: ColumnElement[bool] = func.noSuchFunction(col(Contact.city), self.city)
        return matched


class SideBySide(CityIs):
    """Reads two tables without a join condition."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Event.name) == self.city


class AsksTheClock(CityIs):
    """Reads the engine's clock."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.created_at) < func.now()


class PassesTheZone(CityIs):
    """Lets the engine cut days by its own rules of time zones."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.toHour(col(Contact.created_at), scope.timezone.key) == 9


class Changes(CityIs):
    """Builds different SQL at every call."""

    calls: ClassVar[list[int]] = []

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        self.calls.append(len(self.calls))
        return col(Contact.id) > len(self.calls)


UNBOUND = "Its SQL contains a value of the rule as text instead of binding it."
RAW = "The host rejects its SQL: testCity contains raw SQL."

FAULTS: list[tuple[type[Criterion], str, str]] = [
    (RawText, RAW, "func and bound values"),
    (ByLabel, UNBOUND, "Never put it into a name, a label"),
    (LiteralText, UNBOUND, "so that SQLAlchemy binds it"),
    (LiteralParameter, UNBOUND, "so that SQLAlchemy binds it"),
    (LiteralCount, UNBOUND, "so that SQLAlchemy binds it"),
    (LiteralCountry, UNBOUND, "so that SQLAlchemy binds it"),
    (
        OneName,
        (
            "The host rejects its SQL: testCity binds a value under the name 'city'; leave "
            "the name out."
        ),
        "bound values",
    ),
    (
        Raises,
        "Building its SQL raises ZeroDivisionError: by the number of cities.",
        "for every valid rule of a positive",
    ),
    (
        RaisesForZero,
        "Building its SQL raises ZeroDivisionError: by the times.",
        "for every valid rule of a positive",
    ),
    (
        Refused,
        "The engine rejects its SQL: DatabaseError: Code: 46.",
        "a condition that ClickHouse can evaluate",
    ),
    (
        SideBySide,
        "It combines contacts and events without a join condition.",
        "Read other tables in a subquery",
    ),
    (AsksTheClock, "It calls now() in the engine.", "Use scope.now and scope.today"),
    (
        PassesTheZone,
        "It passes the name of the shop's time zone to the engine.",
        "or use month_and_day",
    ),
    (Changes, "Its SQL differs from one call to the next.", "Compute times from scope.now"),
]
SEVERAL: list[tuple[type[Criterion], list[str]]] = [
    (LiteralColumn, [RAW, UNBOUND]),
    (
        ByFunction,
        [
            "The host rejects its SQL: testCity calls 'issay \"k2\"', which is not allowed.",
            "The engine rejects its SQL: DatabaseError: Code: 46.",
            UNBOUND,
        ],
    ),
]

test_a_fault_is_reported_once_with_its_fix = one_fault_test(FAULTS)
test_every_effect_of_a_fault_is_reported = all_faults_test(SEVERAL)

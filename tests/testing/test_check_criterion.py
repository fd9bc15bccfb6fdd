"""Every way to break the contract of criteria, and what ``check_criterion`` says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
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

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.audience.tables import AudienceTable, Contact, Event, Expression, Order, Statement
from graphql_app.criteria import (
    Choice,
    ChoiceOperator,
    Count,
    CountCriterion,
    Country,
    Criterion,
    FieldKind,
    FieldType,
    Group,
    MoneyCriterion,
    OneOrMore,
    Operator,
    Scope,
    SetOperator,
    StateOperator,
    Text,
    form_field,
)
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from graphql_app.testing import CriterionCheckError, check_criterion, findings, report
from tests.plugins.reviews import Review, Reviewer, ReviewerPoints, ReviewsWritten


class CityIs(Criterion):
    """Contacts of a city; keeps the contract, and the wrong ones below change a thing each."""

    key = "testCity"
    label = "City"
    group = Group.PROFILE

    operator: StateOperator
    city: Text = form_field("City", placeholder="Austin")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == self.city


class OrdersPaid(CountCriterion):
    """How many orders a contact placed; keeps the contract as well."""

    key = "testOrders"
    label = "Orders"
    group = Group.PURCHASES

    def measure(self, scope: Scope) -> Statement:
        contact = col(Order.contact_id)
        return select(contact, func.count()).group_by(contact)


class Neither(CityIs):
    """Is NULL for contacts without a city."""

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        return self.matches(scope)


class NoCondition(CityIs):
    """Is a number, not a truth value."""

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        number: ColumnElement[Any] = func.length(func.coalesce(col(Contact.city), ""))
        return number


class NoComplement(CityIs):
    """Has the same contacts for IS and IS_NOT."""

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        return func.coalesce(self.matches(scope), literal(False))


class TwoRows(OrdersPaid):
    """Has a row per order."""

    def measure(self, scope: Scope) -> Statement:
        return select(col(Order.contact_id), literal(1))


class ShowsNothing(OrdersPaid):
    """Has no words for what it measured."""

    def describe_value(self, value: Any, scope: Scope) -> str:
        return ""


class CannotShow(OrdersPaid):
    """Has no words for some of what it measured."""

    def describe_value(self, value: Any, scope: Scope) -> str:
        if value > 1:
            raise LookupError("no words")
        return "few"


class OtherInterval(OrdersPaid):
    """Compares with less in SQL than it says."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        orders = self.measure(scope).subquery().c
        low = self.interval(scope).low or 0
        return col(Contact.id).in_(select(orders[0]).where(orders[1] > low))


class OtherAbsent(OrdersPaid):
    """Says that contacts without orders have none to compare, and matches them nevertheless."""

    absent: ClassVar[int | None] = None

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        orders = self.measure(scope).subquery().c
        outside = ~self.interval(scope).clause(orders[1])
        return col(Contact.id).not_in(select(orders[0]).where(outside))


class Averages(MoneyCriterion):
    """Measures floating-point numbers where amounts are compared."""

    key = "testAverage"
    label = "Average"
    group = Group.PURCHASES

    def measure(self, scope: Scope) -> Statement:
        contact = col(Order.contact_id)
        return select(contact, func.avg(col(Order.total))).group_by(contact)


class LiteralColumn(CityIs):
    """Has SQL as text."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == literal_column(f"'{self.city}'")


class RawText(CityIs):
    """Has SQL as text."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id).in_(select(col(Contact.id)).where(text("city = 'Austin'")))


class ByLabel(CityIs):
    """Names a column after a value."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        named: Label[int] = col(Contact.id).label(f"of {self.city}")
        some = select(named).where(col(Contact.city) == self.city).subquery()
        return col(Contact.id).in_(select(some.c[0]))


class ByFunction(CityIs):
    """Calls a function of a value's name."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        called: ColumnElement[bool] = getattr(func, f"is{self.city}")(col(Contact.city))
        return called


class LiteralText(CityIs):
    """Has a text put into the SQL at its execution."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == literal(self.city, literal_execute=True)


class LiteralParameter(CityIs):
    """The same, written otherwise."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == bindparam("city", self.city, unique=True, literal_execute=True)


class LiteralCountry(Criterion):
    """Has one of few values put into the SQL at its execution."""

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
    """Binds every city by one name, so that of two rules both are of one city."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == bindparam("city", self.city)


class LiteralCount(OrdersPaid):
    """Has a number put into the SQL at its execution."""

    def measure(self, scope: Scope) -> Statement:
        contact = col(Order.contact_id)
        some = col(Order.line_count) < literal(self.count, literal_execute=True)
        return select(contact, func.count()).where(some).group_by(contact)


class AboveAverage(Criterion):
    """Compares a contact's order with the orders of all."""

    key = "testAboveAverage"
    label = "Above average"
    group = Group.PURCHASES

    operator: StateOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        average = select(func.avg(col(Order.total))).scalar_subquery()
        return col(Contact.id).in_(select(col(Order.contact_id)).where(col(Order.total) > average))


class Named(Criterion):
    """Contacts with events of a name; a base, which suggests nothing."""

    key = "testNamed"
    label = "Event"
    group = Group.OTHER

    operator: StateOperator
    name: Text = form_field("Name", placeholder="join", suggests=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id).in_(
            select(col(Event.contact_id)).where(col(Event.name) == self.name)
        )


class NoSuggest(Named):
    """Declares suggestions, and makes none."""


class Suggests(Named):
    """Suggests as it should; a base too."""

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


class SuggestsInvalid(Suggests):
    """Suggests texts that are too long."""

    @classmethod
    def offered(cls, search: str) -> Expression:
        long: ColumnElement[str] = func.concat(col(Event.name), func.repeat("-", 300))
        return long

    @classmethod
    def found(cls, search: str) -> ColumnElement[bool]:
        return func.positionCaseInsensitiveUTF8(cls.offered(search), search) > 0


class SuggestsOthers(Suggests):
    """Suggests what it does not find again."""

    @classmethod
    def offered(cls, search: str) -> Expression:
        turned: ColumnElement[str] = func.concat("of ", func.reverseUTF8(col(Event.name)))
        return turned


class SuggestsByPattern(Suggests):
    """Takes a search for a pattern."""

    @classmethod
    def found(cls, search: str) -> ColumnElement[bool]:
        return col(Event.name).ilike(f"%{search}%")


class SuggestsUnbound(Suggests):
    """Has the search in the text of its SQL."""

    @classmethod
    def offered(cls, search: str) -> Expression:
        return col(Event.name).label(f"by {search}")


class SuggestRaises(Suggests):
    """Cannot suggest."""

    @classmethod
    def offered(cls, search: str) -> Expression:
        raise KeyError("no names today")


class Unlabelled(Operator):
    """Operators, one of which has no words."""

    IS = "IS", " "
    IS_NOT = "IS_NOT", "is not", "IS"


class NamedAsWritten(Operator):
    """Operators, one of which has its name for words."""

    IS = "IS", "IS"
    IS_NOT = "IS_NOT", "is not", "IS"


class Undescribed(Operator):
    IS = "IS", "is"
    IS_NOT = "IS_NOT", "is not", "IS"


class Alike(Operator):
    """Operators with the same words."""

    IS = "IS", "is"
    IS_NOT = "IS_NOT", "is", "IS"


class OperatorWithoutWords(CityIs):
    """Has an operator without words."""

    operator: Unlabelled  # type: ignore[assignment]  # what is tested


class OperatorNamed(CityIs):
    """Has an operator with its name for words."""

    operator: NamedAsWritten  # type: ignore[assignment]  # what is tested


class OperatorsUndescribed(CityIs):
    """Has operators without a description."""

    operator: Undescribed  # type: ignore[assignment]  # what is tested


class OperatorsAlike(CityIs):
    """Has two operators with the same words."""

    operator: Alike  # type: ignore[assignment]  # what is tested


class NoFieldLabel(CityIs):
    """Has a field without a label."""

    city: Text = form_field("")


class Bare(Choice):
    NORTH = "NORTH", ""
    SOUTH = "SOUTH", "South"


class BareChoices(CityIs):
    """Has a choice without a label or a description."""

    side: Bare | None = form_field("Side", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city) == (self.side or self.city)


class NoLabel(CityIs):
    """Has no label."""

    label = ""


class NoDescription(CityIs):
    __doc__ = ""


class NoGroup(Criterion):
    """Does not say where it is listed."""

    key = "testNoGroup"
    label = "City"

    operator: StateOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city).is_not(None)


class SaysNone(CityIs):
    """Says that a number is absent."""

    times: Count | None = form_field("Times", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.length(col(Contact.city)) > (self.times or 0)

    def describe(self, scope: Scope) -> str:
        return f"City {self.operator.label} {self.city} {self.times} times"


class SaysTheSame(CityIs):
    """Says the same of two cities."""

    def describe(self, scope: Scope) -> str:
        return f"City {self.operator.label} somewhere"


class SaysNothing(CityIs):
    """Says nothing."""

    def describe(self, scope: Scope) -> str:
        return " "


class SaysNoClause(CityIs):
    """Says the city alone."""

    def describe(self, scope: Scope) -> str:
        return f"{self.operator.name}:{self.city}".replace(" ", "")


class CannotSay(CityIs):
    """Has no sentence."""

    def describe(self, scope: Scope) -> str:
        raise LookupError("no words")


class Raises(CityIs):
    """Has no SQL."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        raise ZeroDivisionError("by the number of cities")


class RaisesForZero(CityIs):
    """Has no SQL for a value of an optional field."""

    times: Count | None = form_field("Times", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        if self.times == 0:
            raise ZeroDivisionError("by the times")
        return func.length(col(Contact.city)) > (self.times or 5)


class Refused(CityIs):
    """Calls a function that the engine does not have."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        matched: ColumnElement[bool] = func.noSuchFunction(col(Contact.city), self.city)
        return matched


class SideBySide(CityIs):
    """Reads two tables without joining them."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Event.name) == self.city


class AsksTheClock(CityIs):
    """Asks the engine what time it is."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.created_at) < func.now()


class Changes(CityIs):
    """Has other SQL at every call."""

    asked: ClassVar[list[int]] = []

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        self.asked.append(len(self.asked))
        return col(Contact.id) > len(self.asked)


class ByPattern(CityIs):
    """Takes a city for a pattern."""

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
    """Takes any of a list for all of it."""

    key = "testAnyForAll"
    label = "Events"
    group = Group.OTHER

    operator: SetOperator
    names: OneOrMore[Text] = form_field("Names", placeholder="join")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.id).in_(
            select(col(Event.contact_id)).where(col(Event.name).in_(self.names))
        )


def capped(value: str) -> str:
    if len(value) > 3:
        raise PydanticCustomError("short", "must be three letters")
    return value


Lenient = Annotated[
    str, FieldType(FieldKind.TEXT, {"type": "string", "minLength": 3}, example="Austin")
]
Short = Annotated[
    str,
    AfterValidator(capped),
    FieldType(FieldKind.TEXT, {"type": "string", "maxLength": 3}, example="Austin"),
]


class OtherJsonSchema(CityIs):
    """Accepts what its JSON Schema does not."""

    city: Lenient = form_field("City")


class ExampleOfType(CityIs):
    """Has a type whose example it refuses."""

    city: Short = form_field("City")


class ProblemsRaise(CityIs):
    """Has a check of its own that fails."""

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        raise AttributeError("no such thing")


class NoRule(CityIs):
    """Refuses every rule of an operator."""

    def problems(self) -> Iterator[tuple[tuple[str, ...], str]]:
        if self.operator.negated:
            yield ("operator",), "may not be that"


class Faulty(CityIs):
    """Is wrong in many respects at once."""

    operator: Undescribed  # type: ignore[assignment]  # what is tested
    city: Text = form_field("", suggests=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city).like(literal(self.city, literal_execute=True))

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        return self.matches(scope)

    def describe(self, scope: Scope) -> str:
        return "City is None or other"


UNBOUND = "Its SQL has a value of the rule in its text, not bound."
RAW = "Its SQL is refused: testCity contains raw SQL."
NOT_MEASURED = "Its members are not those whose measure is in the interval."
NOT_FOUND = "A search for a value that is offered for name does not find it."

# A class that is wrong in one way; the fault, and words of what to do.
FAULTS: list[tuple[type[Criterion], str, str]] = [
    (
        Neither,
        "Its condition is neither true nor false of some contacts.",
        "leave `fragment` to the host",
    ),
    (NoComplement, "IS_NOT is not the complement of IS.", "Leave `fragment` to the host"),
    (TwoRows, "Its measure has two rows of one contact.", ".group_by(Table.contact_id)"),
    (OtherInterval, NOT_MEASURED, "Leave `matches` to the host"),
    (OtherAbsent, NOT_MEASURED, "set `absent` to what a contact without a row has"),
    (Averages, NOT_MEASURED, "measure exact values"),
    (ShowsNothing, "describe_value returns ''.", "Return a text for every value"),
    (
        CannotShow,
        "describe_value raises LookupError: no words.",
        "leave describe_value to the host",
    ),
    (RawText, RAW, "func and bound values only"),
    (ByLabel, UNBOUND, "Never make it part of a name, a label"),
    (LiteralText, UNBOUND, "Let SQLAlchemy bind what a rule says"),
    (LiteralParameter, UNBOUND, "Let SQLAlchemy bind what a rule says"),
    (LiteralCount, UNBOUND, "Let SQLAlchemy bind what a rule says"),
    (LiteralCountry, UNBOUND, "Let SQLAlchemy bind what a rule says"),
    (
        OneName,
        "Its SQL is refused: testCity binds a value under the name 'city'; leave the name out.",
        "bound values only",
    ),
    (
        AboveAverage,
        "A contact that is asked about alone gets another answer than among all.",
        "depend on the contact's own rows only, not on averages",
    ),
    (
        NoSuggest,
        "suggest offers nothing for name in a shop with facts of every table.",
        "declare the field without suggests=True",
    ),
    (
        SuggestsInvalid,
        "suggest offers a value for name that the field refuses.",
        "Offer only values of facts that the field's type accepts.",
    ),
    (SuggestsOthers, NOT_FOUND, "func.positionCaseInsensitiveUTF8(column, search) > 0"),
    (
        SuggestsByPattern,
        "A search for what nobody has finds values for name.",
        "no LIKE or regular expression",
    ),
    (
        SuggestsUnbound,
        "The suggestions for name have the search, or a given field, in their SQL's text",
        "Never make it part of a name, a label",
    ),
    (
        SuggestRaises,
        "suggest raises for name: KeyError: 'no names today'",
        "Return a statement of (value, label) rows for every search",
    ),
    (OperatorWithoutWords, "The label of Unlabelled.IS is empty.", "Write what people are to see"),
    (
        OperatorNamed,
        "The label of NamedAsWritten.IS is 'IS', its name in rules.",
        "Write it in words",
    ),
    (OperatorsUndescribed, "Undescribed has no docstring.", "Write one"),
    (NoFieldLabel, "The label of NoFieldLabel.city is empty.", "Write what people are to see"),
    (NoLabel, "NoLabel needs a label and a docstring", "Mend this first"),
    (NoDescription, "NoDescription needs a label and a docstring", "Mend this first"),
    (NoGroup, "NoGroup sets no group.", "Set group = Group.OTHER"),
    (SaysNone, "A sentence says 'None'.", "Leave out what is absent"),
    (SaysTheSame, "describe says the same of two rules.", "Say the operator and every value"),
    (SaysNoClause, "A sentence neither begins with the label 'City'", "Begin with self.label"),
    (
        Raises,
        "Its SQL cannot be made, it raises ZeroDivisionError: by the number of cities.",
        "return SQL for every valid rule",
    ),
    (
        RaisesForZero,
        "Its SQL cannot be made, it raises ZeroDivisionError: by the times.",
        "return SQL for every valid rule",
    ),
    (
        Refused,
        "The engine refuses its SQL: DatabaseError: Code: 46.",
        "a condition that ClickHouse can evaluate",
    ),
    (
        SideBySide,
        "It reads contacts and events side by side, every row with every other.",
        "Read another table in a subquery",
    ),
    (AsksTheClock, "It asks the engine for now().", "Use scope.now and scope.today"),
    (Changes, "Its SQL is another each time it is asked for.", "Compute times from scope.now"),
    (
        ByPattern,
        "A text that nobody has matches otherwise than another that nobody has.",
        "no LIKE and no regular expression made of it",
    ),
    (
        FirstOfList,
        "The members with ANY_OF of two values are not those of one value and those of the other.",
        "Have ANY_OF of a list mean that",
    ),
    (
        AnyForAll,
        "The members with ALL_OF of two values are not those of one value who are those of the",
        "Have ALL_OF of a list mean that",
    ),
    (
        OtherJsonSchema,
        "The API accepts a rule that its JSON Schema refuses.",
        "Have the json_schema of the field's type say what its validation does",
    ),
    (
        NoRule,
        "No rule could be made for the operator IS_NOT: operator may not be that",
        "Give check_criterion an example of it",
    ),
]
# The same, where one mistake shows in several ways.
SEVERAL: list[tuple[type[Criterion], list[str]]] = [
    (NoCondition, ["Its condition is neither true nor false of some contacts."]),
    (LiteralColumn, [RAW, UNBOUND]),
    (
        ByFunction,
        [
            "Its SQL is refused: testCity calls 'issay \"k2\"', which is not allowed.",
            "The engine refuses its SQL: DatabaseError: Code: 46.",
            UNBOUND,
        ],
    ),
    (
        OperatorsAlike,
        ["Alike.IS and Alike.IS_NOT have one label.", "describe says the same of two rules."],
    ),
    (BareChoices, ["Bare has no docstring.", "The label of Bare.NORTH is empty."]),
    (SaysNothing, ["describe returns ' '."]),
    (CannotSay, ["describe raises LookupError: no words."]),
    (ExampleOfType, ["ExampleOfType.city refuses its type's own 'Austin'."]),
    (ProblemsRaise, ["Reading a rule raises AttributeError: no such thing."]),
    (
        Faulty,
        [
            "Undescribed has no docstring.",
            "The label of Faulty.city is empty.",
            "A sentence says 'None'.",
            "describe says the same of two rules.",
            UNBOUND,
            "suggest offers nothing for city in a shop with facts of every table.",
            "Its condition is neither true nor false of some contacts.",
            "A text that nobody has matches otherwise than another that nobody has.",
        ],
    ),
]


def told(criterion: type[Criterion], services: Services, **given: Any) -> str:
    with pytest.raises(CriterionCheckError) as caught:
        check_criterion(criterion, services=services, **given)
    message = str(caught.value)
    assert message == report(criterion, caught.value.findings)
    return message


def faults(message: str) -> list[str]:
    return re.findall(r"^\d+\. (.*)$", message, re.MULTILINE)


@pytest.mark.parametrize("criterion", [CityIs, OrdersPaid, Suggests])
def test_what_the_wrong_ones_are_made_of_is_right(
    criterion: type[Criterion], services: Services
) -> None:
    check_criterion(criterion, services=services)


@pytest.mark.parametrize(
    ("criterion", "wrong", "remedy"), FAULTS, ids=[case[0].__name__ for case in FAULTS]
)
def test_a_fault_is_named_once_with_what_to_do(
    criterion: type[Criterion], wrong: str, remedy: str, services: Services
) -> None:
    message = told(criterion, services)
    first, rest = message.split("\n", 1)
    assert first == f"{__name__}.{criterion.__name__}: 1 fault"
    [fault] = faults(rest)
    assert wrong in fault
    assert remedy in rest[rest.index("What to do: ") :]


@pytest.mark.parametrize(
    ("criterion", "wrong"), SEVERAL, ids=[case[0].__name__ for case in SEVERAL]
)
def test_all_that_is_wrong_is_told_at_once(
    criterion: type[Criterion], wrong: list[str], services: Services
) -> None:
    message = told(criterion, services)
    found = faults(message)
    assert [fault for fault in found if fault in wrong] == wrong
    assert message.startswith(f"{__name__}.{criterion.__name__}: {len(found)} fault")
    assert message.count("What to do: ") == len(found)


def test_a_fault_is_shown_by_the_rule_that_has_it(services: Services) -> None:
    assert (
        """Shown by: 'City is example None times' of {"operator": "IS", "city": "example"} (and """
    ) in told(SaysNone, services)
    assert 'Shown by: {"operator": "IS", "city": "%"}' in told(ByPattern, services)


def test_every_invalid_example_is_told_with_its_refusal(services: Services) -> None:
    valid = {"operator": "IS", "city": "Dallas"}
    invalid: list[tuple[dict[str, Any], str]] = [
        ({"operator": "IS"}, "city is required"),
        ({"operator": "WAS", "city": "Austin"}, "operator"),
        ({"operator": "IS", "city": 5}, "city"),
        ({"operator": "IS", "city": "Austin", "state": "TX"}, "state"),
    ]
    message = told(CityIs, services, examples=[valid, *(example for example, _ in invalid)])
    found = faults(message)
    assert len(found) == len(invalid)
    for fault, (example, refusal) in zip(found, invalid, strict=True):
        assert fault.startswith("An example is refused: ")
        assert refusal in fault
        assert f"{fault}\n   Shown by: {json.dumps(example)}\n" in message
    assert message.count("What to do: Mend the example") == len(invalid)


def test_an_example_reaches_what_no_generated_rule_does(services: Services) -> None:
    class RaisesInDallas(CityIs):
        """Has no SQL for one city."""

        def matches(self, scope: Scope) -> ColumnElement[bool]:
            if self.city == "Dallas":
                raise ValueError("not there")
            return super().matches(scope)

    check_criterion(RaisesInDallas, services=services)
    message = told(RaisesInDallas, services, examples=[{"operator": "IS", "city": "Dallas"}])
    assert faults(message) == ["Its SQL cannot be made, it raises ValueError: not there."]
    assert """Shown by: {"operator": "IS", "city": "Dallas"}""" in message


class ReviewTitle(Criterion):
    """A right criterion on a table of its own."""

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
    """Has a row per review, in a table of its own."""

    group = Group.OTHER

    def measure(self, scope: Scope) -> Statement:
        return select(col(Review.contact_id), col(Review.stars))


@pytest.fixture(scope="module")
def with_reviews(services: Services, settings: Settings) -> Iterator[Services]:
    """Stores that have the tables of reviews."""
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


def test_a_right_criterion_with_a_table_of_its_own_passes(with_reviews: Services) -> None:
    example = {"operator": "ANY_OF", "titles": ["Great", "It's 100% \\ fine"]}
    check_criterion(ReviewTitle, examples=[example], tables=[Review], services=with_reviews)


def test_a_measure_of_a_table_of_its_own_is_checked_too(with_reviews: Services) -> None:
    message = told(EveryReview, with_reviews, tables=[Review, Reviewer])
    assert faults(message) == ["Its measure has two rows of one contact."]


def test_a_criterion_without_a_group_of_its_own_is_told_to_set_one(with_reviews: Services) -> None:
    example = {"operator": "AT_LEAST", "count": 1}
    message = told(ReviewerPoints, with_reviews, tables=[Reviewer], examples=[example])
    assert faults(message) == ["ReviewerPoints sets no group."]


def test_a_table_that_the_stores_do_not_have_is_named(services: Services) -> None:
    with pytest.raises(ValueError, match=r"a registry that has the tables \['acme_reviews'\]"):
        check_criterion(ReviewTitle, tables=[Review], services=services)


def test_a_table_that_is_read_and_not_given_is_named(services: Services) -> None:
    found = {finding.wrong for finding in findings(EveryReview, services=services)}
    assert "It reads the table acme_reviews, which the check was not given." in found

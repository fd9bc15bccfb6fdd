"""Faults of labels, descriptions and sentences."""

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import (
    Choice,
    Count,
    Criterion,
    Operator,
    Scope,
    StateOperator,
    Text,
    form_field,
)
from tests.testing.criteria import CityIs, Undescribed, all_faults_test, one_fault_test


class Unlabeled(Operator):
    """Operators, one without a label."""

    IS = "IS", " "
    IS_NOT = "IS_NOT", "is not", "IS"


class NamedAsWritten(Operator):
    """Operators, one labeled with its name."""

    IS = "IS", "IS"
    IS_NOT = "IS_NOT", "is not", "IS"


class Alike(Operator):
    """Operators with the same label."""

    IS = "IS", "is"
    IS_NOT = "IS_NOT", "is", "IS"


class OperatorWithoutWords(CityIs):
    """Has an operator without a label."""

    operator: Unlabeled  # type: ignore[assignment]  # what is tested


class OperatorNamed(CityIs):
    """Has an operator labeled with its name."""

    operator: NamedAsWritten  # type: ignore[assignment]  # what is tested


class OperatorsUndescribed(CityIs):
    """Has operators without a description."""

    operator: Undescribed  # type: ignore[assignment]  # what is tested


class OperatorsAlike(CityIs):
    """Has two operators with the same label."""

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
    """Sets no group."""

    key = "testNoGroup"
    label = "City"

    operator: StateOperator

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return col(Contact.city).is_not(None)


class SaysNone(CityIs):
    """Writes None for a missing number."""

    times: Count | None = form_field("Times", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        return func.length(col(Contact.city)) > (self.times or 0)

    def describe(self, scope: Scope) -> str:
        return f"City {self.operator.label} {self.city} {self.times} times"


class SaysTheSame(CityIs):
    """Has the same sentence for two cities."""

    def describe(self, scope: Scope) -> str:
        return f"City {self.operator.label} somewhere"


class SaysNothing(CityIs):
    """Has an empty sentence."""

    def describe(self, scope: Scope) -> str:
        return " "


class SaysNoClause(CityIs):
    """Has a sentence of one word."""

    def describe(self, scope: Scope) -> str:
        return f"{self.operator.name}:{self.city}".replace(" ", "")


class CannotSay(CityIs):
    """Raises when it is described."""

    def describe(self, scope: Scope) -> str:
        raise LookupError("no words")


FAULTS: list[tuple[type[Criterion], str, str]] = [
    (
        OperatorWithoutWords,
        "The label of Unlabeled.IS is empty.",
        "Write the text that people see",
    ),
    (
        OperatorNamed,
        "The label of NamedAsWritten.IS is 'IS', its name in rules.",
        "Write it in words",
    ),
    (OperatorsUndescribed, "Undescribed has no docstring.", "Write one"),
    (NoFieldLabel, "The label of NoFieldLabel.city is empty.", "Write the text that people see"),
    (NoLabel, "NoLabel needs a label and a docstring", "Fix this first"),
    (NoDescription, "NoDescription needs a label and a docstring", "Fix this first"),
    (NoGroup, "NoGroup sets no group.", "Set group = Group.OTHER"),
    (SaysNone, "A sentence contains 'None'.", "Leave out missing values"),
    (
        SaysTheSame,
        "describe returns the same text for two rules.",
        "Include the operator and every value",
    ),
    (SaysNoClause, "A sentence does not begin with the label 'City'", "Begin with self.label"),
]
SEVERAL: list[tuple[type[Criterion], list[str]]] = [
    (
        OperatorsAlike,
        [
            "Alike.IS and Alike.IS_NOT have the same label.",
            "describe returns the same text for two rules.",
        ],
    ),
    (BareChoices, ["Bare has no docstring.", "The label of Bare.NORTH is empty."]),
    (SaysNothing, ["describe returns ' '."]),
    (CannotSay, ["describe raises LookupError: no words."]),
]

test_a_fault_is_reported_once_with_its_fix = one_fault_test(FAULTS)
test_every_effect_of_a_fault_is_reported = all_faults_test(SEVERAL)

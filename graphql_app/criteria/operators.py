"""Operators: what can be said about a field, as enums with their words and complements."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Operator(StrEnum):
    """Base of every operator enum; a member is ``NAME = "NAME", "words", "POSITIVE_TWIN"``.

    ``label`` stands between the criterion's label and its value in forms and sentences.
    ``negates`` names the positive twin of a negative operator. The host evaluates a negative
    operator as the complement of its twin, so a criterion only ever sees positive ones.
    """

    label: str
    negates: str | None

    def __new__(cls, value: str, label: str, negates: str | None = None) -> Self:
        """A member that is its value, with its words."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        member.negates = negates
        return member

    @property
    def positive(self) -> Self:
        """The operator whose complement this is, or the operator itself."""
        return self if self.negates is None else type(self)[self.negates]

    @property
    def negated(self) -> bool:
        """Whether this operator is the complement of another."""
        return self.negates is not None


class Choice(StrEnum):
    """Base of the enums of a choice field; a member is ``NAME = "NAME", "label"``."""

    label: str

    def __new__(cls, value: str, label: str) -> Self:
        """A member that is its value, with its words."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class NumberOperator(Operator):
    """Comparisons of sums and counts, which are 0 for a contact with nothing to add up."""

    EQUALS = "EQUALS", "equals"
    NOT_EQUALS = "NOT_EQUALS", "does not equal", "EQUALS"
    GREATER_THAN = "GREATER_THAN", "is greater than"
    AT_LEAST = "AT_LEAST", "is at least"
    LESS_THAN = "LESS_THAN", "is less than"
    AT_MOST = "AT_MOST", "is at most"
    BETWEEN = "BETWEEN", "is between"


class OptionalNumberOperator(Operator):
    """Comparisons of a number that not every contact has, such as an average."""

    EQUALS = "EQUALS", "equals"
    NOT_EQUALS = "NOT_EQUALS", "does not equal", "EQUALS"
    GREATER_THAN = "GREATER_THAN", "is greater than"
    AT_LEAST = "AT_LEAST", "is at least"
    LESS_THAN = "LESS_THAN", "is less than"
    AT_MOST = "AT_MOST", "is at most"
    BETWEEN = "BETWEEN", "is between"
    IS_SET = "IS_SET", "is set"
    IS_NOT_SET = "IS_NOT_SET", "is not set", "IS_SET"


class DateOperator(Operator):
    """Comparisons of an instant with calendar days in the shop's time zone, or with now."""

    ON = "ON", "is on"
    NOT_ON = "NOT_ON", "is not on", "ON"
    BEFORE = "BEFORE", "is before"
    ON_OR_BEFORE = "ON_OR_BEFORE", "is on or before"
    AFTER = "AFTER", "is after"
    ON_OR_AFTER = "ON_OR_AFTER", "is on or after"
    BETWEEN = "BETWEEN", "is between"
    IN_LAST = "IN_LAST", "is in the last"
    NOT_IN_LAST = "NOT_IN_LAST", "is not in the last", "IN_LAST"
    MORE_THAN_AGO = "MORE_THAN_AGO", "is more than"
    IS_SET = "IS_SET", "is set"
    IS_NOT_SET = "IS_NOT_SET", "is not set", "IS_SET"


class SetOperator(Operator):
    """Questions about something of which a contact may have many (products, keywords)."""

    ANY_OF = "ANY_OF", "is any of"
    ALL_OF = "ALL_OF", "is all of"
    NONE_OF = "NONE_OF", "is none of", "ANY_OF"


class ChoiceOperator(Operator):
    """Questions about something of which a contact has one or none (a country)."""

    ANY_OF = "ANY_OF", "is any of"
    NONE_OF = "NONE_OF", "is none of", "ANY_OF"
    IS_SET = "IS_SET", "is set"
    IS_NOT_SET = "IS_NOT_SET", "is not set", "IS_SET"


class StateOperator(Operator):
    """Whether a contact is in a state or not."""

    IS = "IS", "is"
    IS_NOT = "IS_NOT", "is not", "IS"

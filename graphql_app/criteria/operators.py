"""Operators: the comparisons of a form, with their words and their complements."""

from enum import StrEnum
from typing import Self

COMMON_WORDS: dict[str, tuple[str, str | None]] = {
    "EQUALS": ("is exactly", None),
    "NOT_EQUALS": ("is not exactly", "EQUALS"),
    "GREATER_THAN": ("is more than", None),
    "AT_LEAST": ("is at least", None),
    "LESS_THAN": ("is less than", None),
    "AT_MOST": ("is at most", None),
    "BETWEEN": ("is between", None),
    "ON": ("is on", None),
    "NOT_ON": ("is not on", "ON"),
    "BEFORE": ("is before", None),
    "ON_OR_BEFORE": ("is on or before", None),
    "AFTER": ("is after", None),
    "ON_OR_AFTER": ("is on or after", None),
    "IN_LAST": ("is in the last", None),
    "NOT_IN_LAST": ("is not in the last", "IN_LAST"),
    "MORE_THAN_AGO": ("is longer ago than", None),
    "ANY_OF": ("is any of", None),
    "ALL_OF": ("is all of", None),
    "NONE_OF": ("is none of", "ANY_OF"),
    "CONTAINS": ("contains", None),
    "NOT_CONTAINS": ("does not contain", "CONTAINS"),
    "IS": ("is", None),
    "IS_NOT": ("is not", "IS"),
    "IS_SET": ("has a value", None),
    "IS_NOT_SET": ("has no value", "IS_SET"),
}
"""The words and the positive counterpart of operators that several enums share, by name."""

COMPLEMENTS = {
    "GREATER_THAN": "AT_MOST",
    "AT_MOST": "GREATER_THAN",
    "LESS_THAN": "AT_LEAST",
    "AT_LEAST": "LESS_THAN",
}
"""The complements of operators if every contact has a number, by name."""


class Operator(StrEnum):
    """Base class for operator enums; a member is ``NAME = "NAME", "words", "POSITIVE"``.

    ``label`` stands between the criterion's label and its value in forms and sentences.
    ``negates`` names the positive counterpart of a negative operator. The host evaluates a negative
    operator as the complement of its counterpart, so a criterion's SQL only sees positive
    operators. A member with the name of a built-in operator, such as ``IS_SET = "IS_SET"``, has
    that operator's words and counterpart.
    """

    label: str
    negates: str | None

    def __new__(
        cls, value: str, words: str | None = None, complement_of: str | None = None
    ) -> Self:
        """Create a member; its words and counterpart default to those in ``COMMON_WORDS``."""
        if words is None:
            if value not in COMMON_WORDS:
                raise TypeError(f'{cls.__name__}.{value} needs words: {value} = "{value}", "..."')
            words, complement_of = COMMON_WORDS[value]
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = words
        member.negates = complement_of
        return member

    @property
    def positive(self) -> Self:
        """The positive counterpart of a negative operator, or the operator itself."""
        return self if self.negates is None else type(self)[self.negates]

    @property
    def negated(self) -> bool:
        """Whether this operator is the complement of another."""
        return self.negates is not None

    @property
    def opposite(self) -> Self | None:
        """The operator that matches the other contacts, if the enum has one."""
        if self.negates is not None:
            return self.positive
        return next((other for other in type(self) if other.negates == self.name), None)


class Choice(StrEnum):
    """Base class for the enum of a choice field; a member is ``NAME = "NAME", "label"``."""

    label: str

    def __new__(cls, value: str, label: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.label = label
        return member


class NumberOperator(Operator):
    """How to compare a sum or a count. A contact with nothing to add up has 0."""

    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT_EQUALS"
    GREATER_THAN = "GREATER_THAN"
    AT_LEAST = "AT_LEAST"
    LESS_THAN = "LESS_THAN"
    AT_MOST = "AT_MOST"
    BETWEEN = "BETWEEN"


class OptionalNumberOperator(Operator):
    """How to compare a number that not every contact has, such as an average."""

    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT_EQUALS"
    GREATER_THAN = "GREATER_THAN"
    AT_LEAST = "AT_LEAST"
    LESS_THAN = "LESS_THAN"
    AT_MOST = "AT_MOST"
    BETWEEN = "BETWEEN"
    IS_SET = "IS_SET"
    IS_NOT_SET = "IS_NOT_SET"


class DateOperator(Operator):
    """How to compare a time with calendar days in the shop's time zone, or with now."""

    ON = "ON"
    NOT_ON = "NOT_ON"
    BEFORE = "BEFORE"
    ON_OR_BEFORE = "ON_OR_BEFORE"
    AFTER = "AFTER"
    ON_OR_AFTER = "ON_OR_AFTER"
    BETWEEN = "BETWEEN"
    IN_LAST = "IN_LAST"
    NOT_IN_LAST = "NOT_IN_LAST"
    MORE_THAN_AGO = "MORE_THAN_AGO"
    IS_SET = "IS_SET"
    IS_NOT_SET = "IS_NOT_SET"


class SetOperator(Operator):
    """How to compare a set of values, such as the products a contact has bought."""

    ANY_OF = "ANY_OF"
    ALL_OF = "ALL_OF"
    NONE_OF = "NONE_OF"


class OptionalSetOperator(Operator):
    """How to compare a set of values that may be empty, such as tags."""

    ANY_OF = "ANY_OF"
    ALL_OF = "ALL_OF"
    NONE_OF = "NONE_OF"
    IS_SET = "IS_SET"
    IS_NOT_SET = "IS_NOT_SET"


class ChoiceOperator(Operator):
    """How to compare a single value, such as a country. A contact may have none."""

    ANY_OF = "ANY_OF"
    NONE_OF = "NONE_OF"
    IS_SET = "IS_SET"
    IS_NOT_SET = "IS_NOT_SET"


class TextOperator(Operator):
    """How to compare a single text, such as an email address. A contact may have none."""

    ANY_OF = "ANY_OF"
    NONE_OF = "NONE_OF"
    CONTAINS = "CONTAINS"
    NOT_CONTAINS = "NOT_CONTAINS"
    IS_SET = "IS_SET"
    IS_NOT_SET = "IS_NOT_SET"


class StateOperator(Operator):
    """Whether a contact is in a state."""

    IS = "IS"
    IS_NOT = "IS_NOT"

"""The two base classes of criteria."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, func, literal, not_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression, Statement
from graphql_app.criteria.describe import describe_clause, measured
from graphql_app.criteria.form import Form
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.operators import COMPLEMENTS
from graphql_app.criteria.phrases import Phrase, negated, sentence
from graphql_app.criteria.scope import Scope


class Group(StrEnum):
    """The group in which a form lists a criterion."""

    PURCHASES = "PURCHASES"
    MESSAGING = "MESSAGING"
    PROFILE = "PROFILE"
    OTHER = "OTHER"


class Criterion(Form, ABC):
    """A property of contacts that a rule can test: a form, its SQL and its sentence.

    A subclass sets ``key`` (a GraphQL field name, unique among all plugins), ``label`` and
    ``group``, defines the form's fields and implements ``matches``.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    group: ClassVar[Group] = Group.OTHER

    @abstractmethod
    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Return the contacts who match, as an expression over ``Contact``.

        The host never calls this with a negative operator: it uses the positive counterpart and
        takes the complement. NULL counts as no match. Leave the shop out of the expression: the
        engine shows it the rows of one shop only.
        """

    @classmethod
    def suggest(
        cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
    ) -> Statement | None:
        """Return the values to offer for a field declared with ``suggests=True``.

        The labels also appear in sentences, beside the values of saved rules.

        Args:
            field: The field's name in rules. A condition's field is written as the list's name, a
                dot and its own name.
            search: What the user has typed so far; empty at first.
            scope: The shop.
            given: The other fields that are filled in so far, validated, keyed by the same names.

        Returns:
            A statement of (value, label) rows, best first; the host limits and executes it. A third
            column, an array of text, names the operators that suit the value.
        """
        return None

    def describe_phrase(self, scope: Scope) -> Phrase | None:
        """Return the words of the criterion's sentences, such as "has spent" for an amount.

        Without a phrase a sentence is the label, the operator's words, the values and the time
        window: "Loyalty points is at least 500".
        """
        return None

    def describe(self, scope: Scope) -> str:
        """Return the criterion as a clause of a sentence about a contact.

        Override ``describe_phrase`` to choose the words. If you override this method instead, begin
        with the label or write a clause of three words or more.
        """
        phrase = self.describe_phrase(scope)
        return (
            describe_clause(self, scope, self.label)
            if phrase is None
            else sentence(self, scope, phrase)
        )

    def describe_not(self, scope: Scope) -> str:
        """Return the criterion's complement as a clause of a sentence.

        By default, this is the sentence of the opposite operator. Without an opposite, it is the
        negated phrase. Without a phrase, it is ``describe`` with "not" in it.
        """
        opposite = self.operator.opposite
        if opposite is not None:
            return self.model_copy(update={"operator": opposite}).describe(scope)
        phrase = self.describe_phrase(scope)
        if phrase is not None:
            return sentence(self, scope, phrase, complement=True)
        return negated(self.describe(scope), self.operator)

    def as_measured(self) -> "MeasuredCriterion | None":
        """Return the measured criterion that matches the same contacts, if there is one.

        The size index evaluates that criterion instead, and keeps its values in memory. The host
        calls this only with a positive operator.
        """
        return None

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        """Return ``matches`` with NULL as false, negated for a negative operator."""
        positive = self.model_copy(update={"operator": self.operator.positive})
        two_valued = func.coalesce(positive.matches(scope), literal(False))
        return not_(two_valued) if self.operator.negated else two_valued


class MeasuredCriterion(Criterion):
    """A criterion that compares one value per contact.

    ``measure`` returns the values and ``interval`` the range that matches. Because the two are
    separate, the host can recount for another threshold without reading the facts again.
    """

    absent: ClassVar[int | None] = 0
    """The value of a contact without a row in the measure: 0 for sums and counts; ``None`` for
    averages and dates, which such a contact does not have and which match no comparison."""

    bounds: ClassVar[frozenset[str]] = frozenset()
    """The fields that only ``interval`` reads, by attribute, ``operator`` included. Criteria that
    differ in these fields alone share their values in memory, so another bound counts at once."""

    @abstractmethod
    def measure(self, scope: Scope) -> Statement | Expression:
        """Return a statement of (contact_id, value) with one row for each contact who has a value.

        For a value of the contact itself, return that column of ``Contact``.
        """

    @abstractmethod
    def interval(self, scope: Scope) -> Interval[Any]:
        """Return the values that match. The host calls this only with a positive operator."""

    def as_measured(self) -> "MeasuredCriterion | None":
        return self if type(self).matches is MeasuredCriterion.matches else None

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        measure, interval = self.measure(scope), self.interval(scope)
        if not isinstance(measure, Select):
            value = measure if self.absent is None else func.coalesce(measure, self.absent)
            return interval.clause(value)
        values = measure.subquery()
        contact_id, value = values.c
        inside = interval.clause(value)
        if self.absent is not None and interval.contains(self.absent):
            return col(Contact.id).not_in(select(contact_id).where(not_(inside)))
        return col(Contact.id).in_(select(contact_id).where(inside))

    def describe_not(self, scope: Scope) -> str:
        """Return the criterion's complement as a clause of a sentence.

        Like ``Criterion.describe_not``, but says "at most" for "not more than" if every contact has
        a value.
        """
        opposite = self.operators().__members__.get(COMPLEMENTS.get(self.operator.name, ""))
        if self.absent is None or opposite is None:
            return super().describe_not(scope)
        return self.model_copy(update={"operator": opposite}).describe(scope)

    def describe_value(self, value: Any, scope: Scope) -> str:
        """Return a measured value as people read it, in tables of members and in explanations.

        The default writes numbers with separators and instants in the shop's time zone. The host
        does not call this for contacts without a value.
        """
        return measured(value, scope)

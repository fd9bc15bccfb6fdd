"""What a criterion is: the two base classes of the contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Select, func, literal, not_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression, Statement
from graphql_app.criteria.describe import clause, measured
from graphql_app.criteria.form import Form
from graphql_app.criteria.interval import Interval
from graphql_app.criteria.scope import Scope


class Group(StrEnum):
    """Where a form lists a criterion."""

    PURCHASES = "PURCHASES"
    MESSAGING = "MESSAGING"
    PROFILE = "PROFILE"
    OTHER = "OTHER"


class Criterion(Form, ABC):
    """One thing to pick contacts by: its fields are the form's, ``matches`` is its SQL.

    A subclass sets ``key`` (a GraphQL field name, unique among all plugins), ``label`` and
    ``group``, and what every ``Form`` has.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    group: ClassVar[Group] = Group.OTHER

    @abstractmethod
    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """The contacts that match, as an expression over ``Contact``.

        It is never called on a negative operator: the host asks the positive twin and takes the
        complement. NULL counts as no match. It mentions no shop: the engine shows a fragment the
        rows of one shop only.
        """

    @classmethod
    def suggest(
        cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]
    ) -> Statement | None:
        """Values to offer for a field declared with ``suggests=True``.

        Args:
            field: The field's name in rules; a condition's after that of its list and a point.
            search: What was typed so far, empty at first.
            scope: The shop that asks.
            given: The other fields as far as they are filled in, checked, by the same names.

        Returns:
            A statement of (value, label) rows, best first; the host limits and executes it. A third
            column, an array of text, names the operators that suit the value.
        """
        return None

    def describe(self, scope: Scope) -> str:
        """The criterion as a clause of a sentence, beginning with its label."""
        return clause(self, scope, self.label)

    def fragment(self, scope: Scope) -> ColumnElement[bool]:
        """``matches`` made two-valued, and complemented for a negative operator."""
        positive = self.model_copy(update={"operator": self.operator.positive})
        two_valued = func.coalesce(positive.matches(scope), literal(False))
        return not_(two_valued) if self.operator.negated else two_valued


class MeasuredCriterion(Criterion):
    """A criterion that compares one value per contact.

    ``measure`` gives the values and ``interval`` what they are compared with. Keeping the two
    apart lets a size be computed again for another threshold without touching the facts.
    """

    absent: ClassVar[int | None] = 0
    """The value of a contact without a row in the measure: 0 for sums and counts, ``None`` for
    what does not exist then (averages, dates) and so matches no comparison."""

    @abstractmethod
    def measure(self, scope: Scope) -> Statement | Expression:
        """A statement of (contact_id, value), one row for each contact that has any; or, for a
        value of the contact itself, that column of ``Contact``."""

    @abstractmethod
    def interval(self, scope: Scope) -> Interval[Any]:
        """The values that match; called with a positive operator only."""

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Compare the measure with the interval."""
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

    def describe_value(self, value: Any, scope: Scope) -> str:
        """A measured value for people, in tables of members and in explanations.

        As it is, numbers are written with separators, instants by the shop's clock. It is not asked
        of a value that does not exist.
        """
        return measured(value, scope)

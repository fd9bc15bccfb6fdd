"""Criteria that ask about another saved segment."""

from __future__ import annotations

from sqlalchemy import ColumnElement

from graphql_app.criteria.base import Criterion
from graphql_app.criteria.field_types import SegmentId
from graphql_app.criteria.fields import form_field
from graphql_app.criteria.operators import StateOperator
from graphql_app.criteria.scope import Scope


class SegmentReference(Criterion):
    """Whether a contact is in another saved segment.

    The host puts the rule of that segment in the place of the criterion, as it is at the moment, so
    a subclass has no SQL: it has a key, a label, a docstring, and says itself in words.
    """

    operator: StateOperator
    segment: SegmentId = form_field("Segment", suggests=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Never called.

        Raises:
            TypeError: Always.
        """
        raise TypeError(f"{self.key} stands for another rule and has no SQL")

    def describe_as(self, name: str) -> str:
        """The criterion as a clause of a sentence, given the name of the segment."""
        return f'{self.label} {self.operator.label} "{name}"'

"""Criteria that refer to another saved segment."""

from sqlalchemy import ColumnElement

from graphql_app.criteria.base import Criterion
from graphql_app.criteria.field_types import SegmentId
from graphql_app.criteria.fields import form_field
from graphql_app.criteria.operators import StateOperator
from graphql_app.criteria.scope import Scope


class SegmentReference(Criterion):
    """Whether a contact is in another saved segment.

    The host evaluates that segment's current rule in the place of the criterion. So a subclass has
    no SQL, only a key, a label, a docstring and ``describe_as``.
    """

    operator: StateOperator
    segment: SegmentId = form_field("Segment", suggests=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Raise ``TypeError``: the host never calls this."""
        raise TypeError(f"{self.key} stands for another rule and has no SQL")

    def describe_as(self, name: str) -> str:
        """Return the criterion as a clause of a sentence, given the segment's name."""
        return f'{self.label} {self.operator.label} "{name}"'

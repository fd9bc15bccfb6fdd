"""Membership in another saved segment."""

from graphql_app.criteria import Criterion, Group, SegmentReference, hookimpl


class InSegment(SegmentReference):
    """Whether a contact is in another saved segment.

    The other segment's current rule applies.
    """

    key = "inSegment"
    label = "Segment"
    group = Group.OTHER

    def describe_as(self, name: str) -> str:
        """Write the clause, e.g. ``is in the segment "VIPs"``."""
        return f'is {"not " if self.operator.negated else ""}in the segment "{name}"'


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [InSegment]

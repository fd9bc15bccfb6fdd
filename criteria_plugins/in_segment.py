"""Membership of another saved segment."""

from __future__ import annotations

from graphql_app.criteria import Criterion, Group, SegmentReference, hookimpl


class InSegment(SegmentReference):
    """Whether a contact is in another saved segment, as that segment is now."""

    key = "inSegment"
    label = "In segment"
    group = Group.OTHER

    def describe_as(self, name: str) -> str:
        """E.g. "In the segment "VIPs""."""
        return f'{"Not in" if self.operator.negated else "In"} the segment "{name}"'


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [InSegment]

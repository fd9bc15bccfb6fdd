"""Texts clicked."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Statement, TextMessage
from graphql_app.criteria import (
    CountCriterion,
    Criterion,
    Group,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
)


class TextsClicked(CountCriterion):
    """How many of its texts a contact has clicked; the time frame is that of the clicks."""

    key = "textsClicked"
    label = "Texts clicked"
    group = Group.MESSAGING

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        """Clicked texts per contact."""
        clicked_at = col(TextMessage.clicked_at)
        return (
            select(col(TextMessage.contact_id), func.count())
            .where(clicked_at.is_not(None), *scope.within(self.within, clicked_at))
            .group_by(col(TextMessage.contact_id))
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [TextsClicked]

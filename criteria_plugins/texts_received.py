"""Texts received."""

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


class TextsReceived(CountCriterion):
    """How many text messages a contact has been sent."""

    key = "textsReceived"
    label = "Texts received"
    group = Group.MESSAGING

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        """Texts per contact."""
        return (
            select(col(TextMessage.contact_id), func.count())
            .where(*scope.within(self.within, col(TextMessage.sent_at)))
            .group_by(col(TextMessage.contact_id))
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [TextsReceived]

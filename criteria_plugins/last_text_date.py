"""Date of the last text."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Statement, TextMessage
from graphql_app.criteria import Criterion, DateCriterion, Group, Scope, hookimpl


class LastTextDate(DateCriterion):
    """When a contact was last sent a text."""

    key = "lastTextDate"
    label = "Last text date"
    group = Group.MESSAGING

    def measure(self, scope: Scope) -> Statement:
        """The latest text's time per contact that was sent any."""
        return select(col(TextMessage.contact_id), func.max(col(TextMessage.sent_at))).group_by(
            col(TextMessage.contact_id)
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [LastTextDate]

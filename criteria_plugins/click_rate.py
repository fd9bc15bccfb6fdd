"""Click rate."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Statement, TextMessage
from graphql_app.criteria import (
    Criterion,
    Group,
    PercentCriterion,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
    quotient,
)


class ClickRate(PercentCriterion):
    """The share of the texts sent to a contact that it clicked; unset for those never texted.

    The time frame is that of the sending, whenever the click came.
    """

    key = "clickRate"
    label = "Click rate"
    group = Group.MESSAGING

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        """Clicked texts in percent of all, per contact that was sent any."""
        clicked = func.countIf(col(TextMessage.clicked_at).is_not(None))
        return (
            select(col(TextMessage.contact_id), quotient(clicked * 100, func.count()))
            .where(*scope.within(self.within, col(TextMessage.sent_at)))
            .group_by(col(TextMessage.contact_id))
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [ClickRate]

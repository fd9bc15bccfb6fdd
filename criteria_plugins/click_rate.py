"""The click rate."""

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Statement, TextMessage
from graphql_app.criteria import (
    Criterion,
    Group,
    PercentCriterion,
    Phrase,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
    quotient,
)


class ClickRate(PercentCriterion):
    """The percentage of a contact's texts that the contact clicked.

    The time frame applies to when a text was sent, not to when it was clicked. A contact who was
    never texted has no value.
    """

    key = "clickRate"
    label = "Click rate"
    group = Group.MESSAGING

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        clicked = func.countIf(col(TextMessage.clicked_at).is_not(None))
        return (
            select(col(TextMessage.contact_id), quotient(clicked * 100, func.count()))
            .where(*scope.within(self.within, col(TextMessage.sent_at)))
            .group_by(col(TextMessage.contact_id))
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="has a click rate of",
            does_not="does not have a click rate of",
            none="has no click rate",
            some="has a click rate",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [ClickRate]

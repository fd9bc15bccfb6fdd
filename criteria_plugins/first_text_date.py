"""The date of the first text."""

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Statement, TextMessage
from graphql_app.criteria import Criterion, DateCriterion, Group, Phrase, Scope, hookimpl


class FirstTextDate(DateCriterion):
    """When the shop first texted a contact."""

    key = "firstTextDate"
    label = "First text date"
    group = Group.MESSAGING

    def measure(self, scope: Scope) -> Statement:
        return select(col(TextMessage.contact_id), func.min(col(TextMessage.sent_at))).group_by(
            col(TextMessage.contact_id)
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="was first texted",
            does_not="was not first texted",
            none="has never been texted",
            some="has been texted before",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [FirstTextDate]

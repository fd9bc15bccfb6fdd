"""The date of the last text."""

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Statement, TextMessage
from graphql_app.criteria import (
    Criterion,
    DateCriterion,
    DateOperator,
    Group,
    Phrase,
    Scope,
    hookimpl,
)


class LastTextDate(DateCriterion):
    """When the shop last texted a contact."""

    key = "lastTextDate"
    label = "Last text date"
    group = Group.MESSAGING

    def measure(self, scope: Scope) -> Statement:
        return select(col(TextMessage.contact_id), func.max(col(TextMessage.sent_at))).group_by(
            col(TextMessage.contact_id)
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        last = "" if self.operator.positive is DateOperator.IN_LAST else " last"
        return Phrase(
            does=f"was{last} texted",
            does_not=f"was not{last} texted",
            none="has never been texted",
            some="has been texted before",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [LastTextDate]

"""The number of texts received."""

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Statement, TextMessage
from graphql_app.criteria import (
    CountCriterion,
    Criterion,
    Group,
    Phrase,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
)


class TextsReceived(CountCriterion):
    """How many texts the shop has sent a contact."""

    key = "textsReceived"
    label = "Texts received"
    group = Group.MESSAGING

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        return (
            select(col(TextMessage.contact_id), func.count())
            .where(*scope.within(self.within, col(TextMessage.sent_at)))
            .group_by(col(TextMessage.contact_id))
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="has received",
            does_not="has not received",
            noun="texts",
            none="has received no texts",
            never="has never received a text",
            some="has received a text",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [TextsReceived]

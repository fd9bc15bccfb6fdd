"""The number of texts clicked."""

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


class TextsClicked(CountCriterion):
    """How many texts a contact has clicked.

    The time frame applies to the clicks.
    """

    key = "textsClicked"
    label = "Texts clicked"
    group = Group.MESSAGING

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        clicked_at = col(TextMessage.clicked_at)
        return (
            select(col(TextMessage.contact_id), func.count())
            .where(clicked_at.is_not(None), *scope.within(self.within, clicked_at))
            .group_by(col(TextMessage.contact_id))
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="has clicked",
            does_not="has not clicked",
            noun="texts",
            none="has clicked no texts",
            never="has never clicked a text",
            some="has clicked a text",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [TextsClicked]

"""The unsubscribe date."""

from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import Criterion, DateCriterion, Group, Phrase, Scope, hookimpl


class UnsubscribedDate(DateCriterion):
    """When a contact last unsubscribed from texts.

    It does not matter whether the contact has subscribed again since.
    """

    key = "unsubscribedDate"
    label = "Unsubscribe date"
    group = Group.MESSAGING

    def measure(self, scope: Scope) -> Expression:
        return col(Contact.unsubscribed_at)

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="unsubscribed",
            does_not="did not unsubscribe",
            none="has never unsubscribed",
            some="has unsubscribed before",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [UnsubscribedDate]

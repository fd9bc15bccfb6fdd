"""The subscribe date."""

from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import Criterion, DateCriterion, Group, Phrase, Scope, hookimpl


class SubscribeDate(DateCriterion):
    """When a contact last subscribed to texts.

    It does not matter whether the contact has unsubscribed since.
    """

    key = "subscribeDate"
    label = "Subscribe date"
    group = Group.MESSAGING

    def measure(self, scope: Scope) -> Expression:
        return col(Contact.subscribed_at)

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="subscribed",
            does_not="did not subscribe",
            none="has never subscribed",
            some="has subscribed before",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [SubscribeDate]

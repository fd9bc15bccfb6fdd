"""The subscription status."""

from sqlalchemy import ColumnElement, and_, not_, or_
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import (
    Choice,
    Criterion,
    Group,
    Phrase,
    Scope,
    StateOperator,
    form_field,
    hookimpl,
)


class SubscriptionState(Choice):
    """A status of a contact's subscription to texts."""

    SUBSCRIBED = "SUBSCRIBED", "Subscribed"
    UNSUBSCRIBED = "UNSUBSCRIBED", "Unsubscribed"
    NEVER = "NEVER", "Never subscribed"


WORDS = {
    SubscriptionState.SUBSCRIBED: ("is subscribed to texts", "is not subscribed to texts"),
    SubscriptionState.UNSUBSCRIBED: (
        "has unsubscribed from texts",
        "has not unsubscribed from texts",
    ),
    SubscriptionState.NEVER: (
        "has never subscribed or unsubscribed",
        "has subscribed or unsubscribed",
    ),
}


class SubscriptionStatus(Criterion):
    """Whether a contact is subscribed to texts, has unsubscribed, or has never done either."""

    key = "subscriptionStatus"
    label = "Subscription status"
    group = Group.MESSAGING

    operator: StateOperator
    status: SubscriptionState = form_field("Status")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        subscribed = col(Contact.subscribed)
        was_subscribed = or_(
            col(Contact.subscribed_at).is_not(None), col(Contact.unsubscribed_at).is_not(None)
        )
        match self.status:
            case SubscriptionState.SUBSCRIBED:
                return subscribed.is_(True)
            case SubscriptionState.UNSUBSCRIBED:
                return and_(was_subscribed, not_(subscribed))
            case SubscriptionState.NEVER:
                return not_(was_subscribed)

    def describe_phrase(self, scope: Scope) -> Phrase:
        does, does_not = WORDS[self.status]
        return Phrase(does=does, does_not=does_not, without=("status",))


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [SubscriptionStatus]

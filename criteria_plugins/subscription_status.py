"""Subscription status."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, not_, or_
from sqlmodel import col

from graphql_app.audience.tables import Contact
from graphql_app.criteria import (
    Choice,
    Criterion,
    Group,
    Scope,
    StateOperator,
    form_field,
    hookimpl,
)


class SubscriptionState(Choice):
    """What a contact's consent to texts can be."""

    SUBSCRIBED = "SUBSCRIBED", "subscribed"
    UNSUBSCRIBED = "UNSUBSCRIBED", "unsubscribed"
    NEVER = "NEVER", "never subscribed"


class SubscriptionStatus(Criterion):
    """Whether a contact is subscribed to texts, has unsubscribed, or never said either."""

    key = "subscriptionStatus"
    label = "Subscription status"
    group = Group.MESSAGING

    operator: StateOperator
    status: SubscriptionState = form_field("Status")

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Contacts of the status."""
        subscribed = col(Contact.subscribed)
        asked = or_(
            col(Contact.subscribed_at).is_not(None), col(Contact.unsubscribed_at).is_not(None)
        )
        match self.status:
            case SubscriptionState.SUBSCRIBED:
                return subscribed.is_(True)
            case SubscriptionState.UNSUBSCRIBED:
                return and_(asked, not_(subscribed))
            case SubscriptionState.NEVER:
                return not_(asked)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [SubscriptionStatus]

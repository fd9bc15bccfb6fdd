"""Subscribe date."""

from __future__ import annotations

from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import Criterion, DateCriterion, Group, Scope, hookimpl


class SubscribeDate(DateCriterion):
    """When a contact subscribed, the latest time if more than once; also if unsubscribed since."""

    key = "subscribeDate"
    label = "Subscribe date"
    group = Group.MESSAGING

    def measure(self, scope: Scope) -> Expression:
        """The contact's own subscribe time."""
        return col(Contact.subscribed_at)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [SubscribeDate]

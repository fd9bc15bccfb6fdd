"""Unsubscribe date."""

from __future__ import annotations

from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import Criterion, DateCriterion, Group, Scope, hookimpl


class UnsubscribedDate(DateCriterion):
    """When a contact unsubscribed, the latest time if more than once; also if subscribed since."""

    key = "unsubscribedDate"
    label = "Unsubscribe date"
    group = Group.MESSAGING

    def measure(self, scope: Scope) -> Expression:
        """The contact's own unsubscribe time."""
        return col(Contact.unsubscribed_at)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [UnsubscribedDate]

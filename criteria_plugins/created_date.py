"""Creation date."""

from __future__ import annotations

from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import Criterion, DateCriterion, Group, Scope, hookimpl


class CreatedDate(DateCriterion):
    """When a contact was created in the source system."""

    key = "createdDate"
    label = "Created date"
    group = Group.PROFILE

    def measure(self, scope: Scope) -> Expression:
        """The contact's own creation time."""
        return col(Contact.created_at)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [CreatedDate]

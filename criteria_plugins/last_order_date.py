"""Date of the last order."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import Criterion, DateCriterion, Group, Scope, hookimpl


class LastOrderDate(DateCriterion):
    """When a contact last ordered; cancelled and fully refunded orders do not count."""

    key = "lastOrderDate"
    label = "Last order date"
    group = Group.PURCHASES

    def measure(self, scope: Scope) -> Statement:
        """The latest order's time per contact that has ordered."""
        return (
            select(col(Order.contact_id), func.max(col(Order.ordered_at)))
            .where(col(Order.valid))
            .group_by(col(Order.contact_id))
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [LastOrderDate]

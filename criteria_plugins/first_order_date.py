"""Date of the first order."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import Criterion, DateCriterion, Group, Scope, hookimpl


class FirstOrderDate(DateCriterion):
    """When a contact first ordered; cancelled and fully refunded orders do not count."""

    key = "firstOrderDate"
    label = "First order date"
    group = Group.PURCHASES

    def measure(self, scope: Scope) -> Statement:
        """The earliest order's time per contact that has ordered."""
        return (
            select(col(Order.contact_id), func.min(col(Order.ordered_at)))
            .where(col(Order.valid))
            .group_by(col(Order.contact_id))
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [FirstOrderDate]

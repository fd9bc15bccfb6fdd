"""Average order value."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    OptionalMoneyCriterion,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
    quotient,
)


class AverageOrderValue(OptionalMoneyCriterion):
    """How much a contact has paid per order, net of refunds; unset for those without orders.

    Cancelled and fully refunded orders do not count.
    """

    key = "averageOrderValue"
    label = "Average order value"
    group = Group.PURCHASES

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        """Net payments by orders, per contact that has ordered."""
        paid = func.sum(col(Order.total) - col(Order.refunded))
        return (
            select(col(Order.contact_id), quotient(paid, func.count()))
            .where(col(Order.valid), *scope.within(self.within, col(Order.ordered_at)))
            .group_by(col(Order.contact_id))
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [AverageOrderValue]

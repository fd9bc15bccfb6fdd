"""Orders placed."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import (
    CountCriterion,
    Criterion,
    Group,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
)


class OrdersPlaced(CountCriterion):
    """How many orders a contact has placed; cancelled and fully refunded ones do not count."""

    key = "ordersPlaced"
    label = "Orders placed"
    group = Group.PURCHASES

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        """Orders per contact."""
        return (
            select(col(Order.contact_id), func.count())
            .where(col(Order.valid), *scope.within(self.within, col(Order.ordered_at)))
            .group_by(col(Order.contact_id))
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [OrdersPlaced]

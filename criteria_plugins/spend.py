"""Total spend."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    MoneyCriterion,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
)


class Spend(MoneyCriterion):
    """How much a contact has paid the shop, net of refunds; cancelled orders do not count."""

    key = "spend"
    label = "Total spend"
    group = Group.PURCHASES

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        """Net payments per contact, in the shop's currency."""
        return (
            select(col(Order.contact_id), func.sum(col(Order.total) - col(Order.refunded)))
            .where(
                col(Order.cancelled_at).is_(None), *scope.within(self.within, col(Order.ordered_at))
            )
            .group_by(col(Order.contact_id))
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [Spend]

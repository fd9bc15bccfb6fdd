"""The date of the last order."""

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import (
    Criterion,
    DateCriterion,
    DateOperator,
    Group,
    Phrase,
    Scope,
    hookimpl,
)


class LastOrderDate(DateCriterion):
    """When a contact placed the last order. Cancelled and fully refunded orders do not count."""

    key = "lastOrderDate"
    label = "Last order date"
    group = Group.PURCHASES

    def measure(self, scope: Scope) -> Statement:
        return (
            select(col(Order.contact_id), func.max(col(Order.ordered_at)))
            .where(col(Order.valid))
            .group_by(col(Order.contact_id))
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        lately = self.operator.positive is DateOperator.IN_LAST
        return Phrase(
            does="ordered" if lately else "last ordered",
            does_not="has not ordered" if lately else "did not last order",
            none="has never ordered",
            some="has ordered before",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [LastOrderDate]

"""The date of the first order."""

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import Criterion, DateCriterion, Group, Phrase, Scope, hookimpl


class FirstOrderDate(DateCriterion):
    """When a contact placed the first order. Cancelled and fully refunded orders do not count."""

    key = "firstOrderDate"
    label = "First order date"
    group = Group.PURCHASES

    def measure(self, scope: Scope) -> Statement:
        return (
            select(col(Order.contact_id), func.min(col(Order.ordered_at)))
            .where(col(Order.valid))
            .group_by(col(Order.contact_id))
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="first ordered",
            does_not="did not first order",
            none="has never ordered",
            some="has ordered before",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [FirstOrderDate]

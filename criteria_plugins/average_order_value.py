"""The average order value."""

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    OptionalMoneyCriterion,
    Phrase,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
    quotient,
)


class AverageOrderValue(OptionalMoneyCriterion):
    """How much a contact has paid per order on average, after refunds.

    Cancelled and fully refunded orders do not count. A contact without orders has no value.
    """

    key = "averageOrderValue"
    label = "Average order value"
    group = Group.PURCHASES

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        paid = func.sum(col(Order.total) - col(Order.refunded))
        return (
            select(col(Order.contact_id), quotient(paid, func.count()))
            .where(col(Order.valid), *scope.within(self.within, col(Order.ordered_at)))
            .group_by(col(Order.contact_id))
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="has an average order value of",
            does_not="does not have an average order value of",
            none="has no average order value",
            some="has an average order value",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [AverageOrderValue]

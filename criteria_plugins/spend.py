"""The total spend."""

from sqlalchemy import func, select
from sqlmodel import col

from graphql_app.audience.tables import Order, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    MoneyCriterion,
    Phrase,
    Scope,
    TimeWindow,
    form_field,
    hookimpl,
)


class Spend(MoneyCriterion):
    """How much a contact has spent, after refunds. Cancelled orders do not count."""

    key = "spend"
    label = "Total spend"
    group = Group.PURCHASES

    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        return (
            select(col(Order.contact_id), func.sum(col(Order.total) - col(Order.refunded)))
            .where(
                col(Order.cancelled_at).is_(None), *scope.within(self.within, col(Order.ordered_at))
            )
            .group_by(col(Order.contact_id))
        )

    def describe_phrase(self, scope: Scope) -> Phrase:
        return Phrase(
            does="has spent",
            does_not="has not spent",
            none="has spent nothing",
            some="has spent something",
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [Spend]

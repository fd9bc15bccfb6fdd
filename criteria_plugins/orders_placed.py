"""Orders placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlmodel import col

from graphql_app.audience.tables import Order, OrderLine, Statement
from graphql_app.criteria import (
    CountCriterion,
    Criterion,
    Group,
    Interval,
    Money,
    OneOrMore,
    ProductId,
    Scope,
    TimeWindow,
    describe_clause,
    describe_list,
    describe_money,
    form_field,
    hookimpl,
    suggest_products,
)


class OrdersPlaced(CountCriterion):
    """How many orders a contact has placed; cancelled and fully refunded ones do not count.

    With products, or a least value, only such orders are counted.
    """

    key = "ordersPlaced"
    label = "Orders placed"
    group = Group.PURCHASES

    products: OneOrMore[ProductId] | None = form_field(
        "With products",
        optional=True,
        description="Only orders with any of these; all orders when left out.",
        suggests=True,
    )
    minimum_value: Money | None = form_field(
        "Of at least",
        optional=True,
        placeholder="50.00",
        description="Only orders of at least so much, net of refunds.",
    )
    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        """Orders per contact."""
        contact_id = col(Order.contact_id)
        orders = (
            select(contact_id, func.count())
            .where(col(Order.valid), *scope.within(self.within, col(Order.ordered_at)))
            .group_by(contact_id)
        )
        if self.products is not None:
            order = tuple_(contact_id, col(Order.id))
            orders = orders.where(order.in_(_with_any(self.products)))
        if self.minimum_value is not None:
            least = Interval(low=self.minimum_value)
            orders = orders.where(least.clause(col(Order.total) - col(Order.refunded)))
        return orders

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Products by title or id, the best-selling first."""
        return suggest_products(search)

    def describe(self, scope: Scope) -> str:
        """E.g. "Orders placed with A or B of at least $50.00 is at least 2"."""
        subject = self.label
        if self.products is not None:
            subject += f" with {describe_list(self.products, 'or')}"
        if self.minimum_value is not None:
            subject += f" of at least {describe_money(self.minimum_value, scope.currency)}"
        return describe_clause(self, scope, subject, without=("products", "minimum_value"))


def _with_any(products: Sequence[str]) -> Statement:
    """The orders, as contact and id, with any of some products."""
    return select(col(OrderLine.contact_id), col(OrderLine.order_id)).where(
        col(OrderLine.product_id).in_(products),
        col(OrderLine.valid),
        col(OrderLine.quantity) > 0,
    )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [OrdersPlaced]

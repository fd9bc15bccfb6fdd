"""The number of orders."""

from collections.abc import Mapping
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
    Phrase,
    ProductId,
    Scope,
    TimeWindow,
    describe_field,
    describe_money,
    form_field,
    hookimpl,
    suggest_products,
)


class OrdersPlaced(CountCriterion):
    """How many orders a contact has placed. Cancelled and fully refunded orders do not count.

    With products or a minimum order value, only the orders that have one of the products, or reach
    the value, count.
    """

    key = "ordersPlaced"
    label = "Orders placed"
    group = Group.PURCHASES

    products: OneOrMore[ProductId] | None = form_field(
        "With products",
        optional=True,
        description="Count only the orders with any of these products.",
        suggests=True,
    )
    minimum_value: Money | None = form_field(
        "Minimum order value",
        optional=True,
        placeholder="50.00",
        description="Count only the orders that reach this value after refunds.",
    )
    within: TimeWindow | None = form_field("Time frame", optional=True)

    def measure(self, scope: Scope) -> Statement:
        contact_id = col(Order.contact_id)
        orders = (
            select(contact_id, func.count())
            .where(col(Order.valid), *scope.within(self.within, col(Order.ordered_at)))
            .group_by(contact_id)
        )
        if self.products is not None:
            with_any = select(col(OrderLine.contact_id), col(OrderLine.order_id)).where(
                col(OrderLine.product_id).in_(self.products),
                col(OrderLine.valid),
                col(OrderLine.quantity) > 0,
            )
            orders = orders.where(tuple_(contact_id, col(Order.id)).in_(with_any))
        if self.minimum_value is not None:
            least = Interval(low=self.minimum_value)
            orders = orders.where(least.clause(col(Order.total) - col(Order.refunded)))
        return orders

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        return suggest_products(search)

    def describe_phrase(self, scope: Scope) -> Phrase:
        after = []
        if self.minimum_value is not None:
            after.append(f"of {describe_money(self.minimum_value, scope.currency)} or more")
        if self.products is not None:
            after.append(f"with any of {describe_field(self, scope, 'products')}")
        return Phrase(
            does="has placed",
            does_not="has not placed",
            noun="orders",
            none="has placed no orders",
            some="has placed an order",
            after=" ".join(after),
            without=("products", "minimum_value"),
        )


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [OrdersPlaced]

"""Products purchased."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, OrderLine, Product, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    OneOrMore,
    PositiveCount,
    ProductId,
    Scope,
    SetOperator,
    TimeWindow,
    describe_count,
    form_field,
    hookimpl,
)


class ProductPurchased(Criterion):
    """Which products a contact has bought, in any orders that still stand.

    With a minimum, a product counts as bought once the contact has bought that product on so many
    orders, or so many units of it.
    """

    key = "productPurchased"
    label = "Product purchased"
    group = Group.PURCHASES

    operator: SetOperator
    products: OneOrMore[ProductId] = form_field("Products", suggests=True)
    minimum_times: PositiveCount | None = form_field(
        "At least times", optional=True, description="On how many orders, each product by itself."
    )
    minimum_units: PositiveCount | None = form_field(
        "At least units", optional=True, description="How many pieces, each product by itself."
    )
    within: TimeWindow | None = form_field("Time frame", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        """Contacts who bought any, or each, of the products."""
        contact_id, product_id = col(OrderLine.contact_id), col(OrderLine.product_id)
        lines = select(contact_id, product_id).where(
            product_id.in_(self.products),
            col(OrderLine.valid),
            col(OrderLine.quantity) > 0,
            *scope.within(self.within, col(OrderLine.ordered_at)),
        )
        minimums = []
        if self.minimum_times is not None:
            minimums.append(func.uniqExact(col(OrderLine.order_id)) >= self.minimum_times)
        if self.minimum_units is not None:
            minimums.append(func.sum(col(OrderLine.quantity)) >= self.minimum_units)
        if minimums:
            lines = lines.group_by(contact_id, product_id).having(*minimums)
        bought = lines.subquery()
        buyers = select(bought.c.contact_id)
        if self.operator is SetOperator.ALL_OF:
            buyers = buyers.group_by(bought.c.contact_id).having(
                func.uniqExact(bought.c.product_id) == len(self.products)
            )
        return col(Contact.id).in_(buyers)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope) -> Statement:
        """Products by title or id, the best-selling first."""
        sales = (
            select(col(OrderLine.product_id), func.count().label("lines"))
            .group_by(col(OrderLine.product_id))
            .subquery()
        )
        product_id, title = col(Product.id), col(Product.title)
        return (
            select(product_id, title)
            .outerjoin(sales, sales.c.product_id == product_id)
            .where(
                or_(
                    func.positionCaseInsensitiveUTF8(title, search) > 0,
                    func.positionCaseInsensitiveUTF8(product_id, search) > 0,
                )
            )
            .order_by((product_id == search).desc(), sales.c.lines.desc(), product_id)
        )

    def describe(self, scope: Scope) -> str:
        """E.g. "Product purchased is any of A or B, at least 2 times, in the last 30 days"."""
        minimums = [
            f", at least {describe_count(number, unit)}"
            for number, unit in ((self.minimum_times, "times"), (self.minimum_units, "units"))
            if number is not None
        ]
        plain = self.model_copy(update={"minimum_times": None, "minimum_units": None})
        return super(ProductPurchased, plain).describe(scope) + "".join(minimums)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [ProductPurchased]

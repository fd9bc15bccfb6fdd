"""Products purchased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, OrderLine, Product, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    OneOrMore,
    Operator,
    PositiveCount,
    ProductId,
    Scope,
    Text,
    TimeWindow,
    describe_clause,
    describe_count,
    fold,
    folded,
    form_field,
    hookimpl,
    suggest_products,
)


class ProductOperator(Operator):
    """Questions about the products that a contact bought, by their ids or by their titles."""

    ANY_OF = "ANY_OF", "is any of"
    ALL_OF = "ALL_OF", "is all of"
    NONE_OF = "NONE_OF", "is none of", "ANY_OF"
    TITLE_CONTAINS = "TITLE_CONTAINS", "has a title with"
    NO_TITLE_CONTAINS = "NO_TITLE_CONTAINS", "has no title with", "TITLE_CONTAINS"


WITH_PRODUCTS = (ProductOperator.ANY_OF, ProductOperator.ALL_OF, ProductOperator.NONE_OF)
WITH_WORDS = (ProductOperator.TITLE_CONTAINS, ProductOperator.NO_TITLE_CONTAINS)


class ProductPurchased(Criterion):
    """Which products a contact has bought, in any orders that still stand.

    With a minimum, a product counts as bought once the contact has bought that product on so many
    orders, or so many units of it; products found by their title count together.
    """

    key = "productPurchased"
    label = "Product purchased"
    group = Group.PURCHASES

    operator: ProductOperator
    products: OneOrMore[ProductId] | None = form_field(
        "Products", used_with=WITH_PRODUCTS, suggests=True
    )
    words: Text | None = form_field(
        "Words",
        used_with=WITH_WORDS,
        placeholder="water bottle",
        description="A title must hold each of them, or a longer word with it; capitals do not "
        "matter.",
    )
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
        wanted = _titled(self.words) if self.words is not None else self.products or ()
        lines = select(contact_id).where(
            product_id.in_(wanted),
            col(OrderLine.valid),
            col(OrderLine.quantity) > 0,
            *scope.within(self.within, col(OrderLine.ordered_at)),
        )
        minimums = []
        if self.minimum_times is not None:
            minimums.append(func.uniqExact(col(OrderLine.order_id)) >= self.minimum_times)
        if self.minimum_units is not None:
            minimums.append(func.sum(col(OrderLine.quantity)) >= self.minimum_units)
        if self.words is not None:
            return col(Contact.id).in_(lines.group_by(contact_id).having(*minimums))
        buyers, bought = lines.group_by(contact_id), func.uniqExact(product_id)
        if minimums:
            each = lines.add_columns(product_id).group_by(contact_id, product_id).having(*minimums)
            enough = each.subquery().c
            buyers = select(enough.contact_id).group_by(enough.contact_id)
            bought = func.uniqExact(enough.product_id)
        if self.operator is ProductOperator.ALL_OF:
            buyers = buyers.having(bought == len(self.products or ()))
        return col(Contact.id).in_(buyers)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        """Products by title or id, the best-selling first."""
        return suggest_products(search)

    def describe(self, scope: Scope) -> str:
        """E.g. "Product purchased is any of A or B, at least 2 times, in the last 30 days"."""
        minimums = [
            f", at least {describe_count(number, unit)}"
            for number, unit in ((self.minimum_times, "times"), (self.minimum_units, "units"))
            if number is not None
        ]
        words = describe_clause(self, scope, self.label, without=("minimum_times", "minimum_units"))
        return words + "".join(minimums)


def _titled(words: str) -> Statement:
    """The ids of products whose title holds each of some words, in small letters or capitals."""
    title = folded(col(Product.title))
    held = (func.position(title, word) > 0 for word in fold(words).split())
    return select(col(Product.id)).where(*held)


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    """Register the criterion."""
    return [ProductPurchased]

"""The products bought."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression, OrderLine, Product, Statement
from graphql_app.criteria import (
    Criterion,
    Group,
    OneOrMore,
    Operator,
    Phrase,
    PositiveCount,
    ProductId,
    Scope,
    Text,
    TimeWindow,
    describe_count,
    fold,
    form_field,
    hookimpl,
    suggest_products,
)


class ProductOperator(Operator):
    """How to compare the products that a contact bought: by id or by name."""

    ANY_OF = "ANY_OF"
    ALL_OF = "ALL_OF"
    NONE_OF = "NONE_OF"
    TITLE_CONTAINS = "TITLE_CONTAINS", "product name contains"
    NO_TITLE_CONTAINS = "NO_TITLE_CONTAINS", "no product name contains", "TITLE_CONTAINS"
    IS_SET = "IS_SET"
    IS_NOT_SET = "IS_NOT_SET"


WITH_PRODUCTS = (ProductOperator.ANY_OF, ProductOperator.ALL_OF, ProductOperator.NONE_OF)
WITH_WORDS = (ProductOperator.TITLE_CONTAINS, ProductOperator.NO_TITLE_CONTAINS)

COUNTING = "Each selected product counts separately; products found by name count together."


class ProductPurchased(Criterion):
    """Which products a contact has bought, by id or by name.

    Cancelled and fully refunded orders do not count. With a minimum, the contact must have bought
    a product on that many orders, or that many units of it. Products found by name count together.
    """

    key = "productPurchased"
    label = "Product purchased"
    group = Group.PURCHASES

    operator: ProductOperator
    products: OneOrMore[ProductId] | None = form_field(
        "Products", used_with=WITH_PRODUCTS, suggests=True
    )
    words: Text | None = form_field(
        "Words in the name",
        used_with=WITH_WORDS,
        placeholder="water bottle",
        description="The product name must contain each word, regardless of upper and lower case.",
    )
    minimum_times: PositiveCount | None = form_field(
        "Minimum orders",
        optional=True,
        description=f"The minimum number of orders with the product. {COUNTING}",
    )
    minimum_units: PositiveCount | None = form_field(
        "Minimum quantity",
        optional=True,
        description=f"The minimum number of units of the product. {COUNTING}",
    )
    within: TimeWindow | None = form_field("Time frame", optional=True)

    def matches(self, scope: Scope) -> ColumnElement[bool]:
        contact_id, product_id = col(OrderLine.contact_id), col(OrderLine.product_id)
        lines = select(contact_id).where(
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
            lines = lines.where(_title_matches(self.words))
            return col(Contact.id).in_(lines.group_by(contact_id).having(*minimums))
        if self.products is not None:
            lines = lines.where(product_id.in_(self.products))
        buyers, product_count = lines.group_by(contact_id), func.uniqExact(product_id)
        if minimums:
            each = lines.add_columns(product_id).group_by(contact_id, product_id).having(*minimums)
            reached = each.subquery().c
            buyers = select(reached.contact_id).group_by(reached.contact_id)
            product_count = func.uniqExact(reached.product_id)
        if self.operator is ProductOperator.ALL_OF:
            buyers = buyers.having(product_count == len(self.products or ()))
        return col(Contact.id).in_(buyers)

    @classmethod
    def suggest(cls, field: str, search: str, scope: Scope, given: Mapping[str, Any]) -> Statement:
        return suggest_products(search)

    def describe_phrase(self, scope: Scope) -> Phrase:
        limited = self.minimum_units is not None or self.minimum_times is not None
        bought = "bought"
        if self.minimum_units is not None:
            bought += f" at least {describe_count(self.minimum_units, 'units')} of"
        every = self.operator is ProductOperator.ALL_OF
        which, after = "any of", ""
        if self.words is not None:
            # Several products can reach a minimum together.
            bought += f" {'products' if limited else 'a product'} whose name contains"
            which = ""
        elif every:
            which = "each of" if self.minimum_units is not None else "all of"
        if self.minimum_times is not None:
            after = f"on at least {describe_count(self.minimum_times, 'orders')}"
            after += " each" if every else ""
        return Phrase(
            does=f"has {bought}",
            does_not=f"has not {bought}",
            none=f"has not {bought} any product",
            never="" if limited else "has never bought a product",
            some=f"has {bought} a product",
            operator=which,
            after=after,
            without=("minimum_times", "minimum_units"),
        )


def _title_matches(words: str) -> ColumnElement[bool]:
    """Return a SQL condition that is true if a line's title contains every word."""
    line_title = col(OrderLine.title_folded)
    products = select(col(Product.id)).where(_contains_words(col(Product.title_folded), words))
    return or_(
        _contains_words(line_title, words),
        and_(line_title.is_(None), col(OrderLine.product_id).in_(products)),
    )


def _contains_words(title: Expression, words: str) -> ColumnElement[bool]:
    return and_(*(func.position(title, word) > 0 for word in fold(words).split()))


@hookimpl
def register_criteria() -> list[type[Criterion]]:
    return [ProductPurchased]

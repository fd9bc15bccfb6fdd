"""Suggestions of products."""

from sqlalchemy import func, or_, select
from sqlmodel import col

from graphql_app.audience.tables import OrderLine, Product, Statement
from graphql_app.criteria.texts import fold


def suggest_products(search: str) -> Statement:
    """Return products by part of the title or id: first the one with that id, then by sales.

    Use it in ``suggest`` for a field of type ``ProductId``.
    """
    sales = (
        select(col(OrderLine.product_id), func.count().label("lines"))
        .group_by(col(OrderLine.product_id))
        .subquery()
    )
    product_id, title = col(Product.id), col(Product.title)
    by_title = func.position(col(Product.title_folded), fold(search)) > 0
    by_id = func.positionCaseInsensitiveUTF8(product_id, search) > 0
    return (
        select(product_id, title)
        .outerjoin(sales, sales.c.product_id == product_id)
        .where(or_(by_title, by_id))
        .order_by((product_id == search).desc(), sales.c.lines.desc(), product_id)
    )

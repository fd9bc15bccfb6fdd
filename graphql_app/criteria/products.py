"""Products to choose from."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlmodel import col

from graphql_app.audience.tables import OrderLine, Product, Statement


def suggest_products(search: str) -> Statement:
    """Products by a part of the title or id, the one of that very id first, then the best-selling.

    It is what a criterion with a field of type ``ProductId`` answers in ``suggest``.
    """
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

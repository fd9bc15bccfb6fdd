"""Suggestions of products."""

from sqlalchemy import and_, func, or_, select
from sqlmodel import col

from graphql_app.audience.tables import FIRST_RECORDED, OrderLine, Product, Statement
from graphql_app.criteria.texts import fold


def suggest_products(search: str) -> Statement:
    """Return products whose name or id contains the search: an exact id first, then best sellers.

    The name of a product is the title on its latest order line that counts and has one, else the
    product's recorded title, else its id. A product without a recorded title and without order
    lines is left out. Use it in ``suggest`` for a field of type ``ProductId``.
    """
    product_id, source = col(Product.id), _sold().subquery()
    sold = source.c
    name, name_folded = (
        func.coalesce(func.tupleElement(sold.titles, position), recorded)
        for position, recorded in enumerate((col(Product.title), col(Product.title_folded)), 1)
    )
    by_name = func.position(name_folded, fold(search)) > 0
    by_id = func.positionCaseInsensitiveUTF8(product_id, search) > 0
    is_known = or_(col(Product.version) >= FIRST_RECORDED, sold.lines > 0)
    return (
        select(product_id, name)
        .outerjoin(source, sold.product_id == product_id)
        .where(or_(by_name, by_id), is_known)
        .order_by((product_id == search).desc(), sold.lines.desc(), product_id)
    )


def _sold() -> Statement:
    """Select for each product its latest titles, as sold and folded, and how many lines it has."""
    title, titles = col(OrderLine.title), (col(OrderLine.title), col(OrderLine.title_folded))
    counts = and_(col(OrderLine.valid), col(OrderLine.quantity) > 0, title.is_not(None))
    # One number to compare: the order's time, then its id, then the line's number.
    at = func.toUInt256(func.toUnixTimestamp64Milli(col(OrderLine.ordered_at)))
    recency = (
        func.bitShiftLeft(at, 96)
        + func.bitShiftLeft(func.toUInt256(col(OrderLine.order_id)), 32)
        + col(OrderLine.line_number)
    )
    return select(
        col(OrderLine.product_id),
        func.argMaxIf(func.tuple(*titles), recency, counts).label("titles"),
        func.count().label("lines"),
    ).group_by(col(OrderLine.product_id))

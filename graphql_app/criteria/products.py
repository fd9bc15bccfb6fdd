"""Suggestions of products."""

from sqlalchemy import and_, func, or_, select
from sqlmodel import col

from graphql_app.audience.tables import FIRST_RECORDED, OrderLine, Product, Statement
from graphql_app.criteria.texts import fold


def suggest_products(search: str) -> Statement:
    """Return products whose name or id contains the search.

    An exact id comes first, then the products on the most order lines. The name of a product is the
    title on its latest valid order line with a quantity and a title, else the product's recorded
    title, else its id. A product without a recorded title and without order lines is left out. Use
    it in ``suggest`` for a field of type ``ProductId``.
    """
    product_id, sold = col(Product.id), _select_sold_titles().subquery()
    name, name_folded = (
        func.coalesce(func.tupleElement(sold.c.titles, position), recorded)
        for position, recorded in enumerate((col(Product.title), col(Product.title_folded)), 1)
    )
    by_name = func.position(name_folded, fold(search)) > 0
    by_id = func.positionCaseInsensitiveUTF8(product_id, search) > 0
    is_known = or_(col(Product.version) >= FIRST_RECORDED, sold.c.lines > 0)
    return (
        select(product_id, name)
        .outerjoin(sold, sold.c.product_id == product_id)
        .where(or_(by_name, by_id), is_known)
        .order_by((product_id == search).desc(), sold.c.lines.desc(), product_id)
    )


def _select_sold_titles() -> Statement:
    """Select each product's number of lines and its latest title as sold, unchanged and folded."""
    title = col(OrderLine.title)
    has_sold_title = and_(col(OrderLine.valid), col(OrderLine.quantity) > 0, title.is_not(None))
    # One number to compare: the order's time, then its id, then the line's number.
    at = func.toUInt256(func.toUnixTimestamp64Milli(col(OrderLine.ordered_at)))
    recency = (
        func.bitShiftLeft(at, 96)
        + func.bitShiftLeft(func.toUInt256(col(OrderLine.order_id)), 32)
        + col(OrderLine.line_number)
    )
    titles = func.tuple(title, col(OrderLine.title_folded))
    return select(
        col(OrderLine.product_id),
        func.argMaxIf(titles, recency, has_sold_title).label("titles"),
        func.count().label("lines"),
    ).group_by(col(OrderLine.product_id))

"""Which tables a statement reads, however it names them."""

from collections.abc import Mapping, Set

import pytest
from sqlalchemy import exists, func, literal, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from graphql_app.audience.tables import (
    Contact,
    Order,
    OrderLine,
    Statement,
    TextMessage,
    sql_table,
    tables_read,
)

ORDERS = sql_table(Order).alias("placed")
TEXTS = sql_table(TextMessage).alias("sent")
BUYERS = select(ORDERS.c.contact_id).cte("buyers")
TEXTED = select(select(TEXTS.c.contact_id).subquery().c.contact_id).subquery()

STATEMENTS: Mapping[str, tuple[Statement, Set[str]]] = {
    "a column": (select(col(Contact.id)), {"contacts"}),
    "no column": (select(func.count()).select_from(Contact), {"contacts"}),
    "an aggregate": (select(func.sum(func.abs(col(OrderLine.quantity)))), {"order_lines"}),
    "an alias": (select(ORDERS.c.contact_id), {"orders"}),
    "an alias of a class": (select(literal(1)).select_from(aliased(Order)), {"orders"}),
    "an alias in a condition": (select(literal(1)).where(ORDERS.c.total > 1), {"orders"}),
    "a subquery": (
        select(col(Contact.id)).where(col(Contact.id).in_(select(ORDERS.c.contact_id))),
        {"contacts", "orders"},
    ),
    "exists": (
        select(col(Contact.id)).where(exists().where(TEXTS.c.contact_id == col(Contact.id))),
        {"contacts", "texts"},
    ),
    "a join": (
        select(col(Contact.id)).join(ORDERS, ORDERS.c.contact_id == col(Contact.id)),
        {"contacts", "orders"},
    ),
    "a common table expression": (select(BUYERS.c.contact_id), {"orders"}),
    "a subquery of a subquery": (select(TEXTED.c.contact_id), {"texts"}),
    "a scalar": (select(select(func.count(TEXTS.c.id)).scalar_subquery()), {"texts"}),
}


@pytest.mark.parametrize("named_by", STATEMENTS)
def test_every_table_is_found(named_by: str) -> None:
    statement, tables = STATEMENTS[named_by]
    assert tables_read(statement) == tables

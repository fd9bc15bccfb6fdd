"""Facts as of an instant, without what happens later.

Statements are written as if the tables held only what has happened. If a shop has later facts, a
common table expression replaces each table that has some: it has the table's name, lacks the later
rows, and shows columns with later changes as they were at the instant.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, text

from graphql_app.audience.tables import (
    INSTANT,
    AudienceTable,
    Contact,
    Order,
    OrderLine,
    Statement,
    tables_read,
    time_columns,
)


@dataclass(frozen=True, slots=True)
class AsOf:
    """An instant, and the tables that have later facts."""

    instant: datetime
    tables: Collection[type[AudienceTable]]

    def apply(self, statement: Statement, database: str) -> Statement:
        """Return what a statement would have selected at the instant."""
        instant = bindparam("as_of_instant", self.instant, INSTANT)
        read = tables_read(statement)
        for table in self.tables:
            if not time_columns(table) or table.__tablename__ not in read:
                continue
            rows = text(select_as_of(table, database)).bindparams(instant).columns()
            statement = statement.add_cte(rows.cte(table.__tablename__))
        return statement


def select_as_of(table: type[AudienceTable], database: str) -> str:
    """Return SQL for the rows of a table at ``:as_of_instant``."""
    replaced = {name: _unless_later(name) for name in table.later_columns}
    if table in _DERIVED:
        replaced |= _DERIVED[table](database)
    columns = ", ".join(f"{sql} AS `{column}`" for column, sql in replaced.items())
    select = f"SELECT *{f' REPLACE ({columns})' if columns else ''}"
    where = "" if table.time_column is None else f" WHERE NOT {_is_later(table.time_column)}"
    return f"{select} FROM `{database}`.`{table.__tablename__}`{where}"


def _is_later(column: str) -> str:
    return f"ifNull(`{column}` > :as_of_instant, false)"


def _unless_later(column: str) -> str:
    return f"if({_is_later(column)}, NULL, `{column}`)"


def _contacts(database: str) -> Mapping[str, str]:
    any_later = f"({_is_later('subscribed_at')} OR {_is_later('unsubscribed_at')})"
    has_subscribed = "ifNull(`subscribed_at` <= :as_of_instant, false)"
    is_not_out = (
        "(ifNull(`unsubscribed_at` > :as_of_instant, true)"
        " OR ifNull(`unsubscribed_at` < `subscribed_at`, false))"
    )
    subscribed = f"{has_subscribed} AND {is_not_out}"
    return {
        "subscribed": f"if({any_later}, {subscribed}, `subscribed`)",
        "textable": f"if({any_later}, {subscribed} AND `phone_e164` IS NOT NULL, `textable`)",
    }


_REFUNDED = "(`refunded` > 0 AND `refunded` >= `total`)"


def _orders(database: str) -> Mapping[str, str]:
    return {"valid": f"if({_is_later('cancelled_at')}, NOT {_REFUNDED}, `valid`)"}


def _order_lines(database: str) -> Mapping[str, str]:
    cancelled_later = (
        f"SELECT `contact_id`, `id` FROM `{database}`.`orders`"
        f" WHERE {_is_later('cancelled_at')} AND NOT {_REFUNDED}"
    )
    return {"valid": f"`valid` OR (`contact_id`, `order_id`) IN ({cancelled_later})"}


# The columns that are derived from later changes, with their SQL at the instant.
_DERIVED: Mapping[type[AudienceTable], Callable[[str], Mapping[str, str]]] = {
    Contact: _contacts,
    Order: _orders,
    OrderLine: _order_lines,
}

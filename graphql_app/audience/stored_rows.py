"""Lookups of the stored rows that a write is about to replace."""

from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.facts import CONTACTS
from graphql_app.audience.store import Audience


def find_moved_rows(audience: Audience, shop_id: int, table: str, rows: pa.Table) -> pa.Table:
    """Find the keys of stored rows with the same ids as ``rows`` but another contact."""
    stored = audience.query_unfiltered(
        f"SELECT DISTINCT id, contact_id FROM {table} "
        f"WHERE shop_id = {shop_id} AND {is_among(rows['id'])}"
    )
    owner = rows["contact_id"].take(pc.index_in(stored["id"], rows["id"]))
    return stored.filter(pc.not_equal(owner, stored["contact_id"]))


def fetch_orders(audience: Audience, shop_id: int, ids: pa.Array) -> pa.Table:
    """Fetch stored orders, one row for each contact who has an order with the id."""
    latest = ", ".join(
        f"argMax({name}, version) AS {name}"
        for name in ("ordered_at", "total", "refunded", "line_count")
    )
    # In a tuple, because argMax skips NULLs.
    cancelled = "argMax(tuple(cancelled_at), version).1 AS cancelled_at"
    return audience.query_unfiltered(
        f"SELECT id, contact_id, {latest}, {cancelled} "
        f"FROM orders WHERE shop_id = {shop_id} AND {is_among(ids)} "
        "GROUP BY id, contact_id HAVING NOT argMax(deleted, version)"
    )


def fetch_order_lines(
    audience: Audience, shop_id: int, ids: pa.Array, contacts: pa.Array
) -> pa.Table:
    """Fetch the stored lines of orders, with the ``row`` of their order in ``ids``.

    With the contacts who have the orders, the engine reads less.
    """
    latest = ", ".join(
        f"argMax(l.{name}, l.version) AS {name}" for name in ("product_id", "quantity", "price")
    )
    # In a tuple, because argMax skips NULLs.
    title = "argMax(tuple(l.title), l.version).1 AS title"
    found = audience.query_unfiltered(
        f"SELECT order_id, {latest}, {title} FROM order_lines AS l "
        f"WHERE shop_id = {shop_id} AND {is_among(contacts, 'contact_id')} "
        f"AND {is_among(ids, 'order_id')} GROUP BY contact_id, order_id, line_number "
        "HAVING NOT argMax(deleted, version) ORDER BY order_id, line_number"
    )
    return found.append_column("row", pc.index_in(found["order_id"], ids))


def fetch_owners(audience: Audience, shop_id: int, table: str, ids: pa.Array) -> pa.Table:
    """Fetch the ``contact_id`` of the current rows with some ids."""
    return audience.query_unfiltered(
        f"SELECT id, contact_id FROM {table} WHERE shop_id = {int(shop_id)} AND {is_among(ids)} "
        "GROUP BY id, contact_id HAVING NOT argMax(deleted, version)"
    )


def fetch_contacts(audience: Audience, shop_id: int, numbers: pa.Array) -> pa.Table:
    """Fetch recorded contacts, with their fields, ``source_id`` and ``phone_e164``."""
    columns = ", ".join((*CONTACTS.arrow_schema.names, "source_id", "phone_e164"))
    return audience.query_unfiltered(
        f"SELECT {columns} FROM contacts FINAL WHERE shop_id = {int(shop_id)} AND NOT deleted "
        f"AND {is_among(numbers)}"
    )


def find_contacts(audience: Audience, shop_id: int, numbers: pa.Array) -> pa.Array:
    """Return those of some numbers that are numbers of recorded contacts."""
    found = audience.query_unfiltered(
        f"SELECT id FROM contacts FINAL WHERE shop_id = {int(shop_id)} AND NOT deleted "
        f"AND {is_among(numbers)}"
    )
    return found["id"].combine_chunks()


def fetch_contacts_by_address(
    audience: Audience, shop_id: int, emails: Sequence[str], phones: Sequence[str]
) -> pa.Table:
    """Fetch the contacts who have one of some folded email addresses or E.164 numbers.

    Returns:
        Their ``id``, ``source_id``, ``email_folded`` and ``phone_e164``.
    """
    some = [
        is_text_among(column, texts)
        for column, texts in (("email_folded", emails), ("phone_e164", phones))
        if texts
    ]
    # First without FINAL, which would read every contact's key: some may have been replaced.
    ids = audience.query_unfiltered(
        f"SELECT DISTINCT id FROM contacts WHERE shop_id = {int(shop_id)} "
        f"AND ({' OR '.join(some) or '0'})"
    )["id"]
    return audience.query_unfiltered(
        "SELECT id, source_id, email_folded, phone_e164 FROM contacts FINAL "
        f"WHERE shop_id = {int(shop_id)} AND NOT deleted AND {is_among(ids)} ORDER BY id"
    )


def is_text_among(expression: str, texts: Iterable[str]) -> str:
    """Write the SQL condition that an expression is among texts."""
    listed = ",".join(text.encode().hex() for text in texts)
    return f"{expression} IN (SELECT unhex(arrayJoin(splitByChar(',', '{listed}'))))"


def is_among(ids: pa.Array | pa.ChunkedArray, column: str = "id") -> str:
    """Write the SQL condition that a column is among ids; the bounds let the engine skip blocks."""
    if not len(ids):
        return "0"
    bounds = pc.min_max(ids).as_py()
    listed = ",".join(map(str, ids.to_pylist()))
    return (
        f"{column} BETWEEN {bounds['min']} AND {bounds['max']} "
        f"AND {column} IN (SELECT arrayJoin(CAST('[{listed}]' AS Array(UInt64))))"
    )

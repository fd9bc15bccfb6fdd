"""The rows that a batch of orders writes: orders, their lines, and deletions of older rows."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class OrderRows:
    """The rows to write for a batch of orders; the ``deleted_`` ones only have their keys."""

    orders: pa.Table
    lines: pa.Table
    deleted_orders: pa.Table
    deleted_lines: pa.Table


def build_order_rows(orders: pa.Table, lines: pa.Table, stored: pa.Table) -> OrderRows:
    """Build the rows to write for checked orders with unique ids.

    ``lines`` have the ``row`` of their order in ``orders``. ``stored`` has the ``id``,
    ``contact_id`` and ``line_count`` of the orders with the same ids in the store.
    """
    lines = lines.sort_by("row") if lines.num_rows else lines
    row = lines["row"].to_numpy().astype(np.int64)
    counts = np.bincount(row, minlength=orders.num_rows)
    starts = np.cumsum(counts) - counts
    refunded = pc.and_(
        pc.greater(orders["refunded"], 0), pc.greater_equal(orders["refunded"], orders["total"])
    )
    orders = orders.append_column(
        "valid", pc.and_(pc.is_null(orders["cancelled_at"]), pc.invert(refunded))
    ).append_column("line_count", pa.array(counts, pa.uint32()))
    order_of_line = orders.select(["contact_id", "id", "ordered_at", "valid"]).take(pa.array(row))
    lines = pa.table(
        {
            "contact_id": order_of_line["contact_id"],
            "order_id": order_of_line["id"],
            "line_number": pa.array(np.arange(len(row)) - starts[row], pa.uint32()),
            "product_id": lines["product_id"],
            "title": lines["title"],
            "quantity": lines["quantity"],
            "price": lines["price"],
            "ordered_at": order_of_line["ordered_at"],
            "valid": order_of_line["valid"],
        }
    )
    return OrderRows(orders, lines, *_find_deleted(orders, stored))


def _find_deleted(orders: pa.Table, stored: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Find the keys of orders and lines that are stored but not among the new rows."""
    row = pc.index_in(stored["id"], orders["id"])
    moved = pc.not_equal(stored["contact_id"], orders["contact_id"].take(row))
    kept = pc.if_else(moved, 0, orders["line_count"].take(row)).to_numpy().astype(np.int64)
    surplus = np.maximum(stored["line_count"].to_numpy().astype(np.int64) - kept, 0)
    order_of_line = np.repeat(np.arange(stored.num_rows), surplus)
    nth = np.arange(len(order_of_line)) - np.repeat(np.cumsum(surplus) - surplus, surplus)
    owners = stored.take(pa.array(order_of_line))
    lines = pa.table(
        {
            "contact_id": owners["contact_id"],
            "order_id": owners["id"],
            "line_number": pa.array(kept[order_of_line] + nth, pa.uint32()),
        }
    )
    return stored.select(["contact_id", "id"]).filter(moved), lines


def build_products(lines: pa.Table) -> pa.Table:
    """Build a row for each product on lines, with its id as the title.

    Its ``version`` is below that of any recorded product, so it never replaces one.
    """
    ids = pc.unique(lines["product_id"])
    version = pa.array([0] * len(ids), pa.uint64())
    return pa.table({"id": ids, "title": ids, "version": version})

"""What a batch of orders writes: the orders, their lines, and the ends of older versions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphql_app.audience.value_parsers import INSTANT


@dataclass(frozen=True, slots=True)
class OrderRows:
    """Rows to write for a batch of orders; the ``gone_`` ones mark keys as deleted."""

    orders: pa.Table
    lines: pa.Table
    gone_orders: pa.Table
    gone_lines: pa.Table


def order_rows(orders: pa.Table, lines: pa.Table, stored: pa.Table) -> OrderRows:
    """Work out a batch.

    Args:
        orders: Checked orders, each id once.
        lines: Checked lines, with the ``row`` of their order in ``orders``.
        stored: What is on disk under the ids: ``id``, ``contact_id``, ``line_count``.
    """
    lines = lines.sort_by("row") if lines.num_rows else lines
    row = lines["row"].to_numpy().astype(np.int64)
    counts = np.bincount(row, minlength=orders.num_rows)
    starts = np.cumsum(counts) - counts
    numbers = np.arange(len(row)) - starts[row]
    refunded = pc.and_(
        pc.greater(orders["refunded"], 0),
        pc.greater_equal(orders["refunded"], orders["total"]),
    )
    orders = orders.append_column(
        "valid", pc.and_(pc.is_null(orders["cancelled_at"]), pc.invert(refunded))
    ).append_column("line_count", pa.array(counts, pa.uint32()))
    of_line = orders.select(["contact_id", "id", "ordered_at", "valid"]).take(pa.array(row))
    lines = pa.table(
        {
            "contact_id": of_line["contact_id"],
            "order_id": of_line["id"],
            "line_number": pa.array(numbers, pa.uint32()),
            "product_id": lines["product_id"],
            "quantity": lines["quantity"],
            "price": lines["price"],
            "ordered_at": of_line["ordered_at"],
            "valid": of_line["valid"],
        }
    )
    gone_orders, gone_lines = _gone(orders, stored)
    return OrderRows(orders, lines, gone_orders, gone_lines)


def _gone(orders: pa.Table, stored: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Keys that older versions have and the new ones do not."""
    place = pc.index_in(stored["id"], orders["id"])
    moved = pc.not_equal(stored["contact_id"], orders["contact_id"].take(place))
    kept = pc.if_else(moved, 0, orders["line_count"].take(place)).to_numpy().astype(np.int64)
    had = stored["line_count"].to_numpy().astype(np.int64)
    surplus = np.maximum(had - kept, 0)
    of_line = np.repeat(np.arange(stored.num_rows), surplus)
    nth = np.arange(len(of_line)) - np.repeat(np.cumsum(surplus) - surplus, surplus)
    owners = stored.take(pa.array(of_line))
    lines = pa.table(
        {
            "contact_id": owners["contact_id"],
            "order_id": owners["id"],
            "line_number": pa.array(kept[of_line] + nth, pa.uint32()),
        }
    )
    return stored.select(["contact_id", "id"]).filter(moved), lines


def product_names(orders: pa.Table, lines: pa.Table) -> pa.Table:
    """Titles of the products on lines, by the latest order that tells one, else their ids.

    Each row's ``version`` is below that of any product recorded as such, so it never replaces one.
    """
    ordered_at = orders["ordered_at"].cast(INSTANT).cast(pa.int64())
    named = pa.table(
        {
            "id": lines["product_id"],
            "title": pc.coalesce(lines["title"], lines["product_id"]),
            "version": pc.if_else(
                pc.is_valid(lines["title"]), ordered_at.take(lines["row"]), 0
            ).cast(pa.uint64()),
        }
    )
    latest = named.group_by("id").aggregate([("version", "max")])
    return (
        named.join(latest, "id")
        .filter(pc.field("version") == pc.field("version_max"))
        .group_by(["id", "version"])
        .aggregate([("title", "max")])
        .rename_columns({"title_max": "title"})
    )

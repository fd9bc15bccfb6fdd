"""Shopify's orders export: one row per line item, with the order's fields on its first row.

An order names its customer by email address or phone number, so import the customers first. The
product's id is the line item's SKU or, without one, its name. Names of line items are
truncated to the maximum length of a title.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from graphql_app.audience.facts import LINES, ORDERS, check_batch
from graphql_app.audience.importers.checked_rows import CheckedRows, drop_bad_rows
from graphql_app.audience.importers.existing_rows import AMBIGUOUS, ExistingRows
from graphql_app.audience.importers.nested_lines import attach_lines
from graphql_app.audience.importers.report import BadRow
from graphql_app.audience.importers.shopify import find_columns, normalize_time, read_texts
from graphql_app.audience.importers.source import Block, Source
from graphql_app.audience.value_parsers import MAX_TEXT

_ORDER = {
    "id": "Id",
    "contact_id": "Email",
    "ordered_at": "Created at",
    "total": "Total",
    "refunded": "Refunded Amount",
    "cancelled_at": "Cancelled at",
}
_LINE = {
    "product_id": "Lineitem name",
    "title": "Lineitem name",
    "quantity": "Lineitem quantity",
    "price": "Lineitem price",
}
_SKU = "Lineitem sku"
_REQUIRED = list(
    dict.fromkeys(("Name", "Phone", "Currency", *_ORDER.values(), *_LINE.values(), _SKU))
)


class OrdersFormat:
    """The format of Shopify's orders export; orders must be in the shop's currency."""

    fact = ORDERS
    has_lines = True

    def __init__(self, source: Source, existing: ExistingRows, currency: str) -> None:
        self._source = source
        self._existing = existing
        self._currency = currency

    def check_columns(self) -> None:
        find_columns(self._source, _REQUIRED)

    def check_blocks(self, blocks: Iterable[Block]) -> Iterator[CheckedRows]:
        """Check the orders in blocks; the last order of a block may go on in the next one."""
        rest: Block | None = None
        for block in blocks:
            columns = {name: read_texts(block, name) for name in _REQUIRED}
            new = Block(columns, block.line_numbers, block.progress, block.bad)
            rest = new if rest is None else _join_blocks(rest, new)
            last = _find_starts(rest)[-1:]
            if last and last[0]:
                whole, rest = _split_block(rest, last[0])
                yield self._check_block(whole)
        if rest is not None:
            yield self._check_block(rest)

    def _check_block(self, block: Block) -> CheckedRows:
        starts = _find_starts(block)
        order = {
            field: [block.columns[name][row] for row in starts] for field, name in _ORDER.items()
        }
        order["ordered_at"] = [normalize_time(value) for value in order["ordered_at"]]
        order["cancelled_at"] = [normalize_time(value) for value in order["cancelled_at"]]
        order["contact_id"], bad = self._find_customers(block, starts)
        rows, problems = check_batch(ORDERS, order, len(starts))
        bad += [(p.row, starts[p.row], _ORDER[p.field], p.message) for p in problems]
        bad += [
            (number, row, "Currency", f"must be {self._currency}, the shop's currency")
            for number, row in enumerate(starts)
            if block.columns["Currency"][row] != self._currency
        ]
        sold = _find_line_items(block)
        names = [block.columns["Lineitem name"][row][:MAX_TEXT] for row in sold]
        skus = [block.columns[_SKU][row] for row in sold]
        products = [sku if sku.strip() else name for sku, name in zip(skus, names, strict=True)]
        line = {
            "product_id": products,
            "title": names,
            "quantity": [block.columns["Lineitem quantity"][row] for row in sold],
            "price": [block.columns["Lineitem price"][row] for row in sold],
        }
        lines, line_problems = check_batch(LINES, line, len(sold))
        owners = np.searchsorted(starts, sold, side="right") - 1
        for p in line_problems:
            column = _SKU if p.field == "product_id" and skus[p.row].strip() else _LINE[p.field]
            bad.append((int(owners[p.row]), sold[p.row], column, p.message))
        counts = np.bincount(owners, minlength=len(starts)).tolist()
        return drop_bad_rows(
            attach_lines(rows, lines, counts),
            block,
            [BadRow(block.line_numbers[row], column, message) for _, row, column, message in bad],
            {number for number, *_ in bad},
        )

    def _find_customers(
        self, block: Block, starts: Sequence[int]
    ) -> tuple[list[Any], list[tuple[int, int, str, str]]]:
        """Find the contact of each order (any if unknown), and the orders without one."""
        owners, bad = [], []
        for number, row in enumerate(starts):
            email, phone = block.columns["Email"][row], block.columns["Phone"][row]
            owner = self._existing.find_contact(email, phone)
            if owner is None or owner == AMBIGUOUS:
                column = "Email" if email.strip() or not phone.strip() else "Phone"
                bad.append((number, row, column, _explain_unknown(email, phone, owner)))
                owner = "0"
            owners.append(owner)
        return owners, bad


def _explain_unknown(email: str, phone: str, owner: str | None) -> str:
    address = email.strip() or phone.strip()
    if not address:
        return "and Phone are blank, so the customer is unknown"
    if owner == AMBIGUOUS:
        return f"belongs to several contacts: {address}"
    return f"no contact has {address}; import the customers first"


def _find_line_items(block: Block) -> list[int]:
    """Find the rows with a line item: an order may have none."""
    fields = zip(*(block.columns[name] for name in (_SKU, *_LINE.values())), strict=True)
    return [row for row, values in enumerate(fields) if any(values)]


def _find_starts(block: Block) -> list[int]:
    """Find the first rows of orders: their name or id differs from the row before."""
    starts = []
    name, order = None, ""
    for row, (name_here, id_here) in enumerate(
        zip(block.columns["Name"], block.columns["Id"], strict=True)
    ):
        if name_here != name or (id_here and id_here != order):
            starts.append(row)
            name, order = name_here, id_here
    return starts


def _join_blocks(first: Block, second: Block) -> Block:
    columns = {name: [*first.columns[name], *values] for name, values in second.columns.items()}
    numbers = [*first.line_numbers, *second.line_numbers]
    return Block(columns, numbers, second.progress, [*first.bad, *second.bad])


def _split_block(block: Block, at: int) -> tuple[Block, Block]:
    head = {name: values[:at] for name, values in block.columns.items()}
    tail = {name: values[at:] for name, values in block.columns.items()}
    return (
        Block(head, block.line_numbers[:at], block.progress, block.bad),
        Block(tail, block.line_numbers[at:], block.progress),
    )

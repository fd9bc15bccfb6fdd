"""Shopify's orders export: a row a line item, the order's own fields on its first row only.

An order names its customer by email address or phone, so the customers are imported first. The
stock-keeping unit is the product's id, or, where there is none, the line item's name. Names of
line items are cut to what a title may have.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from graphql_app.audience.facts import LINES, ORDERS, check_batch
from graphql_app.audience.importers.existing_rows import SEVERAL, Recorded
from graphql_app.audience.importers.fact_file import Checked, keep_good, with_lines
from graphql_app.audience.importers.report import BadRow
from graphql_app.audience.importers.shopify import require_columns, texts, time
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
_NEEDED = list(
    dict.fromkeys(("Name", "Phone", "Currency", *_ORDER.values(), *_LINE.values(), _SKU))
)


class OrdersLayout:
    """An orders export.

    Args:
        source: The file.
        recorded: What is recorded of the shop.
        currency: The shop's currency, ISO 4217.
    """

    fact = ORDERS
    has_lines = True

    def __init__(self, source: Source, recorded: Recorded, currency: str) -> None:
        self._source = source
        self._recorded = recorded
        self._currency = currency

    def require(self) -> None:
        """Raise for a column that is missing."""
        require_columns(self._source, _NEEDED)

    def checked(self, blocks: Iterable[Block]) -> Iterator[Checked]:
        """Check blocks, each up to the last order that is whole in it."""
        rest: Block | None = None
        for block in blocks:
            columns = {name: texts(block, name) for name in _NEEDED}
            rest = _joined(rest, Block(columns, block.lines, block.done, block.bad))
            last = _starts(rest)[-1:]
            if last and last[0]:
                whole, rest = _split(rest, last[0])
                yield self._check(whole)
        if rest is not None:
            yield self._check(rest)

    def _check(self, block: Block) -> Checked:
        starts = _starts(block)
        order = {
            field: [block.columns[name][row] for row in starts] for field, name in _ORDER.items()
        }
        order["ordered_at"] = [time(value) for value in order["ordered_at"]]
        order["cancelled_at"] = [time(value) for value in order["cancelled_at"]]
        order["contact_id"], bad = self._customers(block, starts)
        rows, problems = check_batch(ORDERS, order, len(starts))
        bad += [(p.row, starts[p.row], _ORDER[p.field], p.message) for p in problems]
        bad += [
            (number, row, "Currency", f"must be {self._currency}, the shop's currency")
            for number, row in enumerate(starts)
            if block.columns["Currency"][row] != self._currency
        ]
        sold = _line_rows(block)
        names = [block.columns["Lineitem name"][row][:MAX_TEXT] for row in sold]
        skus = [block.columns[_SKU][row] for row in sold]
        lines, line_problems = check_batch(
            LINES,
            {
                "product_id": [
                    sku if sku.strip() else name for sku, name in zip(skus, names, strict=True)
                ],
                "title": names,
                "quantity": [block.columns["Lineitem quantity"][row] for row in sold],
                "price": [block.columns["Lineitem price"][row] for row in sold],
            },
            len(sold),
        )
        owners = np.searchsorted(starts, sold, side="right") - 1
        bad += [
            (int(owners[p.row]), sold[p.row], self._column(p.field, skus[p.row]), p.message)
            for p in line_problems
        ]
        counts = np.bincount(owners, minlength=len(starts)).tolist() if sold else [0] * len(starts)
        return keep_good(
            with_lines(rows, lines, counts),
            block,
            [BadRow(block.lines[row], column, message) for _, row, column, message in bad],
            {number for number, *_ in bad},
        )

    @staticmethod
    def _column(field: str, sku: str) -> str:
        return _SKU if field == "product_id" and sku.strip() else _LINE[field]

    def _customers(
        self, block: Block, starts: Sequence[int]
    ) -> tuple[list[Any], list[tuple[int, int, str, str]]]:
        """Whose the orders are (0 if unknown), and what is wrong: order, row, column, why."""
        owners, bad = [], []
        for number, row in enumerate(starts):
            email, phone = block.columns["Email"][row], block.columns["Phone"][row]
            owner = self._recorded.owner(email, phone)
            if owner is None or owner == SEVERAL:
                column = "Email" if email.strip() or not phone.strip() else "Phone"
                bad.append((number, row, column, _stranger(email, phone, owner)))
                owner = 0
            owners.append(owner)
        return owners, bad


def _stranger(email: str, phone: str, owner: int | None) -> str:
    address = email.strip() or phone.strip()
    if not address:
        return "and Phone are both blank, so that the customer is unknown"
    if owner == SEVERAL:
        return f"is that of several contacts: {address}"
    return f"no contact has {address}; import the customers first"


def _line_rows(block: Block) -> list[int]:
    """The rows with a line item: an order may have none."""
    fields = zip(*(block.columns[name] for name in (_SKU, *_LINE.values())), strict=True)
    return [row for row, values in enumerate(fields) if any(values)]


def _starts(block: Block) -> list[int]:
    """The rows that begin an order: another name than before, or another id."""
    starts = []
    name, order = None, ""
    for row, (name_here, id_here) in enumerate(
        zip(block.columns["Name"], block.columns["Id"], strict=True)
    ):
        if name_here != name or (id_here and id_here != order):
            starts.append(row)
            name, order = name_here, id_here
    return starts


def _joined(first: Block | None, second: Block) -> Block:
    if first is None:
        return second
    columns = {name: [*first.columns[name], *values] for name, values in second.columns.items()}
    return Block(columns, [*first.lines, *second.lines], second.done, [*first.bad, *second.bad])


def _split(block: Block, at: int) -> tuple[Block, Block]:
    head = {name: values[:at] for name, values in block.columns.items()}
    tail = {name: values[at:] for name, values in block.columns.items()}
    return (
        Block(head, block.lines[:at], block.done, block.bad),
        Block(tail, block.lines[at:], block.done),
    )

"""Shopify's orders export: one row per line item, with the order's fields on its first row.

An order names its customer by email address or phone number. If no contact has them, it waits for
the first one who gets them. An order without any of them is skipped with a warning, because nobody
can ever be found for it.

The product's id is the line item's SKU or, without one, its name. Names of line items are truncated
to the maximum length of a title.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from graphql_app.audience.column_parser import BadValueError
from graphql_app.audience.facts import LINES, NAMES, ORDERS, check_batch
from graphql_app.audience.importers.checked_rows import CheckedRows, drop_bad_rows
from graphql_app.audience.importers.existing_rows import AMBIGUOUS, ExistingRows
from graphql_app.audience.importers.nested_lines import attach_lines
from graphql_app.audience.importers.report import BadRow
from graphql_app.audience.importers.shopify import find_columns, normalize_time, read_texts
from graphql_app.audience.importers.source import Block, Source
from graphql_app.audience.value_parsers import MAX_TEXT, parse_email, parse_identifier

_ORDER = {
    "id": "Id",
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
_OPTIONAL = ("Billing Phone", "Shipping Phone")
_ADDRESSES = ("Email", "Phone", *_OPTIONAL)
_REQUIRED = list(
    dict.fromkeys(("Name", "Phone", "Email", "Currency", *_ORDER.values(), *_LINE.values(), _SKU))
)

_UNNAMED = "and the phone numbers name nobody, so the order was skipped"
_SPLIT = (
    "is blank, and the row above is of another order; the rows of an order must follow each other, "
    "so export the file again and do not sort it"
)


class OrdersFormat:
    """The format of Shopify's orders export; orders must be in the shop's currency."""

    fact = ORDERS
    has_lines = True

    def __init__(self, source: Source, existing: ExistingRows, currency: str) -> None:
        self._source = source
        self._existing = existing
        self._currency = currency
        self._ids: dict[str, str] = {}  # of orders by their names
        self._bad_names: set[str] = set()

    def check_columns(self) -> None:
        find_columns(self._source, _REQUIRED)

    def check_blocks(self, blocks: Iterable[Block]) -> Iterator[CheckedRows]:
        """Check the orders in blocks; the last order of a block may go on in the next one."""
        rest: Block | None = None
        for block in blocks:
            present = [name for name in (*_REQUIRED, *_OPTIONAL) if name in block.columns]
            columns = {name: read_texts(block, name) for name in present}
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
        split = self._find_split(block, starts)
        customers, bad = self._find_customers(block, starts)
        unnamed = {number for number, customer in enumerate(customers) if not any(customer)}
        ambiguous = {number for number, *_ in bad}
        for field, values in zip(NAMES, zip(*customers, strict=True), strict=True):
            order[field] = [*values]
        rows, problems = check_batch(ORDERS, order, len(starts))
        bad += [
            (p.row, starts[p.row], _ORDER[p.field], p.message)
            for p in problems
            if p.field in _ORDER and p.row not in split
        ]
        bad += [(number, starts[number], "Id", _SPLIT) for number in sorted(split)]
        unnamed -= split | ambiguous
        bad += [
            (number, row, "Currency", f"must be {self._currency}, the shop's currency")
            for number, row in enumerate(starts)
            if block.columns["Currency"][row] != self._currency and number not in split
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
        bad_orders = {number for number, *_ in bad}
        checked = drop_bad_rows(
            attach_lines(rows, lines, counts),
            block,
            [BadRow(block.line_numbers[row], column, message) for _, row, column, message in bad],
            bad_orders | unnamed,
        )
        orders = [block.columns["Name"][row] for row in starts]
        self._bad_names |= {orders[number] for number in bad_orders}
        return replace(
            checked,
            bad_orders={
                self._ids[name] for name in orders if name in self._bad_names and name in self._ids
            },
            warnings=[
                BadRow(block.line_numbers[starts[number]], "Email", _UNNAMED)
                for number in sorted(unnamed - bad_orders)
            ],
        )

    def _find_split(self, block: Block, starts: Sequence[int]) -> set[int]:
        """Find orders whose first row is elsewhere; remember the ids of the others."""
        split = set()
        for number, row in enumerate(starts):
            name, id, total = (
                block.columns[column][row].strip() for column in ("Name", "Id", "Total")
            )
            if id:
                self._ids[name] = _parse(parse_identifier, id)
            elif not total:
                split.add(number)
        return split

    def _find_customers(
        self, block: Block, starts: Sequence[int]
    ) -> tuple[list[tuple[str, str, str]], list[tuple[int, int, str, str]]]:
        """Find the customer of each order, and the orders with an ambiguous one.

        A customer is a contact's id, or else an email address and a phone number to wait for.
        """
        customers, bad = list[tuple[str, str, str]](), list[tuple[int, int, str, str]]()
        names = [name for name in _ADDRESSES if name in block.columns]
        for number, row in enumerate(starts):
            email, *phones = (block.columns[name][row].strip() for name in names)
            owner = self._existing.find_contact(email, *phones)
            if owner == AMBIGUOUS:
                found = [self._existing.find_contact(email)]
                found += [self._existing.find_contact("", phone) for phone in phones]
                column = names[found.index(AMBIGUOUS)]
                address = block.columns[column][row].strip()
                bad.append((number, row, column, f"belongs to several contacts: {address}"))
            numbers = filter(None, map(self._existing.parse_phone, phones))
            waiting = (_parse(parse_email, email), next(numbers, ""))
            customers.append((owner, "", "") if owner else ("", *waiting))
        return customers, bad


def _parse(parse: Callable[[str], str | None], text: str) -> str:
    """Return a parsed text, or an empty one if it is not valid."""
    try:
        return parse(text) or ""
    except BadValueError:
        return ""


def _find_line_items(block: Block) -> list[int]:
    """Find the rows with a line item: an order may have none."""
    fields = zip(*(block.columns[name] for name in (_SKU, *_LINE.values())), strict=True)
    return [row for row, values in enumerate(fields) if any(values)]


def _find_starts(block: Block) -> list[int]:
    """Find the first rows of orders: their name or id differs from the row before.

    Rows with the same id are lines of one order, unless they repeat its first row, or have other
    values of the order: then the order occurs again.
    """
    starts: list[int] = []
    names, ids = block.columns["Name"], block.columns["Id"]
    for row, (name, id) in enumerate(zip(names, ids, strict=True)):
        first = starts[-1] if starts else None
        if (
            first is None
            or name != names[first]
            or (id and (id != ids[first] or _is_repeated(block, first, row)))
        ):
            starts.append(row)
    return starts


def _is_repeated(block: Block, first: int, row: int) -> bool:
    changed = {name for name, values in block.columns.items() if values[first] != values[row]}
    return not changed or not changed.isdisjoint(_ORDER.values())


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

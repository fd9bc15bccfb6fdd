"""Criteria about purchases, for one contact at a time."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from tests.parity.evaluation.clock import Clock
from tests.parity.evaluation.comparisons import compare, compare_if_any, has, plain
from tests.parity.evaluation.facts import Contact, Document, Facts, Line, Order, unless_blank


def net(order: Order) -> Decimal:
    """Return the amount paid for an order minus refunds."""
    return order.total - (order.refunded or 0)


def stands(order: Order) -> bool:
    """Return whether an order counts: neither cancelled nor refunded in full."""
    refunded = order.refunded or Decimal(0)
    return order.cancelled_at is None and not (refunded > 0 and refunded >= order.total)


def bought(order: Order) -> Iterator[Line]:
    return (line for line in order.lines if line.quantity > 0)


def is_customer(facts: Facts, contact: Contact) -> bool:
    """Return whether a contact has an order that counts."""
    return any(it.contact_id == contact.id and stands(it) for it in facts.orders.values())


def title_holds(title: str, words: str) -> bool:
    """Return whether a title contains each of some words."""
    return all(word in plain(title) for word in plain(words).split())


def title_of(line: Line, facts: Facts) -> str:
    """Return the title on a line, else its product's, else the product's id."""
    return unless_blank(line.title) or facts.titles.get(line.product_id, line.product_id)


def product_names(facts: Facts) -> dict[str, str]:
    """Return the names shown for products: the titles of the latest lines, or recorded ones."""
    latest: dict[str, tuple[tuple[datetime, int, int], str]] = {}
    for order in filter(stands, facts.orders.values()):
        for number, line in enumerate(order.lines):
            title = unless_blank(line.title)
            if line.quantity > 0 and title is not None:
                sold = (order.ordered_at, order.id, number), title
                latest[line.product_id] = max(sold, latest.get(line.product_id, sold))
    return facts.titles | {product: title for product, (_, title) in latest.items()}


class Purchases:
    def __init__(self, facts: Facts, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock

    def spend(self, body: Document, contact: Contact) -> bool:
        orders = self._orders(contact, body)
        spent = sum((net(order) for order in orders if not order.cancelled_at), Decimal(0))
        bounds = Decimal(body["amount"]), Decimal(body.get("upTo", 0))
        return compare(body["operator"], spent, *bounds)

    def average_order_value(self, body: Document, contact: Contact) -> bool:
        paid = [Fraction(net(order)) for order in self._standing(contact, body)]
        average = sum(paid, Fraction(0)) / len(paid) if paid else None
        return compare_if_any(body, average, "amount")

    def orders_placed(self, body: Document, contact: Contact) -> bool:
        least, products = Decimal(body.get("minimumValue", 0)), body.get("products")
        placed = sum(
            net(order) >= least
            and (products is None or any(line.product_id in products for line in bought(order)))
            for order in self._standing(contact, body)
        )
        return compare(body["operator"], placed, body["count"], body.get("upTo", 0))

    def first_order_date(self, body: Document, contact: Contact) -> bool:
        times = (order.ordered_at for order in self._standing(contact, {}))
        return self._clock.dated(body, min(times, default=None))

    def last_order_date(self, body: Document, contact: Contact) -> bool:
        times = (order.ordered_at for order in self._standing(contact, {}))
        return self._clock.dated(body, max(times, default=None))

    def product_purchased(self, body: Document, contact: Contact) -> bool:
        """Compare products, each on its own, or all products whose title matches together."""
        lines = [
            (order.id, line) for order in self._standing(contact, body) for line in bought(order)
        ]
        match body["operator"]:
            case "NO_TITLE_CONTAINS":
                return not self.product_purchased({**body, "operator": "TITLE_CONTAINS"}, contact)
            case "TITLE_CONTAINS":
                titled = [
                    (order_id, line)
                    for order_id, line in lines
                    if title_holds(title_of(line, self._facts), body["words"])
                ]
                return enough(titled, body)
        products = {line.product_id for _, line in lines}
        of_each = {
            product: [(id_, line) for id_, line in lines if line.product_id == product]
            for product in products
        }
        counted = {product for product in products if enough(of_each[product], body)}
        return has(body["operator"], counted, set(body.get("products", ())))

    def _orders(self, contact: Contact, body: Document) -> Iterator[Order]:
        for order in self._facts.orders.values():
            if order.contact_id == contact.id and self._clock.within(body, order.ordered_at):
                yield order

    def _standing(self, contact: Contact, body: Document) -> Iterator[Order]:
        return (order for order in self._orders(contact, body) if stands(order))


def enough(lines: list[tuple[int, Line]], body: Document) -> bool:
    """Return whether lines with their orders reach the minimum numbers of orders and units."""
    units = sum(line.quantity for _, line in lines)
    times = len({order_id for order_id, _ in lines})
    return bool(units >= body.get("minimumUnits", 1) and times >= body.get("minimumTimes", 1))

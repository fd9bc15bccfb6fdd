"""What a rule means, in plain Python: the judge of every other answer.

It reads a rule's JSON document and a shop's facts as plain values, one contact at a time, and
shares no logic with the application: it has its own dates, its own windows, its own operators and
its own account of what recording facts leaves behind.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

Document: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str | int, ...]
Number: TypeAlias = Decimal | int


@dataclass(frozen=True)
class Contact:
    """A contact as a source tells it; blank text says nothing."""

    id: int
    phone: str | None = None
    country: str | None = None
    region: str | None = None
    subscribed_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    properties: str | None = None


@dataclass(frozen=True)
class Line:
    """A product on an order."""

    product_id: str
    quantity: int = 1


@dataclass(frozen=True)
class Order:
    """An order as a source tells it."""

    id: int
    contact_id: int
    ordered_at: datetime
    total: Decimal = Decimal(10)
    refunded: Decimal | None = None
    cancelled_at: datetime | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Text:
    """A text sent to a contact."""

    id: int
    contact_id: int
    sent_at: datetime


@dataclass(frozen=True)
class KeywordUse:
    """A keyword texted in."""

    contact_id: int
    keyword: str
    received_at: datetime


@dataclass(frozen=True)
class Contacts:
    """A batch of contacts, each replaced whole."""

    items: tuple[Contact, ...]


@dataclass(frozen=True)
class Orders:
    """A batch of orders, each replaced whole, or (``keep_lines``) all but its lines."""

    items: tuple[Order, ...]
    keep_lines: bool = False


@dataclass(frozen=True)
class OrderLines:
    """A batch of lines, as (order, line): each order gets these lines in place of its own."""

    items: tuple[tuple[int, Line], ...]


@dataclass(frozen=True)
class Texts:
    """A batch of texts."""

    items: tuple[Text, ...]


@dataclass(frozen=True)
class Keywords:
    """A batch of uses of keywords."""

    items: tuple[KeywordUse, ...]


@dataclass(frozen=True)
class Forget:
    """Contacts to erase, with every fact about them."""

    contacts: tuple[int, ...]


Batch: TypeAlias = Contacts | Orders | OrderLines | Texts | Keywords | Forget


@dataclass
class Facts:
    """What is known of a shop after some batches: of each thing, what was said last."""

    contacts: dict[int, Contact] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    texts: dict[int, Text] = field(default_factory=dict)
    keywords: set[tuple[int, str, datetime]] = field(default_factory=set)

    def record(self, batch: Batch) -> None:
        """Take a batch in."""
        match batch:
            case Contacts(items):
                self.contacts.update({contact.id: contact for contact in items})
            case Orders(items, keep_lines):
                before = {id_: order.lines for id_, order in self.orders.items()}
                for order in items:
                    lines = before.get(order.id, ()) if keep_lines else order.lines
                    self.orders[order.id] = replace(order, lines=lines)
            case OrderLines(items):
                self._replace_lines(items)
            case Texts(items):
                self.texts.update({text.id: text for text in items})
            case Keywords(items):
                self.keywords |= {
                    (use.contact_id, same_keyword(use.keyword), use.received_at) for use in items
                }
            case Forget(gone):
                self._forget(frozenset(gone))

    def _replace_lines(self, items: Iterable[tuple[int, Line]]) -> None:
        """Nothing happens unless every order is known."""
        lines: dict[int, tuple[Line, ...]] = {}
        for order_id, line in items:
            lines[order_id] = (*lines.get(order_id, ()), line)
        if lines.keys() <= self.orders.keys():
            for order_id, new in lines.items():
                self.orders[order_id] = replace(self.orders[order_id], lines=new)

    def _forget(self, gone: frozenset[int]) -> None:
        self.contacts = {id_: it for id_, it in self.contacts.items() if id_ not in gone}
        self.orders = {id_: it for id_, it in self.orders.items() if it.contact_id not in gone}
        self.texts = {id_: it for id_, it in self.texts.items() if it.contact_id not in gone}
        self.keywords = {use for use in self.keywords if use[0] not in gone}


def facts_after(batches: Iterable[Batch]) -> Facts:
    """What is known of a shop after some batches."""
    facts = Facts()
    for batch in batches:
        facts.record(batch)
    return facts


def same_keyword(keyword: str) -> str:
    """What two keywords have in common that differ by case or surrounding space only."""
    return keyword.strip().casefold()


def told(text: str | None) -> str | None:
    """A text, if it says anything."""
    return text if text is not None and text.strip() else None


@cache
def start_of_day(day: date, zone: str) -> datetime:
    """The first second at which a clock in the zone shows the day (or, at last, a later one)."""
    clock = ZoneInfo(zone)
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    before, after = -48 * 3600, 48 * 3600
    while after - before > 1:
        middle = (before + after) // 2
        if (noon + timedelta(seconds=middle)).astimezone(clock).date() >= day:
            after = middle
        else:
            before = middle
    return noon + timedelta(seconds=after)


def months_before(now: datetime, months: int, zone: str) -> datetime:
    """The same local day and time so many months ago, on the month's last day at the latest.

    A time that clocks repeat is the first of the two; one that they skip is as long after the skip
    as it would have been after the hour before.
    """
    clock = ZoneInfo(zone)
    local = now.astimezone(clock).replace(tzinfo=None)
    year, month = local.year, local.month - months
    while month < 1:
        year, month = year - 1, month + 12
    wall = local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))

    def offset(hours: int) -> timedelta:
        near = wall.replace(tzinfo=UTC) + timedelta(hours=hours)
        return near.astimezone(clock).utcoffset() or timedelta()

    earlier, later = offset(-30), offset(30)
    fitting = [
        instant
        for instant in ((wall - shift).replace(tzinfo=UTC) for shift in (earlier, later))
        if instant.astimezone(clock).replace(tzinfo=None) == wall
    ]
    return min(fitting, default=(wall - earlier).replace(tzinfo=UTC))


def compare(operator: str, value: Number, bound: Number, up_to: Number) -> bool:
    """A number against one or two others."""
    match operator:
        case "EQUALS":
            return value == bound
        case "NOT_EQUALS":
            return value != bound
        case "GREATER_THAN":
            return value > bound
        case "AT_LEAST":
            return value >= bound
        case "LESS_THAN":
            return value < bound
        case "AT_MOST":
            return value <= bound
        case "BETWEEN":
            return bound <= value <= up_to
    raise AssertionError(operator)


@dataclass(frozen=True)
class Judge:
    """A shop at one instant, and whom its rules match."""

    facts: Facts
    zone: str
    now: datetime

    @property
    def everyone(self) -> frozenset[int]:
        """The universe."""
        return frozenset(self.facts.contacts)

    @property
    def textable(self) -> frozenset[int]:
        """Who can be texted."""
        return frozenset(id_ for id_, contact in self.facts.contacts.items() if can_text(contact))

    def members(self, rule: Document) -> frozenset[int]:
        """Whom a rule matches."""
        return frozenset(
            id_ for id_, contact in self.facts.contacts.items() if self.matches(rule, contact)
        )

    def matches(self, rule: Document, contact: Contact) -> bool:
        """Whether a rule matches a contact."""
        ((key, body),) = rule.items()
        match key:
            case "all":
                return all(self.matches(inner, contact) for inner in body)
            case "any":
                return any(self.matches(inner, contact) for inner in body)
            case "not":
                return not self.matches(body, contact)
            case "spend":
                spent = sum((paid(order) for order in self._orders(contact, body)), Decimal(0))
                bounds = Decimal(body["amount"]), Decimal(body.get("upTo", 0))
                return compare(body["operator"], spent, *bounds)
            case "ordersPlaced":
                placed = sum(stands(order) for order in self._orders(contact, body))
                return compare(body["operator"], placed, body["count"], body.get("upTo", 0))
            case "textsReceived":
                received = sum(
                    text.contact_id == contact.id and self.within(body, text.sent_at)
                    for text in self.facts.texts.values()
                )
                return compare(body["operator"], received, body["count"], body.get("upTo", 0))
            case "lastOrderDate":
                times = [it.ordered_at for it in self._orders(contact, {}) if stands(it)]
                return self.dated(body, max(times, default=None))
            case "subscribeDate":
                return self.dated(body, contact.subscribed_at)
            case "contactType":
                return bool(self._is_a(body["type"], contact) == (body["operator"] == "IS"))
            case "location":
                return located(body, contact)
            case "keyword":
                return self._texted_in(body, contact)
            case "productPurchased":
                return self._bought(body, contact)
        raise AssertionError(f"no criterion {key}")

    def within(self, body: Document, instant: datetime) -> bool:
        """Whether an instant is in a criterion's time window, if it has one."""
        window = body.get("within")
        if window is None:
            return True
        ((form, value),) = window.items()
        match form:
            case "since":
                return instant >= self._start(value)
            case "before":
                return instant < self._start(value)
            case "between":
                return self._start(value["from"]) <= instant < self._start(value["to"], 1)
            case "last" if value["unit"] == "MONTHS":
                start = months_before(self.now, value["count"], self.zone)
            case "last":
                hours = {"HOURS": 1, "DAYS": 24, "WEEKS": 7 * 24}[value["unit"]]
                start = self.now - timedelta(hours=hours * value["count"])
            case _:
                raise AssertionError(form)
        return start < instant <= self.now

    def dated(self, body: Document, instant: datetime | None) -> bool:
        """Whether a date that may not exist is as a criterion says."""
        operator, day = body["operator"], body.get("date")
        ago = timedelta(days=body.get("days", 0))
        match operator:
            case "IS_NOT_SET" | "NOT_ON" | "NOT_IN_LAST":
                twin = operator.replace("NOT_", "")
                return not self.dated({**body, "operator": twin}, instant)
            case _ if instant is None:
                return False
            case "IS_SET":
                return True
            case "IN_LAST":
                return self.now - ago < instant <= self.now
            case "MORE_THAN_AGO":
                return instant < self.now - ago
            case "ON":
                return self._start(day) <= instant < self._start(day, 1)
            case "BEFORE":
                return instant < self._start(day)
            case "ON_OR_BEFORE":
                return instant < self._start(day, 1)
            case "AFTER":
                return instant >= self._start(day, 1)
            case "ON_OR_AFTER":
                return instant >= self._start(day)
            case "BETWEEN":
                return self._start(day) <= instant < self._start(body["upTo"], 1)
        raise AssertionError(operator)

    def _start(self, day: str | None, later: int = 0) -> datetime:
        assert day is not None
        return start_of_day(date.fromisoformat(day) + timedelta(days=later), self.zone)

    def _orders(self, contact: Contact, body: Document) -> Iterator[Order]:
        for order in self.facts.orders.values():
            if order.contact_id == contact.id and self.within(body, order.ordered_at):
                yield order

    def _is_a(self, kind: str, contact: Contact) -> bool:
        customer = any(stands(order) for order in self._orders(contact, {}))
        match kind:
            case "SUBSCRIBER":
                return is_subscribed(contact)
            case "CUSTOMER":
                return customer
            case "BOTH":
                return customer and is_subscribed(contact)
            case "TEXTABLE":
                return can_text(contact)
        raise AssertionError(kind)

    def _texted_in(self, body: Document, contact: Contact) -> bool:
        used = {
            keyword
            for contact_id, keyword, received_at in self.facts.keywords
            if contact_id == contact.id and self.within(body, received_at)
        }
        return has(body["operator"], used, {same_keyword(word) for word in body["keywords"]})

    def _bought(self, body: Document, contact: Contact) -> bool:
        units: dict[str, int] = {}
        orders: dict[str, set[int]] = {}
        for order in self._orders(contact, body):
            for line in order.lines if stands(order) else ():
                if line.quantity > 0:
                    product = line.product_id
                    units[product] = units.get(product, 0) + line.quantity
                    orders.setdefault(product, set()).add(order.id)
        bought = {
            product
            for product in units
            if units[product] >= body.get("minimumUnits", 1)
            and len(orders[product]) >= body.get("minimumTimes", 1)
        }
        return has(body["operator"], bought, set(body["products"]))


def has(operator: str, present: set[str], wanted: set[str]) -> bool:
    """One set of values against another."""
    match operator:
        case "ANY_OF":
            return not present.isdisjoint(wanted)
        case "ALL_OF":
            return wanted <= present
        case "NONE_OF":
            return present.isdisjoint(wanted)
    raise AssertionError(operator)


def located(body: Document, contact: Contact) -> bool:
    """Whether a contact is where a criterion says."""
    country, region = told(contact.country), told(contact.region)
    match body["operator"]:
        case "IS_SET":
            return country is not None
        case "IS_NOT_SET":
            return country is None
        case "ANY_OF":
            regions = body.get("regions")
            return country in set(body["countries"]) and (regions is None or region in set(regions))
        case "NONE_OF":
            return not located({**body, "operator": "ANY_OF"}, contact)
    raise AssertionError(body["operator"])


def is_subscribed(contact: Contact) -> bool:
    """Whether the contact's last word was a subscription."""
    if contact.subscribed_at is None:
        return False
    return contact.unsubscribed_at is None or contact.unsubscribed_at < contact.subscribed_at


def can_text(contact: Contact) -> bool:
    """Whether the contact may be texted, and can be."""
    return is_subscribed(contact) and told(contact.phone) is not None


def paid(order: Order) -> Decimal:
    """What an order adds to its contact's spend."""
    return Decimal(0) if order.cancelled_at else order.total - (order.refunded or 0)


def stands(order: Order) -> bool:
    """Whether an order counts as one: neither cancelled nor paid back in full."""
    refunded = order.refunded or Decimal(0)
    return order.cancelled_at is None and not (refunded > 0 and refunded >= order.total)


def nodes(rule: Document, path: Path = ("rule",)) -> Iterator[tuple[Path, Document]]:
    """Every node of a rule with its path, the rule itself first."""
    yield path, rule
    ((key, body),) = rule.items()
    if key == "not":
        yield from nodes(body, (*path, key))
    elif key in {"all", "any"}:
        for index, inner in enumerate(body):
            yield from nodes(inner, (*path, key, index))

"""A shop's facts as plain values, and what is left of them after recording."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

Document: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Contact:
    """A contact as a source sends it; blank text means nothing."""

    id: int
    phone: str | None = None
    country: str | None = None
    region: str | None = None
    subscribed_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    properties: str | None = None
    email: str | None = None
    city: str | None = None
    tags: tuple[str, ...] = ()
    created_at: datetime | None = None


@dataclass(frozen=True)
class Line:
    product_id: str
    quantity: int = 1
    title: str | None = None


@dataclass(frozen=True)
class Order:
    id: int
    contact_id: int
    ordered_at: datetime
    total: Decimal = Decimal(10)
    refunded: Decimal | None = None
    cancelled_at: datetime | None = None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Product:
    id: str
    title: str


@dataclass(frozen=True)
class Text:
    id: int
    contact_id: int
    sent_at: datetime
    clicked_at: datetime | None = None


@dataclass(frozen=True)
class KeywordUse:
    contact_id: int
    keyword: str
    received_at: datetime


@dataclass(frozen=True)
class Event:
    """Any other event of a contact; the properties are a JSON object."""

    id: int
    contact_id: int
    name: str
    occurred_at: datetime
    properties: str | None = None


@dataclass(frozen=True)
class Contacts:
    """A batch of contacts, each replaced as a whole."""

    items: tuple[Contact, ...]


@dataclass(frozen=True)
class Orders:
    """A batch of orders, each replaced as a whole or (``keep_lines``) except for its lines."""

    items: tuple[Order, ...]
    keep_lines: bool = False


@dataclass(frozen=True)
class OrderLines:
    """A batch of lines, as (order, line), that replace the lines of their orders."""

    items: tuple[tuple[int, Line], ...]


@dataclass(frozen=True)
class Products:
    items: tuple[Product, ...]


@dataclass(frozen=True)
class Texts:
    items: tuple[Text, ...]


@dataclass(frozen=True)
class Keywords:
    items: tuple[KeywordUse, ...]


@dataclass(frozen=True)
class Events:
    items: tuple[Event, ...]


@dataclass(frozen=True)
class Forget:
    """Contacts to erase with all their facts."""

    contacts: tuple[int, ...]


Fact: TypeAlias = Contact | Order | Product | Text | KeywordUse | Event
Batch: TypeAlias = Contacts | Orders | OrderLines | Products | Texts | Keywords | Events | Forget


@dataclass
class Facts:
    """A shop's facts after some batches: the last version of each."""

    contacts: dict[int, Contact] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    texts: dict[int, Text] = field(default_factory=dict)
    keywords: set[tuple[int, str, datetime]] = field(default_factory=set)
    events: dict[int, Event] = field(default_factory=dict)

    def record(self, batch: Batch) -> None:
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
            case Products(items):
                self.titles.update({product.id: product.title for product in items})
            case Texts(items):
                self.texts.update({text.id: text for text in items})
            case Keywords(items):
                self.keywords |= {(use.contact_id, use.keyword, use.received_at) for use in items}
            case Events(items):
                self.events.update({event.id: event for event in items})
            case Forget(gone):
                self._forget(frozenset(gone))

    def as_of(self, instant: datetime) -> "Facts":
        """Return the facts that have happened by an instant."""

        def unless_later(time: datetime | None) -> datetime | None:
            return None if time is None or time > instant else time

        contacts = {
            id_: replace(
                contact,
                subscribed_at=unless_later(contact.subscribed_at),
                unsubscribed_at=unless_later(contact.unsubscribed_at),
            )
            for id_, contact in self.contacts.items()
        }
        orders = {
            id_: replace(order, cancelled_at=unless_later(order.cancelled_at))
            for id_, order in self.orders.items()
            if order.ordered_at <= instant
        }
        texts = {
            id_: replace(text, clicked_at=unless_later(text.clicked_at))
            for id_, text in self.texts.items()
            if text.sent_at <= instant
        }
        keywords = {use for use in self.keywords if use[2] <= instant}
        events = {id_: it for id_, it in self.events.items() if it.occurred_at <= instant}
        return Facts(contacts, orders, self.titles, texts, keywords, events)

    def _replace_lines(self, items: Iterable[tuple[int, Line]]) -> None:
        """Replace lines; nothing happens unless every order is known."""
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
        self.events = {id_: it for id_, it in self.events.items() if it.contact_id not in gone}


def facts_after(batches: Iterable[Batch]) -> Facts:
    facts = Facts()
    for batch in batches:
        facts.record(batch)
    return facts


def unless_blank(text: str | None) -> str | None:
    return text if text is not None and text.strip() else None

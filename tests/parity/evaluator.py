"""The meaning of a rule in plain Python, which judges every other result.

It reads a rule's JSON document and a shop's facts as plain values, one contact at a time, and
shares no logic with the application: it has its own dates, windows and operators, and its own
model of recording.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

from tests.parity.evaluation.clock import Clock
from tests.parity.evaluation.facts import Contact, Document, Facts
from tests.parity.evaluation.messaging import Messaging, can_text
from tests.parity.evaluation.profile import Profile
from tests.parity.evaluation.purchases import Purchases

Path: TypeAlias = tuple[str | int, ...]
Answer: TypeAlias = Callable[[Document, Contact], bool]


@dataclass(frozen=True)
class Judge:
    """A shop at one instant, with the rules of its segments by id, and the members of rules.

    ``recorded`` are all facts, some of which may not have happened yet.
    """

    recorded: Facts
    zone: str
    now: datetime
    segments: Mapping[str, Document] = field(default_factory=dict)
    first_weekday: int = 0
    country: str | None = None

    @cached_property
    def facts(self) -> Facts:
        """Return the facts that have happened by now."""
        return self.recorded.as_of(self.now)

    @property
    def everyone(self) -> frozenset[int]:
        return frozenset(self.facts.contacts)

    @property
    def textable(self) -> frozenset[int]:
        contacts = self.facts.contacts.items()
        return frozenset(id_ for id_, contact in contacts if can_text(contact, self.country))

    def members(self, rule: Document) -> frozenset[int]:
        return frozenset(
            id_ for id_, contact in self.facts.contacts.items() if self.matches(rule, contact)
        )

    def matches(self, rule: Document, contact: Contact) -> bool:
        ((key, body),) = rule.items()
        match key:
            case "all":
                return all(self.matches(inner, contact) for inner in body)
            case "any":
                return any(self.matches(inner, contact) for inner in body)
            case "not":
                return not self.matches(body, contact)
            case "inSegment":
                inside = self.matches(self.segments[body["segment"]], contact)
                return bool(inside == (body["operator"] == "IS"))
        return self.criteria[key](body, contact)

    @cached_property
    def criteria(self) -> Mapping[str, Answer]:
        clock = Clock(self.zone, self.now, self.first_weekday)
        purchases = Purchases(self.facts, clock)
        messaging = Messaging(self.facts, clock)
        profile = Profile(self.facts, clock, self.country)
        return {
            "anniversary": profile.anniversary,
            "areaCode": profile.area_code,
            "averageOrderValue": purchases.average_order_value,
            "city": profile.city,
            "clickRate": messaging.click_rate,
            "contactType": profile.contact_type,
            "createdDate": profile.created_date,
            "email": profile.email,
            "emailDomain": profile.email_domain,
            "event": profile.event,
            "firstEventDate": profile.first_event_date,
            "firstOrderDate": purchases.first_order_date,
            "firstTextDate": messaging.first_text_date,
            "keyword": messaging.keyword,
            "lastEventDate": profile.last_event_date,
            "lastOrderDate": purchases.last_order_date,
            "lastTextDate": messaging.last_text_date,
            "location": profile.location,
            "ordersPlaced": purchases.orders_placed,
            "phone": profile.phone,
            "productPurchased": purchases.product_purchased,
            "property": profile.property,
            "spend": purchases.spend,
            "subscribeDate": messaging.subscribe_date,
            "subscriptionStatus": messaging.subscription_status,
            "tag": profile.tag,
            "textsClicked": messaging.texts_clicked,
            "textsReceived": messaging.texts_received,
            "unsubscribedDate": messaging.unsubscribed_date,
        }


def nodes(rule: Document, path: Path = ("rule",)) -> Iterator[tuple[Path, Document]]:
    """Yield every node of a rule with its path, the rule itself first."""
    yield path, rule
    ((key, body),) = rule.items()
    if key == "not":
        yield from nodes(body, (*path, key))
    elif key in {"all", "any"}:
        for index, inner in enumerate(body):
            yield from nodes(inner, (*path, key, index))

"""Criteria about texts, keywords and consent, for one contact at a time."""

from fractions import Fraction

from tests.parity.evaluation.clock import Clock
from tests.parity.evaluation.comparisons import compare, compare_if_any, has, plain
from tests.parity.evaluation.facts import Contact, Document, Facts, Text
from tests.parity.evaluation.phones import number_of_contact


def is_subscribed(contact: Contact) -> bool:
    """Return whether the contact subscribed after it last unsubscribed."""
    if contact.subscribed_at is None:
        return False
    return contact.unsubscribed_at is None or contact.unsubscribed_at < contact.subscribed_at


def can_text(contact: Contact, shop_country: str | None) -> bool:
    return is_subscribed(contact) and number_of_contact(contact, shop_country) is not None


class Messaging:
    def __init__(self, facts: Facts, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock

    def texts_received(self, body: Document, contact: Contact) -> bool:
        received = sum(self._clock.within(body, text.sent_at) for text in self._texts(contact))
        return compare(body["operator"], received, body["count"], body.get("upTo", 0))

    def texts_clicked(self, body: Document, contact: Contact) -> bool:
        """Count the texts clicked in the window, whenever they were sent."""
        clicked = sum(self._clock.within(body, text.clicked_at) for text in self._texts(contact))
        return compare(body["operator"], clicked, body["count"], body.get("upTo", 0))

    def click_rate(self, body: Document, contact: Contact) -> bool:
        """Compare the share of the texts sent in the window that were clicked at any time."""
        sent = [text for text in self._texts(contact) if self._clock.within(body, text.sent_at)]
        clicked = sum(text.clicked_at is not None for text in sent)
        rate = Fraction(100 * clicked, len(sent)) if sent else None
        return compare_if_any(body, rate, "percent")

    def last_text_date(self, body: Document, contact: Contact) -> bool:
        times = (text.sent_at for text in self._texts(contact))
        return self._clock.dated(body, max(times, default=None))

    def first_text_date(self, body: Document, contact: Contact) -> bool:
        times = (text.sent_at for text in self._texts(contact))
        return self._clock.dated(body, min(times, default=None))

    def keyword(self, body: Document, contact: Contact) -> bool:
        used = {
            plain(keyword)
            for contact_id, keyword, received_at in self._facts.keywords
            if contact_id == contact.id and self._clock.within(body, received_at)
        }
        wanted = {plain(word) for word in body.get("keywords", ())}
        return has(body["operator"], used, wanted)

    def subscribe_date(self, body: Document, contact: Contact) -> bool:
        return self._clock.dated(body, contact.subscribed_at)

    def unsubscribed_date(self, body: Document, contact: Contact) -> bool:
        return self._clock.dated(body, contact.unsubscribed_at)

    def subscription_status(self, body: Document, contact: Contact) -> bool:
        if is_subscribed(contact):
            status = "SUBSCRIBED"
        elif contact.subscribed_at is None and contact.unsubscribed_at is None:
            status = "NEVER"
        else:
            status = "UNSUBSCRIBED"
        return bool((status == body["status"]) == (body["operator"] == "IS"))

    def _texts(self, contact: Contact) -> list[Text]:
        return [text for text in self._facts.texts.values() if text.contact_id == contact.id]

"""Criteria about contacts' profiles and events, for one contact at a time."""

from calendar import isleap
from datetime import date, timedelta

from tests.parity.evaluation.clock import Clock
from tests.parity.evaluation.comparisons import (
    compare,
    has,
    is_one_of,
    is_one_of_or_contains,
    plain,
)
from tests.parity.evaluation.facts import Contact, Document, Event, Facts, unless_blank
from tests.parity.evaluation.messaging import can_text, is_subscribed
from tests.parity.evaluation.phones import (
    area_of,
    digits_of,
    number_of_contact,
    valid_number,
    without_prefix,
)
from tests.parity.evaluation.properties import days_in, property_is, value_of
from tests.parity.evaluation.purchases import is_customer


class Profile:
    def __init__(self, facts: Facts, clock: Clock, shop_country: str | None) -> None:
        self._facts = facts
        self._clock = clock
        self._country = shop_country

    def contact_type(self, body: Document, contact: Contact) -> bool:
        customer = is_customer(self._facts, contact)
        found = {
            "SUBSCRIBER": is_subscribed(contact),
            "CUSTOMER": customer,
            "BOTH": customer and is_subscribed(contact),
            "TEXTABLE": can_text(contact, self._country),
        }
        return bool(found[body["type"]] == (body["operator"] == "IS"))

    def location(self, body: Document, contact: Contact) -> bool:
        country, region = unless_blank(contact.country), unless_blank(contact.region)
        match body["operator"]:
            case "ANY_OF":
                regions = body.get("regions")
                if country not in body["countries"] or regions is None:
                    return country in body["countries"]
                return region is not None and plain(region) in map(plain, regions)
            case "NONE_OF":
                return not self.location({**body, "operator": "ANY_OF"}, contact)
        return is_one_of(body["operator"], country, set())

    def created_date(self, body: Document, contact: Contact) -> bool:
        return self._clock.dated(body, contact.created_at)

    def city(self, body: Document, contact: Contact) -> bool:
        city = unless_blank(contact.city)
        own = None if city is None else plain(city)
        wanted = {plain(name) for name in body.get("cities", ())}
        return is_one_of(body["operator"], own, wanted)

    def email_domain(self, body: Document, contact: Contact) -> bool:
        """Compare the text after the last @."""
        wanted = {plain(name).removeprefix("@") for name in body.get("domains", ())}
        return is_one_of(body["operator"], domain_of(contact.email), wanted)

    def area_code(self, body: Document, contact: Contact) -> bool:
        """Compare the North American area code, or + and the calling code of another country."""
        number = number_of_contact(contact, self._country)
        code, wanted = number and area_of(number), set(body.get("codes", ()))
        if "+1" in wanted and code is not None and not code.startswith("+"):
            wanted.add(code)
        return is_one_of(body["operator"], code, wanted)

    def tag(self, body: Document, contact: Contact) -> bool:
        own = {plain(tag) for tag in contact.tags if tag.strip()}
        return has(body["operator"], own, {plain(tag) for tag in body.get("tags", ())})

    def email(self, body: Document, contact: Contact) -> bool:
        email = unless_blank(contact.email)
        own = None if email is None else plain(email)
        wanted = {plain(address) for address in body.get("emails", ())}
        part = plain(body.get("text", ""))
        return is_one_of_or_contains(body, own, wanted, part, own or "")

    def phone(self, body: Document, contact: Contact) -> bool:
        """Compare valid numbers as such, and others by their digits after a leading 00."""
        phone = unless_blank(contact.phone)
        number = number_of_contact(contact, self._country) or phone
        own = None if number is None else without_prefix(number)
        wanted = set()
        for text in body.get("numbers", ()):
            valid = valid_number(text, self._country)
            wanted.add(without_prefix(valid or text))
            if valid is None and own and without_prefix(phone or "") == without_prefix(text):
                wanted.add(own)
        return is_one_of_or_contains(
            body, own, wanted, digits_of(body.get("digits", "")), digits_of(phone or "")
        )

    def property(self, body: Document, contact: Contact) -> bool:
        return property_is(body, value_of(contact.properties, body["property"]), self._clock)

    def anniversary(self, body: Document, contact: Contact) -> bool:
        if body["operator"].startswith(("IS_NOT_", "NOT_")):
            positive = body["operator"].replace("NOT_", "")
            return not self.anniversary({**body, "operator": positive}, contact)
        if "property" in body:
            days = days_in(value_of(contact.properties, body["property"]), self._clock)
        else:
            at = contact.subscribed_at
            days = [] if at is None else [self._clock.day_of(at)]
        today = self._clock.today
        if body["operator"] == "IS_THIS_MONTH":
            return any(day.month == today.month for day in days)
        return any(days_until(day, today) <= body.get("days", 0) for day in days)

    def event(self, body: Document, contact: Contact) -> bool:
        events = self._events(body, contact)
        number = sum(self._clock.within(body, event.occurred_at) for event in events)
        return compare(body["operator"], number, body["count"], body.get("upTo", 0))

    def first_event_date(self, body: Document, contact: Contact) -> bool:
        times = (event.occurred_at for event in self._events(body, contact))
        return self._clock.dated(body, min(times, default=None))

    def last_event_date(self, body: Document, contact: Contact) -> bool:
        times = (event.occurred_at for event in self._events(body, contact))
        return self._clock.dated(body, max(times, default=None))

    def _events(self, body: Document, contact: Contact) -> list[Event]:
        """List the contact's events with the name that meet all conditions."""
        return [
            event
            for event in self._facts.events.values()
            if event.contact_id == contact.id
            and event.name == body["name"]
            and all(
                property_is(each, value_of(event.properties, each["property"]), self._clock)
                for each in body.get("conditions", ())
            )
        ]


def domain_of(email: str | None) -> str | None:
    """Return the text after the last @ of an address, unless it contains space."""
    _, at, domain = plain(email or "").rpartition("@")
    return domain if at and domain.split() == [domain] else None


def days_until(day: date, today: date) -> int:
    """Return the days until a month and day recur; February 29 falls on the 28th in other years."""
    for later in range(367):
        then = today + timedelta(days=later)
        on = (then.month, then.day)
        if on == (day.month, day.day):
            return later
        if (day.month, day.day) == (2, 29) and on == (2, 28) and not isleap(then.year):
            return later
    raise AssertionError(day)

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
from tests.parity.evaluation.properties import day_in, property_is, value_of
from tests.parity.evaluation.purchases import is_customer

NORTH_AMERICA = {
    *("US", "CA", "PR", "DO", "JM", "TT", "BS", "BB", "LC", "GD", "VC", "AG", "DM", "KN", "BM"),
    *("KY", "VI", "VG", "TC", "AI", "MS", "SX", "GU", "AS", "MP"),
}
# Country calling codes with one and two digits; all others have three.
ONE_DIGIT = {"1", "7"}
TWO_DIGITS = {
    *("20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46"),
    *("47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63"),
    *("64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98"),
}


class Profile:
    def __init__(self, facts: Facts, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock

    def contact_type(self, body: Document, contact: Contact) -> bool:
        customer = is_customer(self._facts, contact)
        found = {
            "SUBSCRIBER": is_subscribed(contact),
            "CUSTOMER": customer,
            "BOTH": customer and is_subscribed(contact),
            "TEXTABLE": can_text(contact),
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
        code, wanted = area_of(contact), set(body.get("codes", ()))
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
        """Compare the digits; for whole numbers, those after a leading 00."""
        phone = unless_blank(contact.phone)
        own = None if phone is None else number_of(phone)
        wanted = {number_of(number) for number in body.get("numbers", ())}
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
            day = day_in(value_of(contact.properties, body["property"]), self._clock)
        else:
            at = contact.subscribed_at
            day = None if at is None else self._clock.day_of(at)
        if day is None:
            return False
        if body["operator"] == "IS_THIS_MONTH":
            return day.month == self._clock.today.month
        return bool(days_until(day, self._clock.today) <= body.get("days", 0))

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


def digits_of(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")


def number_of(text: str) -> str:
    """Return the digits without the 00 that can begin an international number."""
    digits = digits_of(text)
    return digits[2:] if digits.startswith("00") and digits != "00" else digits


def area_of(contact: Contact) -> str | None:
    """Where a phone number is from; a number says its country with + or 00.

    Without, it is one of North America if it looks like one, unless the contact is elsewhere.
    """
    phone = contact.phone or ""
    digits = digits_of(phone)
    if digits and "+" in phone[: phone.index(digits[0])]:
        number = digits
    elif digits.startswith("00"):
        number = digits[2:]
    elif (unless_blank(contact.country) or "US") in NORTH_AMERICA:
        number = digits if len(digits) == 11 and digits[0] == "1" else f"1{digits}"
        if len(number) != 11 or number[1] in "01":
            return None
    else:
        return None
    if len(number) == 11 and number[0] == "1" and number[1] not in "01":
        return number[1:4]
    codes = [number[:1] in ONE_DIGIT and number[:1], number[:2] in TWO_DIGITS and number[:2]]
    code = next((code for code in codes if code), number[:3])
    valid = code in ONE_DIGIT | TWO_DIGITS or (len(code) == 3 and code[0] not in "01")
    return f"+{code}" if valid and code != "1" else None


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

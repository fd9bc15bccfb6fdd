"""Generated facts, from small pools of values so that ties and boundaries are common."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.parity.evaluation.clock import months_before, start_of_day
from tests.parity.evaluation.facts import (
    Batch,
    Contact,
    Contacts,
    Event,
    Events,
    Forget,
    Keywords,
    KeywordUse,
    Line,
    Order,
    OrderLines,
    Orders,
    Product,
    Products,
    Text,
    Texts,
)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Changes to and from daylight saving time; in São Paulo at midnight.
CHANGES: Mapping[str, tuple[datetime, ...]] = {
    "America/New_York": (_utc("2024-03-10T07:00"), _utc("2024-11-03T06:00")),
    "Europe/Berlin": (_utc("2024-03-31T01:00"), _utc("2024-10-27T01:00")),
    "Asia/Kolkata": (),
    "Pacific/Chatham": (_utc("2024-04-06T14:00"), _utc("2024-09-28T14:00")),
    "America/Sao_Paulo": (_utc("2018-02-18T02:00"), _utc("2018-11-04T03:00")),
}
ZONES = tuple(CHANGES)
ORDINARY = (
    _utc("2024-07-15T16:00:00.250"),
    _utc("2024-02-29T17:23:45.678"),
    _utc("2024-03-31T22:30"),
    _utc("2024-01-01T00:00"),
    _utc("2023-02-28T12:00"),
    _utc("2023-12-30T12:00"),
)
MILLISECOND, HOUR, DAY = timedelta(milliseconds=1), timedelta(hours=1), timedelta(days=1)
AROUND = (timedelta(), -MILLISECOND, MILLISECOND)
FIRST_INSTANT, LAST_INSTANT = _utc("1970-01-01T00:00"), _utc("2199-12-31T23:59:59.999")

IDS = (1, 2, 3, 4, 5, 2**53 + 1, 2**64 - 1)
THINGS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 2**64 - 1)
PRODUCTS = ("a", "b", "A", "%", " a")
KEYWORDS = (
    *("join", " JOIN\t", "ｊｏｉｎ", "stop", "straße", "STRASSE", "ΣΑΣ", "σας", "ﬁne"),
    *("α\u0345\u0301", "ᾴ"),  # one text; U+0345 becomes a letter
)
COUNTRIES = ("US", "CA", "DE")
REGIONS = ("CA", "ON", "ca", "ＣＡ", "%")
AMOUNTS = ("10.00", "0", "5", "15.00", "20", "9.99", "10.0001", "99999999999999.9999")
COUNTS = (1, 0, 2, 3, 2**31 - 1)
MINIMUMS = (1, 2, 3)
DAYS = (2, 1, 7, 36_500)
PHONES = (
    *("+12125550100", "212-555-0100", "1 (604) 555-0100", "00 1 212 555 0100", "+1 800 555 0199"),
    *("+44 20 7946 0000", "0044 113 496 0000", "020 7946 0000", " +7 495 1234567"),
    *("+380441234567", "２１２ 555 0100", "(604) 555-0100 ext. 7"),
    # Not valid, at least in some countries.
    *("+1", "", " ", "911", "5550100", "49 30 123456", "1125550100", "++", "+1999", "+1 212 55"),
    *("n/a", "+0", "abc", "1.55512E+10", "+15550100001", "+999123456789", "0044 7700 900000"),
)
NUMBERS_SOUGHT = (
    *("+1 (212) 555-0100", "212 555 0100", "911", "00442079460000", "02079460000", "0"),
    *("+7.495/1234567", "00", "5550100", "00 44 (20) 79460000"),
)
DIGITS_SOUGHT = ("555-01", "+44", "0044", "0", "9/1 1", "00", "12")
CODES = ("212", "604", "+1", "+44", "+7", "+380")
EMAILS = (
    *("", "a@gmail.com", "A@GMAIL.COM \t", "a@b@shop.example", "a@shop.example.", "gmail.com"),
    *("x@", "@gmail.com", "ä@BÜCHER.example", "a@gmail .com", "a@%", "a@gmail.com\u00a0"),
    *("a@bu\u0308cher.example", "a＠ｇｍａｉｌ.com", "a@gmail\u00a0.com"),
)
EMAIL_PARTS = ("@", "GMAIL", " a@ ", ".example", "BU\u0308CHER", "%", "a", "@b@", "gmail .c")
DOMAINS = ("gmail.com", " ＠Gmail.Com", "shop.example", "bücher.example", "%", "@")
CITIES = (
    *("Austin", " AUSTIN\t", "ａｕｓｔｉｎ", "Zürich", "ZU\u0308RICH\u00a0", "%", "", "O'Fallon"),
    *("Gießen", "GIESSEN", "İzmir", "i\u0307zmir", "izmir", "ΣΑΜΟΣ", "σαμος"),
)
TAGS = ("vip", "VIP", " vip ", "ｖｉｐ", "%", "a,b", "", "it's", "ﬁt", "FIT", "cafe\u0301", "CAFÉ")
TITLES = ("Coral Water Bottle", "bottle: WATER, big", "100% %s", "Größe XL", "a", "ＢＯＴＴＬＥ ﬁt")
WORDS = ("water", "BOTTLE wat", "  bottle\u00a0water ", "%", "gro\u0308sse", "a", "b", "FIT")
EVENTS = ("viewed", "Viewed", " viewed", "%", "it's")
PROPERTIES = ("color", "birthday", "Color", 'it\'s "odd" \\ %\t{x:String}')
TEXTS = ("red", "Red", " ｒｅｄ", "dark red", "it's", "%", "RÉD", "re\u0301d", "ß", "SS", "5", " ")
SCALARS: tuple[Any, ...] = (
    *(*TEXTS, "", True, False, None, [], ["red"], {"color": "red"}, 5, 5.0, 0, -3, -0.5, 12.5),
    *(0.1, 2**53 + 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**40, 1e308, 1e-9),
    *("2024-02-30", "2024-02-29", "2000-02-29", "1999-12-31", "1899-12-31", "2200-01-01"),
    *("0001-01-01", "9999-12-31", "0000-12-31", "1600-02-29", "1700-02-29", "2100-02-29"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999-12:00", "0001-01-01T00:00:00+14:00"),
    *("1899-12-31T23:59:59Z", "2300-01-01T00:00:00Z", "2024-02-30T10:00:00Z"),
    *("2024-07-15T10:00:00+23:00", "2024-07-15T10:00:00+14:01", "2024-07-15T10:00-1201"),
    *("2024-7-15", "20240715", "2024-07-15 ", "2024-07-15T16:00:00", "2024-07-15T24:00:00Z"),
    *("-3", "12.5", "-0", "007", "0.1", "+5", "5.", ".5", "1e1", " 5", "5\n", "٥", "9" * 101),
    *("1950-06-01T12:00:00+05:30", "2024-02-29T23:30Z", "2024-07-15 00:15:00.123456789-09:30"),
)
NUMBERS = ("5", "0", "-3", "0.1", "12.5", "99999999999.9999", "-0.5")
PERCENTS = ("0", "100", "50", "33.3333", "33.3334", "66.6667", "25")
OFFSETS = (timedelta(), timedelta(hours=5.5), timedelta(hours=-9.5), timedelta(hours=14))


def nows(zone: str) -> SearchStrategy[datetime]:
    """Generate current times: ordinary ones, and times near clock changes."""
    steps = (*AROUND, HOUR, 12 * HOUR, DAY, 3 * DAY)
    near = [change + step for change in CHANGES[zone] for step in steps]
    return st.sampled_from([*ORDINARY, *near])


@cache
def moments(zone: str, now: datetime) -> Sequence[datetime]:
    """Generate times to record: on, before and after every boundary of a rule."""
    today = now.astimezone(ZoneInfo(zone)).date()
    edges = [
        *(now - days * DAY for days in (0, 1, 2, 7)),
        *(now - hours * HOUR for hours in (1, 2)),
        *(months_before(now, months, zone) for months in (1, 2)),
        *(start_of_day(today + days * DAY, zone) for days in range(-2, 2)),
        *(start_of_day(day, zone) for day in _period_starts(today)),
        *CHANGES[zone],
    ]
    near = (edge + step for edge in edges for step in AROUND)
    far = (now - 40 * DAY, now + DAY, FIRST_INSTANT, LAST_INSTANT)
    return list(dict.fromkeys([*near, *far]))


def _period_starts(today: date) -> Sequence[date]:
    """Return the first days of the weeks, months, quarters and years about a day."""
    month = today.replace(day=1)
    quarter = month.replace(month=month.month - (month.month - 1) % 3)
    year = month.replace(month=1)
    sunday = today - today.isoweekday() % 7 * DAY
    first = (month - DAY).replace(day=1), (quarter - 62 * DAY).replace(day=1)
    weeks = (sunday + days * DAY for days in (-6, 0, 1, 7))
    return [*weeks, month, quarter, year, *first, year.replace(year=year.year - 1)]


@cache
def days(zone: str, now: datetime) -> Sequence[str]:
    clock = ZoneInfo(zone)
    today = now.astimezone(clock).date()
    found = [
        *(today - days * DAY for days in (0, 1, 2, -1, 40)),
        *(change.astimezone(clock).date() for change in CHANGES.get(zone, ())),
        date(1970, 1, 1),
        date(2199, 12, 31),
    ]
    return [day.isoformat() for day in dict.fromkeys(found)]


@cache
def birthdays(zone: str, now: datetime) -> Sequence[str]:
    """Generate days of other years that recur about now, and February 29."""
    today = now.astimezone(ZoneInfo(zone)).date()
    near = (today + days * DAY for days in (-1, 0, 1, 2, 40, 41))
    return ["2000-02-29", *(f"2000-{day:%m-%d}" for day in near)]


@dataclass(frozen=True)
class Facts:
    times: SearchStrategy[datetime]
    days: SearchStrategy[str]

    @property
    def contacts(self) -> SearchStrategy[Contact]:
        return st.builds(
            Contact,
            id=st.sampled_from(IDS),
            phone=st.sampled_from([None, *PHONES]),
            country=st.sampled_from([None, "", *COUNTRIES]),
            region=st.sampled_from([None, "", *REGIONS]),
            subscribed_at=st.none() | self.times,
            unsubscribed_at=st.none() | self.times,
            properties=self.properties,
            email=st.sampled_from([None, *EMAILS]),
            city=st.sampled_from([None, *CITIES]),
            tags=st.lists(st.sampled_from(TAGS), max_size=3).map(tuple),
            created_at=st.none() | self.times,
        )

    @property
    def properties(self) -> SearchStrategy[str | None]:
        """Generate JSON objects with all kinds of values, including days and instants."""
        instants = st.builds(_written, self.times, st.sampled_from(OFFSETS))
        values = st.one_of(st.sampled_from(SCALARS), st.sampled_from(SCALARS), self.days, instants)
        lists = st.lists(values, max_size=3) | st.lists(st.lists(values, max_size=1), max_size=2)
        found = st.dictionaries(
            st.sampled_from(PROPERTIES), st.one_of(values, values, lists), max_size=4
        )
        return st.none() | found.map(json.dumps)

    @property
    def lines(self) -> SearchStrategy[Line]:
        titles = st.sampled_from([None, None, "", *TITLES])
        return st.builds(Line, st.sampled_from(PRODUCTS), st.sampled_from((1, 2, 3, 0, -1)), titles)

    @property
    def orders(self) -> SearchStrategy[Order]:
        amounts = st.sampled_from([Decimal(amount) for amount in AMOUNTS])
        return st.builds(
            Order,
            id=st.sampled_from(THINGS),
            contact_id=st.sampled_from(IDS),
            ordered_at=self.times,
            total=amounts,
            refunded=st.none() | amounts,
            cancelled_at=st.one_of(st.none(), st.none(), st.none(), self.times),
            lines=st.lists(self.lines, max_size=3).map(tuple),
        )

    @property
    def texts(self) -> SearchStrategy[Text]:
        return st.builds(
            Text, st.sampled_from(THINGS), st.sampled_from(IDS), self.times, st.none() | self.times
        )

    @property
    def products(self) -> SearchStrategy[Product]:
        return st.builds(Product, st.sampled_from(PRODUCTS), st.sampled_from(TITLES))

    @property
    def events(self) -> SearchStrategy[Event]:
        return st.builds(
            Event,
            st.sampled_from(THINGS),
            st.sampled_from(IDS),
            st.sampled_from(EVENTS),
            self.times,
            self.properties,
        )

    @property
    def keywords(self) -> SearchStrategy[KeywordUse]:
        return st.builds(KeywordUse, st.sampled_from(IDS), st.sampled_from(KEYWORDS), self.times)


def _written(instant: datetime, offset: timedelta) -> str:
    return instant.astimezone(timezone(offset)).isoformat()


def _some(items: SearchStrategy[Any], least: int = 1) -> SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=least, max_size=10).map(tuple)


@st.composite
def recordings(draw: st.DrawFn, facts: Facts, forgetting: bool) -> Sequence[Batch]:
    """Generate batches in any order, some repeated or with different versions of a fact."""
    orders = st.builds(Orders, _some(facts.orders))
    texts, keywords = (
        st.builds(Texts, _some(facts.texts)),
        st.builds(Keywords, _some(facts.keywords)),
    )
    changes = st.one_of(
        st.builds(Contacts, _some(facts.contacts)),
        orders,
        st.builds(Orders, _some(facts.orders), st.just(True)),
        st.builds(OrderLines, _some(st.tuples(st.sampled_from(THINGS), facts.lines))),
        texts,
        keywords,
        st.builds(Products, _some(facts.products)),
        st.builds(Events, _some(facts.events)),
    )
    known = draw(
        st.lists(facts.contacts, min_size=4, max_size=7, unique_by=lambda contact: contact.id)
    )
    first: list[Batch] = [
        Contacts(tuple(known)),
        Orders(draw(_some(facts.orders, 4))),
        Texts(draw(_some(facts.texts, 4))),
        Keywords(draw(_some(facts.keywords, 4))),
        Products(draw(_some(facts.products))),
        Events(draw(_some(facts.events, 4))),
    ]
    batches: list[Batch] = list(draw(st.permutations(first)))
    batches += draw(st.lists(changes, max_size=4))
    again = draw(st.none() | st.sampled_from(batches))
    gone = st.lists(st.sampled_from(IDS), min_size=1, max_size=4).map(tuple)
    forget = draw(st.builds(Forget, gone)) if forgetting else None
    for more in (again, forget):
        if more is not None:
            batches.insert(draw(st.integers(0, len(batches))), more)
    return batches

"""Shops, recordings and rules to try, from small pools so that ties and boundaries are common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.parity.evaluator import (
    Batch,
    Contact,
    Contacts,
    Document,
    Forget,
    Keywords,
    KeywordUse,
    Line,
    Order,
    OrderLines,
    Orders,
    Text,
    Texts,
    months_before,
    start_of_day,
)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Changes of clocks: on, off, and (São Paulo) at midnight itself.
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
)
MILLISECOND, HOUR, DAY = timedelta(milliseconds=1), timedelta(hours=1), timedelta(days=1)
AROUND = (timedelta(), -MILLISECOND, MILLISECOND)
FIRST_INSTANT, LAST_INSTANT = _utc("1970-01-01T00:00"), _utc("2199-12-31T23:59:59.999")

IDS = (1, 2, 3, 4, 5, 2**53 + 1, 2**64 - 1)
THINGS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 2**64 - 1)
PRODUCTS = ("a", "b", "A", "%", " a")
KEYWORDS = ("join", " JOIN\t", "Join", "stop", "straße", "STRASSE")
COUNTRIES = ("US", "CA", "DE")
REGIONS = ("CA", "ON", "ca", "%")
AMOUNTS = ("10.00", "0", "5", "15.00", "20", "9.99", "10.0001", "99999999999999.9999")
COUNTS = (1, 0, 2, 3, 2**31 - 1)
MINIMUMS = (1, 2, 3)
DAYS = (2, 1, 7, 36_500)


def nows(zone: str) -> SearchStrategy[datetime]:
    """Instants to ask at: ordinary ones, and near changes of clocks."""
    steps = (*AROUND, HOUR, 12 * HOUR, DAY, 3 * DAY)
    near = [change + step for change in CHANGES[zone] for step in steps]
    return st.sampled_from([*ORDINARY, *near])


@cache
def moments(zone: str, now: datetime) -> Sequence[datetime]:
    """Instants worth recording: the edges of everything that a rule may ask about, and beyond."""
    today = now.astimezone(ZoneInfo(zone)).date()
    edges = [
        *(now - days * DAY for days in (0, 1, 2, 7)),
        *(now - hours * HOUR for hours in (1, 2)),
        *(months_before(now, months, zone) for months in (1, 2)),
        *(start_of_day(today + days * DAY, zone) for days in range(-2, 2)),
        *CHANGES[zone],
    ]
    near = (edge + step for edge in edges for step in AROUND)
    far = (now - 40 * DAY, now + DAY, FIRST_INSTANT, LAST_INSTANT)
    return list(dict.fromkeys([*near, *far]))


@cache
def days(zone: str, now: datetime) -> Sequence[str]:
    """Days worth asking about."""
    clock = ZoneInfo(zone)
    today = now.astimezone(clock).date()
    found = [
        *(today - days * DAY for days in (0, 1, 2, -1, 40)),
        *(change.astimezone(clock).date() for change in CHANGES.get(zone, ())),
        date(1970, 1, 1),
        date(2199, 12, 31),
    ]
    return [day.isoformat() for day in dict.fromkeys(found)]


@dataclass(frozen=True)
class Facts:
    """What facts of a shop are made of."""

    times: SearchStrategy[datetime]

    @property
    def contacts(self) -> SearchStrategy[Contact]:
        return st.builds(
            Contact,
            id=st.sampled_from(IDS),
            phone=st.sampled_from([None, "+1", "", " "]),
            country=st.sampled_from([None, "", *COUNTRIES]),
            region=st.sampled_from([None, "", *REGIONS]),
            subscribed_at=st.none() | self.times,
            unsubscribed_at=st.none() | self.times,
        )

    @property
    def lines(self) -> SearchStrategy[Line]:
        return st.builds(Line, st.sampled_from(PRODUCTS), st.sampled_from((1, 2, 3, 0, -1)))

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
        return st.builds(Text, st.sampled_from(THINGS), st.sampled_from(IDS), self.times)

    @property
    def keywords(self) -> SearchStrategy[KeywordUse]:
        return st.builds(KeywordUse, st.sampled_from(IDS), st.sampled_from(KEYWORDS), self.times)


def _some(items: SearchStrategy[Any], least: int = 1) -> SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=least, max_size=10).map(tuple)


@st.composite
def recordings(
    draw: st.DrawFn, times: SearchStrategy[datetime], forgetting: bool
) -> Sequence[Batch]:
    """Batches in any order, some of them twice; what they say of a thing may differ."""
    facts = Facts(times)
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
    )
    known = draw(
        st.lists(facts.contacts, min_size=4, max_size=7, unique_by=lambda contact: contact.id)
    )
    first: list[Batch] = [
        Contacts(tuple(known)),
        Orders(draw(_some(facts.orders, 4))),
        Texts(draw(_some(facts.texts, 4))),
        Keywords(draw(_some(facts.keywords, 4))),
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


def _fields(
    required: Mapping[str, SearchStrategy[Any]],
    optional: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(dict(required), optional=dict(optional or {}))


def _ordered(fields: dict[str, Any], low: str) -> dict[str, Any]:
    """The same, with ``upTo`` not below the other bound."""
    if Decimal(fields["upTo"]) < Decimal(fields[low]):
        fields[low], fields["upTo"] = fields["upTo"], fields[low]
    return fields


def _ordered_days(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first <= second else (second, first)


@dataclass(frozen=True)
class Criteria:
    """Every criterion with every operator and every optional field."""

    days: SearchStrategy[str]

    @property
    def windows(self) -> SearchStrategy[Document]:
        """Every form of a time window."""
        units = st.sampled_from(["DAYS", "HOURS", "WEEKS", "MONTHS"])
        counts = st.sampled_from([1, 2, 1_000])
        last = st.fixed_dictionaries({"count": counts, "unit": units})
        between = st.builds(_ordered_days, self.days, self.days).map(
            lambda pair: {"from": pair[0], "to": pair[1]}
        )
        return st.one_of(
            st.fixed_dictionaries({"last": last}),
            st.fixed_dictionaries({"since": self.days}),
            st.fixed_dictionaries({"before": self.days}),
            st.fixed_dictionaries({"between": between}),
        )

    def numbers(self, bound: str, values: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
        """Comparisons of a sum or a count."""
        within = {"within": self.windows}
        one = st.sampled_from(
            ["EQUALS", "NOT_EQUALS", "GREATER_THAN", "AT_LEAST", "LESS_THAN", "AT_MOST"]
        )
        two = _fields({"operator": st.just("BETWEEN"), bound: values, "upTo": values}, within)
        return _fields({"operator": one, bound: values}, within) | two.map(
            lambda fields: _ordered(fields, bound)
        )

    @property
    def dates(self) -> SearchStrategy[dict[str, Any]]:
        """Comparisons of a date."""
        day = st.sampled_from(["ON", "NOT_ON", "BEFORE", "ON_OR_BEFORE", "AFTER", "ON_OR_AFTER"])
        ago = st.sampled_from(["IN_LAST", "NOT_IN_LAST", "MORE_THAN_AGO"])
        between = st.builds(_ordered_days, self.days, self.days).map(
            lambda pair: {"operator": "BETWEEN", "date": pair[0], "upTo": pair[1]}
        )
        return st.one_of(
            _fields({"operator": day, "date": self.days}),
            _fields({"operator": ago, "days": st.sampled_from(DAYS)}),
            between,
            _fields({"operator": st.sampled_from(["IS_SET", "IS_NOT_SET"])}),
        )

    def sets(
        self, field: str, values: Sequence[str], **more: SearchStrategy[Any]
    ) -> SearchStrategy[dict[str, Any]]:
        """Questions about a set, with values that nobody has and duplicates."""
        return _fields(
            {
                "operator": st.sampled_from(["ANY_OF", "ALL_OF", "NONE_OF"]),
                field: _values(values, "nobody has this"),
            },
            {"within": self.windows, **more},
        )

    @property
    def locations(self) -> SearchStrategy[dict[str, Any]]:
        """Questions about the country and the region."""
        return st.one_of(
            _fields(
                {
                    "operator": st.sampled_from(["ANY_OF", "NONE_OF"]),
                    "countries": _values(COUNTRIES, "FR"),
                },
                {"regions": _values(REGIONS, "nowhere")},
            ),
            _fields({"operator": st.sampled_from(["IS_SET", "IS_NOT_SET"])}),
        )

    @property
    def by_key(self) -> Mapping[str, SearchStrategy[dict[str, Any]]]:
        """The fields of each criterion."""
        minimums = st.sampled_from(MINIMUMS)
        counted = self.numbers("count", st.sampled_from(COUNTS))
        kinds = st.sampled_from(["SUBSCRIBER", "CUSTOMER", "BOTH", "TEXTABLE"])
        return {
            "contactType": _fields({"operator": st.sampled_from(["IS", "IS_NOT"]), "type": kinds}),
            "keyword": self.sets("keywords", KEYWORDS),
            "lastOrderDate": self.dates,
            "location": self.locations,
            "ordersPlaced": counted,
            "productPurchased": self.sets(
                "products", PRODUCTS, minimumTimes=minimums, minimumUnits=minimums
            ),
            "spend": self.numbers("amount", st.sampled_from(AMOUNTS)),
            "subscribeDate": self.dates,
            "textsReceived": counted,
        }

    @property
    def any_of_them(self) -> SearchStrategy[dict[str, Any]]:
        """A rule that is one criterion."""
        return st.one_of(
            [st.fixed_dictionaries({key: fields}) for key, fields in self.by_key.items()]
        )


@cache
def edges(zone: str, now: datetime) -> Sequence[Document]:
    """Criteria whose edges are among the instants worth recording; asked of every shop."""
    ago = [
        {"operator": operator, "days": number}
        for operator in ("IN_LAST", "MORE_THAN_AGO")
        for number in (1, 2, 7)
    ]
    today = now.astimezone(ZoneInfo(zone)).date()
    on = [
        {"operator": operator, "date": (today + number * DAY).isoformat()}
        for operator in ("ON", "BEFORE", "ON_OR_BEFORE", "AFTER", "ON_OR_AFTER")
        for number in (-1, 0)
    ]
    lasts = [
        {"operator": "EQUALS", "count": 0, "within": {"last": {"count": number, "unit": unit}}}
        for unit in ("HOURS", "DAYS", "MONTHS")
        for number in (1, 2)
    ]
    dated = [{key: body} for key in ("subscribeDate", "lastOrderDate") for body in [*ago, *on]]
    return [*dated, *({"textsReceived": body} for body in lasts)]


def _values(values: Sequence[str], missing: str) -> SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([*values, missing]), min_size=1, max_size=3)


def rules(criteria: SearchStrategy[Any], depth: int = 4) -> SearchStrategy[dict[str, Any]]:
    """Rules of at most so many levels."""
    if depth == 1:
        return criteria
    inner = rules(criteria, depth - 1)
    return st.one_of(
        criteria,
        st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    )


@dataclass(frozen=True)
class Situation:
    """A shop's history, an instant to ask at, and what to ask."""

    zone: str
    now: datetime
    batches: Sequence[Batch]
    criteria: Sequence[Document]
    rules: Sequence[dict[str, Any]]


@st.composite
def situations(draw: st.DrawFn, forgetting: bool = False) -> Situation:
    """A shop with about fifteen rules: single criteria, and nested ones."""
    zone = draw(st.sampled_from(ZONES))
    now = draw(nows(zone))
    criteria = Criteria(st.sampled_from(days(zone, now))).any_of_them
    # A few instants for all facts of the shop, so that they often meet each other and the rules.
    times = draw(st.lists(st.sampled_from(moments(zone, now)), min_size=4, max_size=12))
    batches = draw(recordings(st.sampled_from(times), forgetting))
    return Situation(
        zone,
        now,
        batches,
        [*draw(st.lists(criteria, min_size=10, max_size=20)), *edges(zone, now)],
        draw(st.lists(rules(criteria), min_size=3, max_size=6)),
    )

"""Examples that several modules use."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from tests.parity.evaluation.facts import Contact, Contacts, Document, Line, Order
from tests.parity.recorded_shop import NOW

MILLISECOND, HOUR, DAY = timedelta(milliseconds=1), timedelta(hours=1), timedelta(days=1)

ALL: Document = {"all": []}

# These differ by more than case, the spelling of letters and surrounding space.
HOSTILE = (
    "plain",
    "it's",
    "''",
    'say "hi"',
    "back\\slash",
    "\\'",
    "\\",
    "\\n",
    "tab\there",
    "new\nline",
    "return\rhere",
    "100%",
    "100x",
    "%",
    "_",
    "p_ain",
    "p%n",
    ":name",
    "%(name)s",
    "%s",
    "%%",
    "{x:String}",
    "{shop_id:uint64}",
    "{{x}}",
    "$1",
    "?",
    "😀",
    "👩‍👩‍👧",
    "é",
    "α\u0345\u0301",
    "nul\x00byte",
    "nul",
    "'; drop table contacts; --",
    "' or '1'='1",
    "') or 1=1 --",
    "plain' /*",
    "`id`",
    "null",
    "\\x41",
    "[a-z]",
    "(?i)plain",
    "x" * 255,
)

# Local days: the timezone, the first instant, and the first instant after the day.
LOCAL_DAYS = (
    ("America/New_York", "2024-07-15", "2024-07-15T04:00", "2024-07-16T04:00"),
    ("America/New_York", "2024-03-10", "2024-03-10T05:00", "2024-03-11T04:00"),  # 23 hours
    ("America/New_York", "2024-11-03", "2024-11-03T04:00", "2024-11-04T05:00"),  # 25 hours
    ("Europe/Berlin", "2024-07-15", "2024-07-14T22:00", "2024-07-15T22:00"),
    ("Europe/Berlin", "2024-03-31", "2024-03-30T23:00", "2024-03-31T22:00"),
    ("Europe/Berlin", "2024-10-27", "2024-10-26T22:00", "2024-10-27T23:00"),
    ("Asia/Kolkata", "2024-03-10", "2024-03-09T18:30", "2024-03-10T18:30"),
    ("Pacific/Chatham", "2024-07-15", "2024-07-14T11:15", "2024-07-15T11:15"),
    ("Pacific/Chatham", "2024-04-07", "2024-04-06T10:15", "2024-04-07T11:15"),
    ("Pacific/Chatham", "2024-09-29", "2024-09-28T11:15", "2024-09-29T10:15"),
    ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00", "2018-02-18T03:00"),
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00", "2018-11-05T02:00"),  # no midnight
    ("America/Sao_Paulo", "2024-11-03", "2024-11-03T03:00", "2024-11-04T03:00"),  # no change
    ("America/St_Johns", "2006-10-28", "2006-10-28T02:30", "2006-10-29T02:30"),
    ("America/St_Johns", "2006-10-29", "2006-10-29T02:30", "2006-10-30T03:30"),  # two midnights
    ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00", "2011-12-30T10:00"),
    ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00", "2011-12-31T10:00"),  # no December 30
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def around(number: int) -> dict[int, datetime]:
    """Return the instants around the two ends of a local day, by ids of their own."""
    _, _, start, end = LOCAL_DAYS[number]
    first, after = utc(start), utc(end)
    times = (first - MILLISECOND, first, after - MILLISECOND, after)
    return dict(enumerate(times, 4 * number))


def people_with_ids(*ids: int) -> Contacts:
    return Contacts(tuple(Contact(id_) for id_ in ids))


def last(count: int, unit: str) -> Mapping[str, Any]:
    return {"last": {"count": count, "unit": unit}}


def period(which: str, unit: str) -> Mapping[str, Any]:
    return {"calendar": {"which": which, "unit": unit}}


def criterion(key: str, operator: str, **fields: Any) -> Document:
    return {key: {"operator": operator, **fields}}


def bought(operator: str, *products: str, **more: Any) -> Document:
    return criterion("productPurchased", operator, products=list(products), **more)


def spent(operator: str, amount: str, **more: Any) -> Document:
    return criterion("spend", operator, amount=amount, **more)


def ordered(operator: str, count: int, **more: Any) -> Document:
    return criterion("ordersPlaced", operator, count=count, **more)


def texted(operator: str, count: int, **more: Any) -> Document:
    return criterion("textsReceived", operator, count=count, **more)


def texted_in(operator: str, *keywords: str, **more: Any) -> Document:
    return criterion("keyword", operator, keywords=list(keywords), **more)


def is_a(kind: str) -> Document:
    return criterion("contactType", "IS", type=kind)


subscribed = partial(criterion, "subscribeDate")
last_ordered = partial(criterion, "lastOrderDate")
located = partial(criterion, "location")

ORDER = Order(1, 1, NOW - DAY, Decimal(50), lines=(Line("a", 2), Line("b")))

# Rules of every criterion about orders that contact 1 matches because of that order.
BECAUSE_OF_IT = (
    ordered("EQUALS", 1),
    spent("EQUALS", "50.00"),
    bought("ALL_OF", "a", "b"),
    bought("ANY_OF", "a", minimumUnits=2),
    last_ordered("IS_SET"),
    is_a("CUSTOMER"),
)

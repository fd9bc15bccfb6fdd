"""The criteria whose meaning a version changed, to list the saved segments that have them.

This module reads rules as JSON, without plugins, so that ``segments migrate`` starts fast.
"""

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.orm import load_only
from sqlmodel import col, select

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Segment, Shop
from graphql_app.ids import SEGMENT, encode
from graphql_app.timezones import repeats_midnight

Body = Mapping[str, Any]


class Days(Enum):
    """How the days of some shops changed with the rules of their time zone."""

    RULES = auto()
    """The rules of the host or the engine, which cut days before, are not those of tzdata."""
    MIDNIGHTS = auto()
    """As above, or clocks repeat midnight, which used to begin a day each time."""


@dataclass(frozen=True, slots=True)
class ChangedCriterion:
    """A change to what a criterion means.

    Attributes:
        revision: The revision of the catalog's schema from which on it has the new meaning.
        key: The criterion's key.
        change: What is different, as a sentence.
        applies: Returns whether the change can affect a criterion, given its fields.
        upcoming: If set, only shops with facts in the future in one of these tables are affected.
        days: If set, only shops whose days changed in this way are affected.
    """

    revision: str
    key: str
    change: str
    applies: Callable[[Body], bool] = lambda body: True
    upcoming: frozenset[str] = frozenset()
    days: Days | None = None


def _compares_text(body: Body) -> bool:
    return "texts" in body or "text" in body


def _compares_number(body: Body) -> bool:
    return "number" in body


def _asks_for_textable(body: Body) -> bool:
    return body.get("type") == "TEXTABLE"


def _compares_days_ago(body: Body) -> bool:
    return "days" in body


def _compares_dates(body: Body) -> bool:
    return "date" in body or "days" in body


def _has_property(body: Body) -> bool:
    return "property" in body


def _cuts_days(body: Body) -> bool:
    """Return whether a criterion compares with days of the calendar, or counts in months."""
    within = body.get("within", {})
    durations = [within[name] for name in ("last", "beforeAgo") if name in within]
    in_months = any(duration["unit"] == "MONTHS" for duration in durations)
    return (
        "date" in body
        or in_months
        or len(durations) < len(within)
        or any(map(_cuts_days, body.get("conditions", ())))
    )


def _has_condition(applies: Callable[[Body], bool]) -> Callable[[Body], bool]:
    return lambda body: any(map(applies, body.get("conditions", ())))


_CASE = "Upper and lower case do not matter anymore, nor do other spellings of the same letters."
_SPELLING = "Other spellings of the same letters match, too, such as full-width letters."
_PROPERTY = f"{_CASE} Spaces around the text do not matter either."
_NUMBER = 'A text that is a plain decimal number, such as "12", is compared as a number.'
_DAYS = "Days are 24 hours up to now for values with a time of day."
_TEXTABLE = "Contacts whose phone number is not valid cannot be texted."
_AREA = "Only valid phone numbers have an area code."
_SAME_NUMBER = "Numbers match however they are written, with or without their country code."
_TITLE = "Words are looked for in the title on the order line, if it has one."

_LISTS = (
    "A list matches if one of its elements does. A list without texts, numbers, true or false "
    "counts as no value."
)
_YEARS = "Dates before 1900 and after 2199 count; they used to count as no value."
_RULES = (
    "Days begin by the rules of the installed tzdata package. Those of the host or of ClickHouse "
    "differ for this shop's time zone."
)
_MIDNIGHTS = (
    "Days begin by the rules of the installed tzdata package and, where clocks repeat midnight, at "
    "the first one."
)
_USES = "They refer to segments in this list, directly or through others."
_FUTURE = "Facts with a time in the future, of which this shop has some, count from then on."

_MAY_READ_FUTURE = (
    "These criteria of plugins may read facts with a time in the future, which this shop has. Such "
    "facts count once their time has come."
)
_MAY_READ_TEXTABLE = f"{_TEXTABLE} These criteria of plugins may read who can be texted."

# The tables that each criterion reads, without the criteria that are new.
_READ: Mapping[str, Sequence[str]] = {
    "averageOrderValue": ("orders",),
    "clickRate": ("texts",),
    "contactType": ("contacts", "orders"),
    "createdDate": ("contacts",),
    "event": ("events",),
    "firstOrderDate": ("orders",),
    "keyword": ("keywords",),
    "lastOrderDate": ("orders",),
    "lastTextDate": ("texts",),
    "ordersPlaced": ("orders",),
    "productPurchased": ("order_lines",),
    "spend": ("orders",),
    "subscribeDate": ("contacts",),
    "subscriptionStatus": ("contacts",),
    "textsClicked": ("texts",),
    "textsReceived": ("texts",),
    "unsubscribedDate": ("contacts",),
}

CHANGED_CRITERIA: tuple[ChangedCriterion, ...] = (
    ChangedCriterion("0007", "tag", _CASE),
    ChangedCriterion("0007", "location", _CASE, lambda body: "regions" in body),
    ChangedCriterion("0007", "property", _PROPERTY, _compares_text),
    ChangedCriterion("0007", "property", _NUMBER, _compares_number),
    ChangedCriterion("0007", "property", _DAYS, _compares_days_ago),
    ChangedCriterion("0007", "property", _LISTS),
    ChangedCriterion("0007", "property", _YEARS, _compares_dates),
    ChangedCriterion("0007", "event", _PROPERTY, _has_condition(_compares_text)),
    ChangedCriterion("0007", "event", _NUMBER, _has_condition(_compares_number)),
    ChangedCriterion("0007", "event", _DAYS, _has_condition(_compares_days_ago)),
    ChangedCriterion("0007", "event", _LISTS, _has_condition(_has_property)),
    ChangedCriterion("0007", "event", _YEARS, _has_condition(_compares_dates)),
    ChangedCriterion("0007", "anniversary", _LISTS, _has_property),
    ChangedCriterion("0007", "anniversary", _YEARS, _has_property),
    ChangedCriterion("0007", "anniversary", _MIDNIGHTS, days=Days.MIDNIGHTS),
    *(
        ChangedCriterion("0007", key, _RULES, _cuts_days, days=Days.RULES)
        for key in (*_READ, "property")
    ),
    ChangedCriterion("0007", "city", _SPELLING, lambda body: "cities" in body),
    ChangedCriterion("0007", "emailDomain", _SPELLING, lambda body: "domains" in body),
    ChangedCriterion("0007", "keyword", _SPELLING),
    ChangedCriterion("0007", "productPurchased", _SPELLING, lambda body: "words" in body),
    ChangedCriterion("0007", "productPurchased", _TITLE, lambda body: "words" in body),
    *(
        ChangedCriterion("0007", key, _FUTURE, upcoming=frozenset(tables))
        for key, tables in _READ.items()
    ),
    ChangedCriterion(
        "0007",
        "anniversary",
        _FUTURE,
        lambda body: not _has_property(body),
        upcoming=frozenset({"contacts"}),
    ),
    ChangedCriterion("0008", "contactType", _TEXTABLE, _asks_for_textable),
    ChangedCriterion("0008", "areaCode", _AREA),
    ChangedCriterion("0008", "phone", _SAME_NUMBER, lambda body: "numbers" in body),
)

# The keys of the built-in criteria, with those that did not change; all others are of plugins.
BUILT_IN = {change.key for change in CHANGED_CRITERIA}.union(
    ("email", "firstEventDate", "firstTextDate", "inSegment", "lastEventDate")
)


def _changes_of_plugin(key: str) -> Sequence[ChangedCriterion]:
    """Return how a criterion of a plugin may have changed; what it reads is not known."""
    tables = frozenset(chain.from_iterable(_READ.values()))
    return (
        ChangedCriterion("0007", key, _MAY_READ_FUTURE, upcoming=tables),
        ChangedCriterion("0008", key, _MAY_READ_TEXTABLE),
    )


# What is read of shops and segments, beside their ids: columns that every revision has.
_SHOP: Sequence[Any] = (Shop.handle, Shop.timezone)
_SEGMENT: Sequence[Any] = (Segment.shop_id, Segment.name, Segment.rule)


class AffectedSegment(NamedTuple):
    """A saved segment with a criterion whose meaning changes, or that refers to such a segment."""

    shop: str  # its handle
    segment: Segment  # with its id, shop, name and rule only
    key: str
    change: str


def affected_segments(
    catalog: Catalog,
    revisions: Container[str],
    upcoming: Callable[[int], Collection[str]],
    has_other_rules: Callable[[ZoneInfo], bool],
) -> Iterator[AffectedSegment]:
    """Yield the segments that changes of some revisions affect, once for each change.

    Args:
        catalog: The catalog with the segments, before or after it is migrated.
        revisions: The revisions of its schema.
        upcoming: Returns the tables in which a shop, given its id, has facts in the future.
        has_other_rules: Returns whether a time zone's rules changed with this version.
    """
    named = (
        select(Shop, Segment)
        .where(Segment.shop_id == Shop.id)
        .order_by(Shop.handle, col(Segment.name_key))
        .options(load_only(*_SHOP), load_only(*_SEGMENT))
    )
    with catalog.read() as session:
        found = session.exec(named).all()
    affected: set[str] = set()
    for shop, segment in found:
        for change in changes_of(segment.rule, revisions):
            if change.upcoming and change.upcoming.isdisjoint(upcoming(segment.shop_id)):
                continue
            if change.days is None or _days_changed(change.days, shop, has_other_rules):
                affected.add(_global_id(segment))
                yield AffectedSegment(shop.handle, segment, change.key, change.change)
    yield from _users(found, affected)


def _users(
    segments: Sequence[tuple[Shop, Segment]], affected: Collection[str]
) -> Iterator[AffectedSegment]:
    """Yield the segments that refer to affected ones, directly or through others."""
    references = {
        (_global_id(segment), key, body["segment"]): AffectedSegment(
            shop.handle, segment, key, _USES
        )
        for shop, segment in segments
        for key, body in _criteria_in(segment.rule)
        if "segment" in body
    }
    known = {*affected}
    while more := {user for user, _, used in references if used in known} - known:
        known |= more
    users = {(user, key): each for (user, key, used), each in references.items() if used in known}
    yield from users.values()


def _global_id(segment: Segment) -> str:
    """Return a segment's id as rules refer to it."""
    return encode(SEGMENT, segment.id)


def _days_changed(days: Days, shop: Shop, has_other_rules: Callable[[ZoneInfo], bool]) -> bool:
    zone = ZoneInfo(shop.timezone)
    return has_other_rules(zone) or (days is Days.MIDNIGHTS and repeats_midnight(zone))


def changes_of(rule: Any, revisions: Container[str]) -> Sequence[ChangedCriterion]:
    """Return the changes of some revisions that affect a rule, given as JSON."""
    found = (
        change
        for key, body in _criteria_in(rule)
        for change in (CHANGED_CRITERIA if key in BUILT_IN else _changes_of_plugin(key))
        if change.revision in revisions and change.key == key and change.applies(body)
    )
    return [*dict.fromkeys(found)]


def _criteria_in(document: Any) -> Iterator[tuple[str, Body]]:
    """Yield the criteria of a rule, with their fields."""
    for key, body in document.items():
        if key == "not":
            yield from _criteria_in(body)
        elif key in {"all", "any"}:
            for inner in body:
                yield from _criteria_in(inner)
        else:
            yield key, body

"""The criteria whose meaning a version changed, to list the saved segments that have them.

This module reads rules as JSON, without plugins, so that ``segments migrate`` starts fast.
"""

from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlmodel import col, select

from graphql_app.catalog.store import Catalog
from graphql_app.catalog.tables import Segment, Shop

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChangedCriterion:
    """A change to what a criterion means.

    Attributes:
        revision: The revision of the catalog's schema from which on it has the new meaning.
        key: The criterion's key.
        change: What is different, as a sentence.
        applies: Returns whether the change can affect a criterion, given its fields.
        upcoming: If set, only shops with facts in the future in one of these tables are affected.
    """

    revision: str
    key: str
    change: str
    applies: Callable[[Body], bool] = lambda body: True
    upcoming: frozenset[str] = frozenset()


def _compares_text(body: Body) -> bool:
    return "texts" in body or "text" in body


def _compares_number(body: Body) -> bool:
    return "number" in body


def _asks_for_textable(body: Body) -> bool:
    return body.get("type") == "TEXTABLE"


def _compares_days_ago(body: Body) -> bool:
    return "days" in body


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

_FUTURE = "Facts with a time in the future, of which this shop has some, count from then on."

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
    ChangedCriterion("0007", "location", f"Regions: {_CASE}", lambda body: "regions" in body),
    ChangedCriterion("0007", "property", _PROPERTY, _compares_text),
    ChangedCriterion("0007", "property", _NUMBER, _compares_number),
    ChangedCriterion("0007", "property", _DAYS, _compares_days_ago),
    ChangedCriterion("0007", "event", f"Conditions: {_PROPERTY}", _has_condition(_compares_text)),
    ChangedCriterion("0007", "event", f"Conditions: {_NUMBER}", _has_condition(_compares_number)),
    ChangedCriterion("0007", "event", f"Conditions: {_DAYS}", _has_condition(_compares_days_ago)),
    ChangedCriterion("0007", "city", _SPELLING, lambda body: "cities" in body),
    ChangedCriterion("0007", "emailDomain", _SPELLING, lambda body: "domains" in body),
    ChangedCriterion("0007", "keyword", _SPELLING),
    ChangedCriterion("0007", "productPurchased", _SPELLING, lambda body: "words" in body),
    ChangedCriterion("0007", "productPurchased", _TITLE, lambda body: "words" in body),
    *(
        ChangedCriterion("0007", key, _FUTURE, upcoming=frozenset(tables))
        for key, tables in _READ.items()
    ),
    ChangedCriterion("0008", "contactType", _TEXTABLE, _asks_for_textable),
    ChangedCriterion("0008", "areaCode", _AREA),
    ChangedCriterion("0008", "phone", _SAME_NUMBER, lambda body: "numbers" in body),
)


class AffectedSegment(NamedTuple):
    """A saved segment with a criterion whose meaning has changed."""

    shop: str  # its handle
    segment: Segment
    changed: ChangedCriterion


def affected_segments(
    catalog: Catalog, revisions: Container[str], upcoming: Callable[[int], Collection[str]]
) -> Iterator[AffectedSegment]:
    """Yield the segments that changes of some revisions affect, once for each change.

    ``upcoming`` returns the tables in which a shop, given its id, has facts in the future.
    """
    named = select(Shop.handle, Segment).where(Segment.shop_id == Shop.id)
    with catalog.read() as session:
        found = session.exec(named.order_by(Shop.handle, col(Segment.name_key))).all()
    for shop, segment in found:
        for change in changes_of(segment.rule, revisions):
            if not (change.upcoming and change.upcoming.isdisjoint(upcoming(segment.shop_id))):
                yield AffectedSegment(shop, segment, change)


def changes_of(rule: Any, revisions: Container[str]) -> Sequence[ChangedCriterion]:
    """Return the changes of some revisions that affect a rule, given as JSON."""
    found = (
        change
        for key, body in _criteria_in(rule)
        for change in CHANGED_CRITERIA
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

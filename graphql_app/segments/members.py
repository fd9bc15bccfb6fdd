"""Members: pages of the contacts who match a rule, by keyset."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlmodel import col

from graphql_app.audience.tables import Contact, Expression, Statement
from graphql_app.criteria import Scope
from graphql_app.segments.index import Evaluation
from graphql_app.segments.predicate import predicate
from graphql_app.segments.rules.tree import Rule
from graphql_app.timezones import EPOCH, milliseconds


class MemberSortKey(StrEnum):
    """The sort order of members. Contacts without the date sort as the oldest."""

    ID = "ID"
    CREATED_AT = "CREATED_AT"
    SUBSCRIBED_AT = "SUBSCRIBED_AT"


# The columns of ``Contact`` that sort members.
COLUMNS = {MemberSortKey.CREATED_AT: "created_at", MemberSortKey.SUBSCRIBED_AT: "subscribed_at"}


@dataclass(frozen=True, slots=True)
class Person:
    id: int
    source_id: str | None
    phone: str | None
    phone_e164: str | None
    email: str | None
    first_name: str | None
    last_name: str | None
    country: str | None
    region: str | None
    city: str | None
    tags: tuple[str, ...]
    subscribed_at: datetime | None
    unsubscribed_at: datetime | None
    created_at: datetime | None
    properties: str
    subscribed: bool
    textable: bool

    def sort_value(self, key: MemberSortKey) -> int:
        """Return the sort value for a cursor: milliseconds since 1970, or the id."""
        if key is MemberSortKey.ID:
            return self.id
        return milliseconds(getattr(self, COLUMNS[key]) or EPOCH)


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a list: that of the contact with this sort value and id."""

    value: int
    id: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, in the order of the list.

    It has the first ``limit`` members between two positions, or the last ones if ``backward``.
    """

    limit: int
    after: Position | None = None
    before: Position | None = None
    backward: bool = False
    key: MemberSortKey = MemberSortKey.ID
    reverse: bool = False

    @property
    def column(self) -> str | None:
        """The column of ``Contact`` that sorts the page; ``None`` when that is the id."""
        return COLUMNS.get(self.key)

    @property
    def descending(self) -> bool:
        """Whether to read downward; a backward page is read against the order of its list."""
        return self.reverse != self.backward

    @property
    def bounds(self) -> Iterator[tuple[Position, bool]]:
        """The positions that bound the page, and whether its members are below each."""
        if self.after is not None:
            yield self.after, self.reverse
        if self.before is not None:
            yield self.before, not self.reverse


def members_statement(rule: Rule, scope: Scope, page: Page) -> Statement:
    """Select a page of members, in reading order: a backward page from its end."""
    order = _order(page.column)
    statement = people_statement().where(predicate(rule, scope))
    for position, below in page.bounds:
        statement = statement.where(_beyond(order, position, below))
    values = (order, col(Contact.id))
    directed = [value.desc() if page.descending else value.asc() for value in values]
    return statement.order_by(*directed).limit(page.limit)


def member_ids(evaluation: Evaluation, rule: Rule, page: Page) -> list[int]:
    """Return the ids of a page of members, from the size index.

    The ids are in the order of the list. The cost of a page does not grow with its depth. When the
    page is sorted by a column, the evaluation must include the column.
    """
    contact_index = evaluation.contact_index
    matching = next(evaluation.each([rule]))
    positions = np.flatnonzero(
        matching if contact_index.everyone else matching & contact_index.alive
    )
    ids = contact_index.ids[positions]
    column = page.column
    values = ids if column is None else np.maximum(evaluation.columns[column][positions], 0)
    for position, below in page.bounds:
        beyond = np.less if below else np.greater
        inside = beyond(values, position.value)
        inside |= (values == position.value) & beyond(ids, position.id)
        ids, values = ids[inside], values[inside]
    descending = page.descending
    if len(ids) > page.limit:  # sorting all of them would take much longer
        last = _nth(values, page.limit, descending)
        before = values > last if descending else values < last
        ties = values == last
        bound = _nth(ids[ties], page.limit - np.count_nonzero(before), descending)
        kept = before | ties & (ids >= bound if descending else ids <= bound)
        ids, values = ids[kept], values[kept]
    order = np.lexsort((ids, values))
    found: list[int] = ids[order[::-1] if page.reverse else order].tolist()
    return found


def _nth(values: NDArray[Any], number: int | np.intp, descending: bool) -> Any:
    """Return the n-th value in order, from 1."""
    index = len(values) - number if descending else number - 1
    return np.partition(values, index)[index]


def count_statement(rule: Rule, scope: Scope) -> Statement:
    return select(func.count()).select_from(Contact).where(predicate(rule, scope))


def people_statement() -> Statement:
    """Select all contacts, with the columns of ``Person``."""
    return select(*(col(getattr(Contact, name)) for name in Person.__slots__))


def person_of(row: Any) -> Person:
    """Make a person of a row of ``people_statement`` or ``members_statement``."""
    values = dict(row._mapping)
    for name in ("subscribed_at", "unsubscribed_at", "created_at"):
        if values[name] is not None:
            values[name] = values[name].replace(tzinfo=UTC)
    return Person(**{**values, "tags": tuple(values["tags"])})


def _order(column: str | None) -> Expression:
    if column is None:
        return col(Contact.id)
    instant = col(getattr(Contact, column))
    return func.coalesce(func.toUnixTimestamp64Milli(instant), 0)


def _beyond(order: Expression, position: Position, below: bool) -> ColumnElement[bool]:
    contact = col(Contact.id)
    beyond = operator.lt if below else operator.gt
    same = order == position.value
    return or_(beyond(order, position.value), and_(same, beyond(contact, position.id)))

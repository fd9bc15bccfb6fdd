"""Members: pages of the contacts that match a rule, by keyset."""

import operator
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
from graphql_app.segments.index.vectors import EPOCH, milliseconds
from graphql_app.segments.predicate import predicate
from graphql_app.segments.rules.tree import Rule


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
    phone: str | None
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
    """A position in a list: after the contact with this sort value and id."""

    value: int
    id: int


@dataclass(frozen=True, slots=True)
class Page:
    limit: int
    after: Position | None = None
    key: MemberSortKey = MemberSortKey.ID
    reverse: bool = False

    @property
    def column(self) -> str | None:
        """The column of ``Contact`` that sorts the page; ``None`` when that is the id."""
        return COLUMNS.get(self.key)


def members_statement(rule: Rule, scope: Scope, page: Page) -> Statement:
    order = _order(page.column)
    statement = people_statement().where(predicate(rule, scope))
    if page.after is not None:
        statement = statement.where(_beyond(order, page.after, page.reverse))
    values = (order, col(Contact.id))
    directed = [value.desc() if page.reverse else value.asc() for value in values]
    return statement.order_by(*directed).limit(page.limit)


def member_ids(evaluation: Evaluation, rule: Rule, page: Page) -> list[int]:
    """Return the ids of a page of members, from the size index.

    The cost of a page does not grow with its depth. When the page is sorted by a column, the
    evaluation must include the column.
    """
    contact_index = evaluation.contact_index
    matching = next(evaluation.each([rule]))
    places = np.flatnonzero(matching if contact_index.everyone else matching & contact_index.alive)
    ids = contact_index.ids[places]
    column = page.column
    values = ids if column is None else np.maximum(evaluation.columns[column][places], 0)
    after, reverse = page.after, page.reverse
    if after is not None:
        beyond = np.less if reverse else np.greater
        later = beyond(values, after.value) | (values == after.value) & beyond(ids, after.id)
        ids, values = ids[later], values[later]
    if len(ids) > page.limit:  # sorting all of them would take much longer
        last = _nth(values, page.limit, reverse)
        before = values > last if reverse else values < last
        ties = values == last
        bound = _nth(ids[ties], page.limit - np.count_nonzero(before), reverse)
        kept = before | ties & (ids >= bound if reverse else ids <= bound)
        ids, values = ids[kept], values[kept]
    order = np.lexsort((ids, values))
    found: list[int] = ids[order[::-1] if reverse else order].tolist()
    return found


def _nth(values: NDArray[Any], number: int | np.intp, reverse: bool) -> Any:
    """Return the n-th value in order, from 1."""
    place = len(values) - number if reverse else number - 1
    return np.partition(values, place)[place]


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


def _beyond(order: Expression, after: Position, reverse: bool) -> ColumnElement[bool]:
    contact = col(Contact.id)
    later = operator.lt if reverse else operator.gt
    return or_(later(order, after.value), and_(order == after.value, later(contact, after.id)))

"""Members: pages of the contacts that match a rule, by keyset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlmodel import col

from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact, Expression
from graphql_app.criteria import Scope
from graphql_app.segments.attribution import asking
from graphql_app.segments.index import Evaluation, SizeIndex
from graphql_app.segments.predicate import predicate
from graphql_app.segments.rules.tree import Rule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MemberSortKey(StrEnum):
    """What members are sorted by; those without the date count as the oldest."""

    ID = "ID"
    CREATED_AT = "CREATED_AT"
    SUBSCRIBED_AT = "SUBSCRIBED_AT"


# The columns of ``Contact`` that members are sorted by, beside the id.
COLUMNS = {
    MemberSortKey.CREATED_AT: "created_at",
    MemberSortKey.SUBSCRIBED_AT: "subscribed_at",
}


@dataclass(frozen=True, slots=True)
class Person:
    """A contact as it is recorded now."""

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
        """The value that a cursor holds: milliseconds since 1970, or the id."""
        match key:
            case MemberSortKey.ID:
                return self.id
            case MemberSortKey.CREATED_AT:
                return milliseconds(self.created_at or EPOCH)
            case MemberSortKey.SUBSCRIBED_AT:
                return milliseconds(self.subscribed_at or EPOCH)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: just after the contact with this sort value and id."""

    value: int
    id: int


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970, exactly."""
    delta = instant - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def members(
    audience: Audience,
    shop_id: int,
    rule: Rule,
    scope: Scope,
    index: SizeIndex,
    *,
    limit: int,
    after: Position | None = None,
    key: MemberSortKey = MemberSortKey.ID,
    reverse: bool = False,
) -> Sequence[Person]:
    """A page of the contacts that match a rule; the cost of a page does not grow with its depth.

    Raises:
        AppError: It took too long, or a criterion or the engine failed.
    """
    with asking(audience, shop_id, [rule], scope, what="members") as answer:
        column = COLUMNS.get(key)
        wanted = () if column is None else (column,)
        evaluation = index.evaluate(shop_id, [rule], scope, wanted)
        if evaluation is not None:
            ids = page_of_ids(evaluation, rule, column, limit, after, reverse)
            answer.is_from_index()
            found = people(audience, shop_id, ids)
            return [found[id] for id in ids if id in found]
        order = _order(column)
        statement = select(*_columns()).where(predicate(rule, scope))
        if after is not None:
            statement = statement.where(_beyond(order, after, reverse))
        directed = [value.desc() if reverse else value.asc() for value in (order, col(Contact.id))]
        rows = audience.fetch_rows(statement.order_by(*directed).limit(limit), shop_id)
        answer.is_from_engine()
    return [_person(row) for row in rows]


def page_of_ids(
    evaluation: Evaluation,
    rule: Rule,
    column: str | None = None,
    limit: int = 1,
    after: Position | None = None,
    reverse: bool = False,
) -> list[int]:
    """The ids of a page, of what is in memory; by id, or by a column that was asked for."""
    universe = evaluation.universe
    matching = next(evaluation.each([rule]))
    places = np.flatnonzero(matching if universe.everyone else matching & universe.alive)
    ids = universe.ids[places]
    values = ids if column is None else np.maximum(evaluation.columns[column][places], 0)
    if after is not None:
        beyond = np.less if reverse else np.greater
        later = beyond(values, after.value) | (values == after.value) & beyond(ids, after.id)
        ids, values = ids[later], values[later]
    if len(ids) > limit:  # sorting all of them would take much longer
        last = _nth(values, limit, reverse)
        before = values > last if reverse else values < last
        ties = values == last
        bound = _nth(ids[ties], limit - np.count_nonzero(before), reverse)
        kept = before | ties & (ids >= bound if reverse else ids <= bound)
        ids, values = ids[kept], values[kept]
    order = np.lexsort((ids, values))
    found: list[int] = ids[order[::-1] if reverse else order].tolist()
    return found


def _nth(values: NDArray[Any], number: int | np.intp, reverse: bool) -> Any:
    """The value at a place, from 1, of the values in order."""
    place = len(values) - number if reverse else number - 1
    return np.partition(values, place)[place]


def count(audience: Audience, shop_id: int, rule: Rule, scope: Scope, index: SizeIndex) -> int:
    """How many contacts match a rule.

    Raises:
        AppError: As for ``members``.
    """
    with asking(audience, shop_id, [rule], scope, what="count") as answer:
        evaluation = index.evaluate(shop_id, [rule], scope)
        if evaluation is not None:
            answer.is_from_index()
            return evaluation.count(next(evaluation.each([rule])))
        statement = select(func.count()).select_from(Contact).where(predicate(rule, scope))
        found = int(audience.fetch_rows(statement, shop_id)[0][0])
        answer.is_from_engine()
        return found


def people(audience: Audience, shop_id: int, ids: Sequence[int]) -> dict[int, Person]:
    """The contacts with these ids, by id; those that do not exist are missing."""
    rows = audience.fetch_rows(select(*_columns()), shop_id, ids) if ids else ()
    return {person.id: person for person in map(_person, rows)}


def _columns() -> list[Expression]:
    return [col(getattr(Contact, name)) for name in Person.__slots__]


def _person(row: Any) -> Person:
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
    if reverse:
        return or_(order < after.value, and_(order == after.value, contact < after.id))
    return or_(order > after.value, and_(order == after.value, contact > after.id))

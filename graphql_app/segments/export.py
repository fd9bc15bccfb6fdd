"""Exports: all members of a rule, by id, a page at a time, in memory that does not grow."""

from __future__ import annotations

import pyarrow as pa
from sqlalchemy import select
from sqlmodel import col

from graphql_app.audience.export_formats import EXPORT_SCHEMA
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Contact, Statement
from graphql_app.criteria import Scope
from graphql_app.segments.attribution import asking
from graphql_app.segments.index import SizeIndex
from graphql_app.segments.members import Position, page_of_ids
from graphql_app.segments.predicate import predicate
from graphql_app.segments.rules.tree import Rule

FEWEST, MOST = 1_000, 20_000  # rows of a page
PAGE_BYTES = 4 * 1024**2  # of a page, about


class Export:
    """The members of a rule that have not been read yet.

    The rule is asked at one instant for all pages, so that its windows stay where they are; the
    facts are those of the moment in which a page is read. Members come by id, each at most once,
    and whoever is one all the while does come.

    Args:
        audience: The facts.
        shop_id: Whose.
        rule: Who is a member.
        scope: The shop at the instant.
        index: What is asked first who is a member.
        after: The id after which to begin.

    Attributes:
        done: Whether all have been read.
    """

    def __init__(
        self,
        audience: Audience,
        shop_id: int,
        rule: Rule,
        scope: Scope,
        index: SizeIndex,
        after: int | None = None,
    ) -> None:
        self._audience = audience
        self._shop_id = shop_id
        self._rule = rule
        self._scope = scope
        self._index = index
        self._after = after
        self._limit = FEWEST
        self.done = False

    def page(self) -> pa.Table:
        """The next members, as ``exporters.SCHEMA`` has them; there may be none among others.

        Raises:
            AppError: It took too long, or a criterion or the engine failed.
        """
        with asking(
            self._audience, self._shop_id, [self._rule], self._scope, what="export"
        ) as answer:
            evaluation = self._index.evaluate(self._shop_id, [self._rule], self._scope)
            if evaluation is None:
                rows = self._matching()
                answer.is_from_engine()
                ids = rows["id"]
            else:
                after = None if self._after is None else Position(self._after, self._after)
                found = page_of_ids(evaluation, self._rule, limit=self._limit, after=after)
                answer.is_from_index()
                rows = self._of(found)
                ids = pa.array(found, pa.uint64())
        self.done = len(ids) < self._limit
        if len(ids):
            self._after = ids[-1].as_py()
        if rows.num_rows:
            width = rows.nbytes // rows.num_rows + 1
            self._limit = min(max(PAGE_BYTES // width, FEWEST), MOST)
        return rows

    def _matching(self) -> pa.Table:
        """A page of those whom the engine finds to match."""
        statement = _columns().where(predicate(self._rule, self._scope)).limit(self._limit)
        if self._after is not None:
            statement = statement.where(col(Contact.id) > self._after)
        return self._audience.fetch_table(statement, self._shop_id).cast(EXPORT_SCHEMA)

    def _of(self, ids: list[int]) -> pa.Table:
        """The contacts with some ids, in order."""
        if not ids:
            return EXPORT_SCHEMA.empty_table()
        statement = _columns().where(col(Contact.id).between(ids[0], ids[-1]))
        tables = {Contact.__tablename__}
        return self._audience.fetch_table(statement, self._shop_id, ids, tables=tables).cast(
            EXPORT_SCHEMA
        )


def _columns() -> Statement:
    columns = [col(getattr(Contact, name)) for name in EXPORT_SCHEMA.names]
    return select(*columns).order_by(col(Contact.id))

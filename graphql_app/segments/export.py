"""Exports: all members of a rule by id, page by page, in constant memory."""

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select
from sqlmodel import col

from graphql_app.audience.export_formats import EXPORT_SCHEMA
from graphql_app.audience.tables import Contact, Statement
from graphql_app.audience.whole_numbers import STORED_PATTERN, restore_whole_numbers
from graphql_app.segments.attribution import attributed_answer
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.members import Page, Position, member_ids
from graphql_app.segments.predicate import predicate
from graphql_app.segments.rules.tree import Rule

MIN_ROWS, MAX_ROWS = 1_000, 20_000  # per page
PAGE_BYTES = 4 * 1024**2  # the size that pages aim for


class Export:
    """The members of a rule that have not been read yet.

    Members come by id, each at most once; a contact who is a member throughout is never missed.
    With ``after``, they start after that id. ``done`` says whether all have been read.
    """

    def __init__(self, rule: Rule, after: int | None = None) -> None:
        self.rule = rule
        self._after = after
        self._limit = MIN_ROWS
        self.done = False

    def next_page(self, engine: ShopEngine) -> pa.Table:
        """Return the next members as ``EXPORT_SCHEMA``; a page can be empty before the last one.

        Use one engine for all pages, so that time windows do not move between pages. Each page
        reads the facts of its own moment.

        Raises:
            AppError: As the methods of ``ShopEngine``.
        """
        with attributed_answer(engine, [self.rule], "export") as answer:
            evaluation = engine.from_index([self.rule], answer)
            if evaluation is None:
                rows = self._matching(engine)
                answer.came_from_engine()
                ids = rows["id"]
            else:
                after = None if self._after is None else Position(self._after, self._after)
                found = member_ids(evaluation, self.rule, Page(self._limit, after))
                rows = _contacts(engine, found)
                ids = pa.array(found, pa.uint64())
        self.done = len(ids) < self._limit
        if len(ids):
            self._after = ids[-1].as_py()
        rows = _with_whole_numbers(rows)
        if rows.num_rows:
            width = rows.nbytes // rows.num_rows + 1
            self._limit = min(max(PAGE_BYTES // width, MIN_ROWS), MAX_ROWS)
        return rows

    def _matching(self, engine: ShopEngine) -> pa.Table:
        statement = _columns().where(predicate(self.rule, engine.scope)).limit(self._limit)
        if self._after is not None:
            statement = statement.where(col(Contact.id) > self._after)
        return engine.table(statement).cast(EXPORT_SCHEMA)


def _contacts(engine: ShopEngine, ids: list[int]) -> pa.Table:
    if not ids:
        return EXPORT_SCHEMA.empty_table()
    statement = _columns().where(col(Contact.id).between(ids[0], ids[-1]))
    tables = {Contact.__tablename__}
    return engine.table(statement, ids, tables=tables).cast(EXPORT_SCHEMA)


def _with_whole_numbers(rows: pa.Table) -> pa.Table:
    """Return rows with the whole numbers of their properties as they were given."""
    properties = rows["properties"]
    if not pc.any(pc.match_substring_regex(properties, STORED_PATTERN)).as_py():
        return rows
    restored = pa.array(map(restore_whole_numbers, properties.to_pylist()), pa.string())
    return rows.set_column(EXPORT_SCHEMA.get_field_index("properties"), "properties", restored)


def _columns() -> Statement:
    columns = [col(getattr(Contact, name)) for name in EXPORT_SCHEMA.names]
    return select(*columns).order_by(col(Contact.id))

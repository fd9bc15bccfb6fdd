"""Exports: all members of a rule by number, page by page, in constant memory."""

from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select
from sqlmodel import col

from graphql_app.audience.column_parser import BadValueError
from graphql_app.audience.export_formats import EXPORT_SCHEMA
from graphql_app.audience.formula_escaping import unescape_formula
from graphql_app.audience.identities import Identities, source_ids
from graphql_app.audience.tables import Contact, Statement
from graphql_app.audience.value_parsers import parse_identifier
from graphql_app.audience.whole_numbers import STORED_PATTERN, restore_whole_numbers
from graphql_app.errors import AppError, ErrorCode
from graphql_app.segments.attribution import attributed_answer
from graphql_app.segments.engine import ShopEngine
from graphql_app.segments.members import Page, Position, member_ids
from graphql_app.segments.predicate import predicate
from graphql_app.segments.rules.tree import Rule

MIN_ROWS, MAX_ROWS = 1_000, 20_000  # per page
PAGE_BYTES = 4 * 1024**2  # the size that pages aim for


class Export:
    """The members of a rule that have not been read yet.

    Members come by number, each at most once; a contact who is a member throughout is never missed.
    ``done`` says whether all have been read.

    Args:
        after: The id of a contact in the source system, to start after.
    """

    def __init__(self, rule: Rule, after: str | None = None) -> None:
        self.rule = rule
        self._start = after
        self._after: int | None = None
        self._limit = MIN_ROWS
        self.done = False

    def next_page(self, engine: ShopEngine) -> pa.Table:
        """Return the next members as ``EXPORT_SCHEMA``; a page can be empty before the last one.

        Use one engine for all pages, so that time windows do not move between pages. Each page
        reads the facts of its own moment.

        Raises:
            AppError: INVALID if the contact to start after is not known; as the methods of
                ``ShopEngine``.
        """
        if self._after is None and self._start is not None:
            self._after = _find_number(engine, self._start)
        with attributed_answer(engine, [self.rule], "export") as answer:
            evaluation = engine.from_index([self.rule], answer)
            if evaluation is None:
                found = self._matching(engine)
                answer.came_from_engine()
                numbers, rows = found["id"], _with_source_ids(found)
            else:
                after = None if self._after is None else Position(self._after, self._after)
                ids = member_ids(evaluation, self.rule, Page(self._limit, after))
                numbers, rows = pa.array(ids, pa.uint64()), _contacts(engine, ids)
        self.done = len(numbers) < self._limit
        if len(numbers):
            self._after = numbers[-1].as_py()
        rows = _with_whole_numbers(rows)
        if rows.num_rows:
            width = rows.nbytes // rows.num_rows + 1
            self._limit = min(max(PAGE_BYTES // width, MIN_ROWS), MAX_ROWS)
        return rows

    def _matching(self, engine: ShopEngine) -> pa.Table:
        statement = _columns().where(predicate(self.rule, engine.scope)).limit(self._limit)
        if self._after is not None:
            statement = statement.where(col(Contact.id) > self._after)
        return engine.table(statement)


def _find_number(engine: ShopEngine, id: str) -> int:
    """Return the number of a contact, given its id in the source system or in a CSV file."""
    number: int | None = None
    with suppress(BadValueError):
        parsed = parse_identifier(unescape_formula(id)) or ""
        identities = Identities(engine.audience)
        number = identities.find_given(engine.shop_id, Contact.__tablename__, parsed)
    if number is None:
        raise AppError(
            ErrorCode.INVALID,
            "after must be the id of the last contact you received, from the first column.",
            ("after",),
        )
    return number


def _contacts(engine: ShopEngine, ids: list[int]) -> pa.Table:
    if not ids:
        return EXPORT_SCHEMA.empty_table()
    statement = _columns().where(col(Contact.id).between(ids[0], ids[-1]))
    return _with_source_ids(engine.table(statement, ids, tables={Contact.__tablename__}))


def _with_source_ids(rows: pa.Table) -> pa.Table:
    """Return rows of ``_columns`` as ``EXPORT_SCHEMA``, with the ids of the source system."""
    ids = source_ids(rows["id"], rows["source_id"])
    rows = rows.set_column(rows.schema.get_field_index("id"), "id", ids)
    return rows.select(EXPORT_SCHEMA.names).cast(EXPORT_SCHEMA)


def _with_whole_numbers(rows: pa.Table) -> pa.Table:
    """Return rows with the whole numbers of their properties as they were given."""
    properties = rows["properties"]
    if not pc.any(pc.match_substring_regex(properties, STORED_PATTERN)).as_py():
        return rows
    restored = pa.array(map(restore_whole_numbers, properties.to_pylist()), pa.string())
    return rows.set_column(EXPORT_SCHEMA.get_field_index("properties"), "properties", restored)


def _columns() -> Statement:
    columns = [col(getattr(Contact, name)) for name in (*EXPORT_SCHEMA.names, "source_id")]
    return select(*columns).order_by(col(Contact.id))

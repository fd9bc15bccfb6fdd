"""Reading one shop's facts at one instant."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from graphql_app.audience.as_of import AsOf
from graphql_app.audience.read_log import ReadLog
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Statement
from graphql_app.audience.upcoming import UpcomingFacts
from graphql_app.criteria import Scope


@dataclass(frozen=True, slots=True)
class FactReader:
    """One shop's facts at one instant. Statements see no other shop's rows.

    ``upcoming`` knows which tables have facts after the instant; without it, all are read as of the
    instant. ``reads``, if given, notes the state of the facts that each read comes from.
    """

    audience: Audience
    shop_id: int
    scope: Scope
    upcoming: UpcomingFacts | None = field(default=None, kw_only=True)
    reads: ReadLog | None = field(default=None, kw_only=True)

    def rows(
        self, statement: Statement, contacts: Sequence[int] | None = None, timeout: float = math.inf
    ) -> Sequence[Any]:
        """Execute a statement, on the rows of some contacts only when ``contacts`` is given.

        Raises:
            AppError: The engine failed, or the statement exceeded a limit.
        """
        as_of = self._begin_statement()
        return self.audience.fetch_rows(statement, self.shop_id, contacts, timeout, as_of=as_of)

    def table(
        self,
        statement: Statement,
        contacts: Sequence[int] | None = None,
        tables: Collection[str] | None = None,
    ) -> pa.Table:
        """Do the same as ``rows``, but return an Arrow table; see ``Audience.fetch_table``."""
        as_of = self._begin_statement()
        return self.audience.fetch_table(
            statement, self.shop_id, contacts, tables=tables, as_of=as_of
        )

    def as_of(self) -> AsOf | None:
        """Return how to read the facts at the instant; ``None`` if none come later."""
        if self.upcoming is None:
            return AsOf(self.scope.now, self.audience.tables)
        return self.upcoming.as_of(self.shop_id, self.scope.now)

    def _begin_statement(self) -> AsOf | None:
        as_of = self.as_of()  # may log facts whose time has come
        if self.reads is not None:
            self.reads.note_statement()
        return as_of

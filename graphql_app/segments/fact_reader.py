"""Reading one shop's facts at one instant."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql_app.audience.as_of import AsOf
from graphql_app.audience.store import Audience
from graphql_app.audience.tables import Statement
from graphql_app.criteria import Scope


@dataclass(frozen=True, slots=True)
class FactReader:
    """One shop's facts at one instant. Statements see no other shop's rows."""

    audience: Audience
    shop_id: int
    scope: Scope

    def rows(
        self, statement: Statement, contacts: Sequence[int] | None = None, timeout: float = math.inf
    ) -> Sequence[Any]:
        """Execute a statement, on the rows of some contacts only when ``contacts`` is given.

        Raises:
            AppError: The engine failed, or the statement exceeded a limit.
        """
        return self.audience.fetch_rows(
            statement, self.shop_id, contacts, timeout, as_of=self.as_of()
        )

    def as_of(self) -> AsOf | None:
        """Return how to read the facts at the instant; ``None`` if none come later."""
        return AsOf(self.scope.now, self.audience.tables)

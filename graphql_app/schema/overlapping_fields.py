"""Fields that a query names more than once: whether they agree, as far as that takes little."""

from __future__ import annotations

from typing import Any

from graphql import OverlappingFieldsCanBeMergedRule
from graphql.validation.validate import ValidationAbortedError

from graphql_app.errors import ErrorCode


def bounded_merging(most: int) -> type[OverlappingFieldsCanBeMergedRule]:
    """The rule that compares fields of one name, each with each, up to a number of comparisons.

    Its own bound lets 20 KB of query take a second of validation, for which everybody waits.
    """

    class BoundedMerging(OverlappingFieldsCanBeMergedRule):
        def __init__(self, context: Any) -> None:
            super().__init__(context)
            self.rule_context.remaining_complexity_budget = most

        def enter_selection_set(self, *args: Any) -> None:
            try:
                super().enter_selection_set(*args)
            except ValidationAbortedError:
                raise ValidationAbortedError(
                    "The query names the same fields too often; name each once where it can be.",
                    extensions={"code": ErrorCode.TOO_MANY_REPEATS.value},
                ) from None

    return BoundedMerging

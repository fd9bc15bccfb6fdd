"""Relay pagination: arguments, page size and page info."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import strawberry

from graphql_app.catalog.store import STORABLE_REQUIRED, is_storable
from graphql_app.errors import AppError, ErrorCode
from graphql_app.segments.members import MemberSortKey

T = TypeVar("T")

DEFAULT_PAGE = 20
MAX_PAGE = 250

First = Annotated[
    int | None, strawberry.argument(description=f"Return the first n items, 1 to {MAX_PAGE}.")
]
Last = Annotated[
    int | None, strawberry.argument(description=f"Return the last n items, 1 to {MAX_PAGE}.")
]
After = Annotated[str | None, strawberry.argument(description="Return items after this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Return items before this cursor.")]
MemberSort = Annotated[
    MemberSortKey, strawberry.argument(description="The sort order of the contacts.")
]
Reverse = Annotated[bool, strawberry.argument(description="Sort in descending order.")]


@strawberry.type(description="The position of a page in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether items follow the page.")
    has_previous_page: bool = strawberry.field(description="Whether items precede the page.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item.")


def searched(search: str) -> str:
    """Return the argument ``search``, or raise INVALID if the catalog cannot store it."""
    if not is_storable(search):
        raise AppError(ErrorCode.INVALID, f"search {STORABLE_REQUIRED}.", ("search",))
    return search


@dataclass(frozen=True)
class PageSize:
    """The number of items to return, and from which end of the range."""

    limit: int
    backward: bool

    def page_of(self, found: Sequence[T]) -> Sequence[T]:
        """Return a page of the items that were found: the page's, and maybe one beyond it."""
        return found[-self.limit :] if self.backward else found[: self.limit]

    def page_info(
        self, found: int, cursors: Sequence[str], after: object, before: object
    ) -> PageInfo:
        """Return the position of a page with these cursors, of ``found`` items up to one beyond.

        ``after`` and ``before`` are the positions that the client sent, if any.
        """
        more = found > self.limit
        return PageInfo(
            has_next_page=before is not None if self.backward else more,
            has_previous_page=more if self.backward else after is not None,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )


def page_size(first: int | None, last: int | None = None) -> PageSize:
    """Return the page size, or raise an AppError if both are given or one is out of range."""
    if first is not None and last is not None:
        raise AppError(ErrorCode.INVALID, "Send first or last, not both.", ("last",))
    name, limit = ("first", first) if last is None else ("last", last)
    limit = DEFAULT_PAGE if limit is None else limit
    if not 1 <= limit <= MAX_PAGE:
        raise AppError(ErrorCode.LIMIT_EXCEEDED, f"{name} must be from 1 to {MAX_PAGE}.", (name,))
    return PageSize(limit, backward=last is not None)

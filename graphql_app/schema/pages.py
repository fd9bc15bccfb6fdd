"""Relay's pages: arguments in, page info out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import strawberry

from graphql_app.errors import AppError, ErrorCode

DEFAULT_PAGE = 20
MAX_PAGE = 250

First = Annotated[
    int | None,
    strawberry.argument(description=f"How many to take from the start, 1 to {MAX_PAGE}."),
]
Last = Annotated[
    int | None, strawberry.argument(description=f"How many to take from the end, 1 to {MAX_PAGE}.")
]
After = Annotated[
    str | None, strawberry.argument(description="Begin after the item with this cursor.")
]
Before = Annotated[
    str | None, strawberry.argument(description="End before the item with this cursor.")
]
Reverse = Annotated[bool, strawberry.argument(description="From the largest to the smallest.")]


@strawberry.type(description="Where a page is in its list.")
class PageInfo:
    """See the description."""

    has_next_page: bool = strawberry.field(description="Whether more items follow.")
    has_previous_page: bool = strawberry.field(description="Whether items come before.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item.")


@dataclass(frozen=True)
class PageSize:
    """How many items to return, and from which end of the range."""

    limit: int
    backward: bool


def page_size(first: int | None, last: int | None = None) -> PageSize:
    """Check ``first`` and ``last``.

    Raises:
        AppError: Both are given, or one is out of range.
    """
    if first is not None and last is not None:
        raise AppError(ErrorCode.INVALID, "Give first or last, not both.", ("last",))
    name, limit = ("first", first) if last is None else ("last", last)
    limit = DEFAULT_PAGE if limit is None else limit
    if not 1 <= limit <= MAX_PAGE:
        raise AppError(ErrorCode.LIMIT_EXCEEDED, f"{name} must be from 1 to {MAX_PAGE}.", (name,))
    return PageSize(limit, backward=last is not None)

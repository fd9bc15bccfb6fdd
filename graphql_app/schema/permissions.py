"""The scopes that fields need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types import Info
from strawberry.utils.await_maybe import AwaitableOrValue, await_maybe

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime.context import Context

RequestInfo = Info[Context, None]


class RequireScopes(FieldExtension):
    """Refuses a field to a token without all of some scopes, before anything is looked up."""

    def __init__(self, *scopes: TokenScope) -> None:
        self._scopes = scopes

    async def resolve_async(
        self, next_: Callable[..., AwaitableOrValue[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        """Check, then go on."""
        missing = set(self._scopes) - info.context.access.scopes
        if missing:
            raise AppError(
                ErrorCode.FORBIDDEN,
                f"{info.field_name} needs a token with {' and '.join(sorted(missing))}.",
            )
        return await await_maybe(next_(source, info, **kwargs))


class BeginsToWrite(FieldExtension):
    """Notes that a field changes something."""

    async def resolve_async(
        self, next_: Callable[..., AwaitableOrValue[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        """Note it, then go on."""
        info.context.begins_to_write(info.field_name)
        return await await_maybe(next_(source, info, **kwargs))


def guarded(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """A field for tokens with some scopes."""
    return strawberry.field(
        description=_with_needs(description, scopes), extensions=[RequireScopes(*scopes)], **options
    )


def guarded_mutation(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """A mutation for tokens with some scopes."""
    extensions = [RequireScopes(*scopes), BeginsToWrite()]
    return strawberry.mutation(
        description=_with_needs(description, scopes), extensions=extensions, **options
    )


def guarded_subscription(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """A subscription for tokens with some scopes."""
    return strawberry.subscription(
        description=_with_needs(description, scopes), extensions=[RequireScopes(*scopes)], **options
    )


def _with_needs(description: str, scopes: Iterable[TokenScope]) -> str:
    return f"{description} Needs {' and '.join(f'`{scope}`' for scope in scopes)}."

"""Fields that require scopes of the client's token."""

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
    """Refuses a field, before it is resolved, to tokens that lack a scope."""

    def __init__(self, *scopes: TokenScope) -> None:
        self._scopes = scopes

    async def resolve_async(
        self, next_: Callable[..., AwaitableOrValue[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        missing = set(self._scopes) - info.context.access.scopes
        if missing:
            raise AppError(
                ErrorCode.FORBIDDEN,
                f"{info.field_name} requires a token with {' and '.join(sorted(missing))}.",
            )
        return await await_maybe(next_(source, info, **kwargs))


class BeginsToWrite(FieldExtension):
    """Notes in the context that a mutation begins."""

    async def resolve_async(
        self, next_: Callable[..., AwaitableOrValue[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        info.context.begins_to_write(info.field_name)
        return await await_maybe(next_(source, info, **kwargs))


def guarded(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """Return a field that requires scopes."""
    return strawberry.field(
        description=_with_scopes(description, scopes),
        extensions=[RequireScopes(*scopes)],
        **options,
    )


def guarded_mutation(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """Return a mutation that requires scopes."""
    extensions = [RequireScopes(*scopes), BeginsToWrite()]
    return strawberry.mutation(
        description=_with_scopes(description, scopes), extensions=extensions, **options
    )


def guarded_subscription(*scopes: TokenScope, description: str, **options: Any) -> Any:
    """Return a subscription that requires scopes."""
    return strawberry.subscription(
        description=_with_scopes(description, scopes),
        extensions=[RequireScopes(*scopes)],
        **options,
    )


def _with_scopes(description: str, scopes: Iterable[TokenScope]) -> str:
    return f"{description} Requires {' and '.join(f'`{scope}`' for scope in scopes)}."

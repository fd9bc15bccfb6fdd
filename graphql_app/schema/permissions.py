"""Fields that require scopes of the client's token."""

from collections.abc import Callable
from functools import partial
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.types import Info
from strawberry.utils.await_maybe import AwaitableOrValue, await_maybe

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime.context import Context

RequestInfo = Info[Context, None]


class _Guard(FieldExtension):
    """Refuses a field to tokens that lack a scope, and notes when a mutation begins."""

    def __init__(self, scopes: tuple[TokenScope, ...], writes: bool) -> None:
        self._scopes = scopes
        self._writes = writes

    async def resolve_async(
        self, next_: Callable[..., AwaitableOrValue[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        missing = set(self._scopes) - info.context.access.scopes
        if missing:
            raise AppError(
                ErrorCode.FORBIDDEN,
                f"{info.field_name} requires a token with {' and '.join(sorted(missing))}.",
            )
        if self._writes:
            info.context.begins_to_write(info.field_name)
        return await await_maybe(next_(source, info, **kwargs))


def guarded(*scopes: TokenScope, description: str, writes: bool = False, **options: Any) -> Any:
    """Return a field that requires scopes, and whose description names them."""
    required = " and ".join(f"`{scope}`" for scope in scopes)
    return strawberry.field(
        description=f"{description} Requires {required}.",
        extensions=[_Guard(scopes, writes)],
        **options,
    )


guarded_mutation = partial(guarded, writes=True)
guarded_subscription = partial(guarded, is_subscription=True)

"""Fields that require scopes of the client's token."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import strawberry
from graphql import OperationType
from strawberry.extensions import FieldExtension
from strawberry.types import Info, get_object_definition
from strawberry.utils.await_maybe import AwaitableOrValue, await_maybe

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime.context import Context

RequestInfo = Info[Context, None]


# The scopes that each root field requires, by the kind of operation and the field's name.
RootScopes = Mapping[OperationType, Mapping[str, Sequence[TokenScope]]]


class _Guard(FieldExtension):
    """A field's guard. It refuses tokens that lack a scope, and notes when a mutation begins."""

    def __init__(self, scopes: tuple[TokenScope, ...], writes: bool) -> None:
        self.scopes = scopes
        self._writes = writes

    async def resolve_async(
        self, next_: Callable[..., AwaitableOrValue[Any]], source: Any, info: Info, **kwargs: Any
    ) -> Any:
        require_scopes(info.context, info.field_name, self.scopes)
        if self._writes:
            info.context.begins_to_write(info.field_name)
        return await await_maybe(next_(source, info, **kwargs))


def require_scopes(context: Context, field: str, scopes: Iterable[TokenScope]) -> None:
    """Raise FORBIDDEN if the client's token lacks a scope that a field requires."""
    missing = set(scopes) - context.access.scopes
    if missing:
        required = " and ".join(sorted(missing))
        raise AppError(ErrorCode.FORBIDDEN, f"{field} requires a token with {required}.")


def root_scopes(schema: strawberry.Schema) -> RootScopes:
    """Return the scopes that the root fields of a schema require."""
    types = {
        OperationType.QUERY: schema.query,
        OperationType.MUTATION: schema.mutation,
        OperationType.SUBSCRIPTION: schema.subscription,
    }
    return {
        kind: {
            schema.config.name_converter.get_graphql_name(field): [
                scope
                for extension in field.extensions
                if isinstance(extension, _Guard)
                for scope in extension.scopes
            ]
            for field in get_object_definition(type_, strict=True).fields
        }
        for kind, type_ in types.items()
    }


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

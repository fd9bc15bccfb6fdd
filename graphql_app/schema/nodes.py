"""Fetching anything by its global id."""

from typing import Annotated, Any

import strawberry

from graphql_app import ids
from graphql_app.catalog.shops import stored_id
from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.ids import parse_global_id
from graphql_app.runtime.context import Context
from graphql_app.schema import contact, segment, shop
from graphql_app.schema.ids import Id
from graphql_app.schema.node import Node
from graphql_app.schema.permissions import RequestInfo

MAX_NODES = 250

NEEDED = {ids.SEGMENT: TokenScope.SEGMENTS_READ, ids.CONTACT: TokenScope.CONTACTS_READ}


async def _find(context: Context, id: str, path: tuple[str, ...]) -> Node | None:
    kind, number = parse_global_id(id, path)
    needed = NEEDED.get(kind)
    if needed is not None and needed not in context.access.scopes:
        message = f"Reading this node requires a token with {needed}."
        raise AppError(ErrorCode.FORBIDDEN, message, path)
    match kind:
        case shop.KIND if number == stored_id(context.access.shop):
            return shop.Shop.of(context.access.shop)
        case ids.SEGMENT:
            return await segment.find_segment(context, id, path)
        case ids.CONTACT:
            return await contact.find_contact(context, number)
    return None


async def _node(info: RequestInfo, id: Id) -> Node | None:
    return await _find(info.context, id, ("id",))


async def _nodes(
    info: RequestInfo,
    ids: Annotated[
        list[strawberry.ID],
        strawberry.argument(description=f"Global ids of any kind, at most {MAX_NODES}."),
    ],
) -> list[Node | None]:
    if len(ids) > MAX_NODES:
        raise AppError(ErrorCode.LIMIT_EXCEEDED, f"Send at most {MAX_NODES} ids.", ("ids",))
    return [await _find_or_error(info.context, id, ("ids", str(n))) for n, id in enumerate(ids)]


async def _find_or_error(context: Context, id: str, path: tuple[str, ...]) -> Any:
    """Return a node, or the error of its id, which GraphQL reports in place of this node alone."""
    try:
        return await _find(context, id, path)
    except Exception as error:
        return error


@strawberry.type
class NodeQuery:
    node: Node | None = strawberry.field(
        resolver=_node,
        description="Any object of the shop by its global id; null if the shop has no such object.",
    )
    nodes: list[Node | None] = strawberry.field(
        resolver=_nodes,
        description=f"Objects by their global ids, in the order of the ids; at most {MAX_NODES}. "
        "An id without an object gives null; an invalid id, or one of a kind that the token may "
        "not read, gives null and an error with its path.",
    )

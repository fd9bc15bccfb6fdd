"""Ids of nodes as GraphQL has them."""

from __future__ import annotations

from typing import Annotated

import strawberry

from graphql_app.ids import encode

Id = Annotated[strawberry.ID, strawberry.argument(description="Its id, as this API gave it.")]


def global_id(kind: str, number: int) -> strawberry.ID:
    """The id of a node."""
    return strawberry.ID(encode(kind, number))

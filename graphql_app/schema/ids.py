"""Global ids as GraphQL types."""

from typing import Annotated

import strawberry

from graphql_app.ids import encode

Id = Annotated[strawberry.ID, strawberry.argument(description="The global id.")]


def global_id(kind: str, number: int) -> strawberry.ID:
    return strawberry.ID(encode(kind, number))

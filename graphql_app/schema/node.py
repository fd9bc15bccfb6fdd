"""The interface of everything with a global id."""

import strawberry


@strawberry.interface(description="An object with a global id, which `node` fetches.")
class Node:
    id: strawberry.ID = strawberry.field(description="The opaque global id; it never changes.")

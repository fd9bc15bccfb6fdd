"""Nodes: whatever has a global id."""

from __future__ import annotations

import strawberry


@strawberry.interface(description="Something with an id of its own, to be fetched again by it.")
class Node:
    """See the description."""

    id: strawberry.ID = strawberry.field(description="Opaque and lasting.")

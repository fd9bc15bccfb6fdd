"""Sizes of rules: the query and the live subscription."""

from collections.abc import AsyncGenerator
from typing import Any

import strawberry

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.runtime.draft_size import draft_size
from graphql_app.runtime.live_size import live_size
from graphql_app.schema.descriptions import argument
from graphql_app.schema.permissions import RequestInfo, guarded, guarded_subscription
from graphql_app.schema.rule import RuleInputs
from graphql_app.segments.size import SegmentSize


def size_query(inputs: RuleInputs) -> type:
    async def resolve_size(info: RequestInfo, rule: Any) -> SegmentSize:
        return await draft_size(info.context, rule)

    resolve_size.__annotations__["rule"] = argument(inputs.rule, "The rule to count.")

    @strawberry.type
    class SizeQuery:
        segment_size: SegmentSize = guarded(
            TokenScope.SEGMENTS_READ,
            TokenScope.CONTACTS_READ,
            resolver=resolve_size,
            description="The size of any rule, saved or not, and of every node of it.",
        )

    return SizeQuery


def size_subscription(inputs: RuleInputs) -> type:
    def resolve_size(info: RequestInfo, rule: Any) -> AsyncGenerator[SegmentSize, None]:
        return live_size(info.context, rule)

    resolve_size.__annotations__["rule"] = argument(inputs.rule, "The rule to count.")

    @strawberry.type
    class SizeSubscription:
        segment_size: AsyncGenerator[SegmentSize, None] = guarded_subscription(
            TokenScope.SEGMENTS_READ,
            TokenScope.CONTACTS_READ,
            resolver=resolve_size,
            description="The size of any rule now, and again whenever it changes.",
        )

    return SizeSubscription

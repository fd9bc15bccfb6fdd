"""Sizes of rules, live."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import strawberry
from anyio import move_on_after, sleep

from graphql_app.catalog.tables import TokenScope
from graphql_app.schema.context import Context, RequestInfo, guarded, guarded_subscription
from graphql_app.schema.describe import argument
from graphql_app.schema.rule import RuleInputs, as_document
from graphql_app.schema.scalars import Instant
from graphql_app.segments import size as sizes
from graphql_app.segments.rule import Rule, keys, keys_in

# Seconds after which a live size looks for new facts, and after which it is counted without any:
# time windows expire, and saved segments that a rule refers to are edited.
LOOK_AFTER = 0.5
COUNT_AFTER = 30.0


@strawberry.type(description="How many contacts match one node of a rule, taken by itself.")
class RulePartSize:
    """See the description."""

    path: list[str] = strawberry.field(
        description="Where the node is, from `rule` down; list items by number."
    )
    summary: str = strawberry.field(description="The node as a sentence.")
    members: int = strawberry.field(description="How many contacts match it.")


@strawberry.type(description="How many contacts a rule matches, at one instant.")
class SegmentSize:
    """See the description."""

    members: int = strawberry.field(description="Contacts that match.")
    textable: int = strawberry.field(
        description="Members that can be texted today: subscribed, with a phone."
    )
    contacts: int = strawberry.field(description="All contacts of the shop.")
    share: float = strawberry.field(description="Members of contacts, 0 to 1; 0 without contacts.")
    parts: list[RulePartSize] = strawberry.field(
        description="The same for every node of the rule, the whole rule first."
    )
    as_of: Instant = strawberry.field(description="The instant at which this was so.")


async def size_of(context: Context, rule: Rule) -> SegmentSize:
    """The size of a rule in the shop that asks."""
    services = context.services
    size = await context.run_with(
        keys(rule),
        sizes.size,
        services.audience,
        context.shop_id,
        rule,
        context.scope,
        services.index,
    )
    return SegmentSize(
        members=size.members,
        textable=size.textable,
        contacts=size.contacts,
        share=size.share,
        parts=[
            RulePartSize(path=[*map(str, part.path)], summary=part.summary, members=part.members)
            for part in size.parts
        ],
        as_of=Instant(size.as_of),
    )


async def parsed(context: Context, rule: Any) -> Rule:
    """The rule of an argument named ``rule``."""
    document = as_document(rule)
    return await context.run_with(keys_in(document), context.saved.parse, document)


def size_query(inputs: RuleInputs) -> type:
    """The queries of sizes."""

    async def resolve_size(info: RequestInfo, rule: Any) -> SegmentSize:
        return await size_of(info.context, await parsed(info.context, rule))

    resolve_size.__annotations__["rule"] = argument(inputs.rule, "Whom to count.")

    @strawberry.type
    class SizeQuery:
        segment_size: SegmentSize = guarded(
            TokenScope.SEGMENTS_READ,
            TokenScope.CONTACTS_READ,
            resolver=resolve_size,
            description="The size of any rule, saved or not, and of every node of it.",
        )

    return SizeQuery


async def more_facts(context: Context, changes: int) -> None:
    """Wait until facts were recorded after some changes, but not for long."""
    with move_on_after(COUNT_AFTER):
        while context.services.recorder.changes.count(context.shop_id) == changes:
            await sleep(LOOK_AFTER)


def size_subscription(inputs: RuleInputs) -> type:
    """The subscription to a size."""

    async def resolve_size(info: RequestInfo, rule: Any) -> AsyncGenerator[SegmentSize, None]:
        context = info.context
        sent: SegmentSize | None = None
        while True:
            changes = context.services.recorder.changes.count(context.shop_id)
            size = await size_of(context, await parsed(context, rule))
            if sent is None or replace(size, as_of=sent.as_of) != sent:
                yield size
                sent = size
            await more_facts(context, changes)
            context = await context.renewed()

    resolve_size.__annotations__["rule"] = argument(inputs.rule, "Whom to count.")

    @strawberry.type
    class SizeSubscription:
        segment_size: AsyncGenerator[SegmentSize, None] = guarded_subscription(
            TokenScope.SEGMENTS_READ,
            TokenScope.CONTACTS_READ,
            resolver=resolve_size,
            description="The size of any rule now, and again whenever it has changed.",
        )

    return SizeSubscription

"""Sizes of rules, live."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import strawberry
from anyio import sleep

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.observability.request_context import metrics
from graphql_app.runtime.context import Asked, Context
from graphql_app.runtime.services import LIVE
from graphql_app.runtime.sharing import Flights
from graphql_app.schema.descriptions import argument
from graphql_app.schema.permissions import RequestInfo, guarded, guarded_subscription
from graphql_app.schema.rule import RuleInputs, as_document
from graphql_app.schema.scalars import Instant
from graphql_app.segments import size as sizes
from graphql_app.segments.rules.parser import keys_in
from graphql_app.segments.rules.tree import Rule, expanded, keys

# Seconds between two counts of a live size, at least; and at most, when there are no new facts, for
# saved segments that a rule refers to are edited. Time windows expire; where it is known that time
# matters, and what is counted is in memory, it is counted more often.
PAUSE = LIVE
COUNT_AFTER = 30.0
COUNT_MOVING_AFTER = 1.0


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
    """The size of a rule in the shop that asks; those that are asked for at once, in one pass."""
    return _shown(await context.counter.load(Asked(rule)))


async def _size_of_draft(
    context: Context, rule: Any, flights: Flights[sizes.SegmentSize]
) -> sizes.SegmentSize:
    """The size of the rule of an argument; who asks the same meanwhile shares it."""
    document = as_document(rule)
    seen = context.services.recorder.write_log.count_writes(context.shop_id)
    shop = context.access.shop
    about = (context.shop_id, shop.timezone, shop.currency, seen)
    if context.saved.refers(document):  # whose criteria, the other segment's rule tells
        found, words = await context.run_with(keys_in(document), _expanded, context, document)
        return await flights.share(
            (*about, words), lambda: context.run_with(keys(found), _size, context, found)
        )
    words = json.dumps(document, sort_keys=True)
    return await flights.share(
        (*about, words),
        lambda: context.run_with(keys_in(document), _size_of_document, context, document),
    )


def _expanded(context: Context, document: Any) -> tuple[Rule, str]:
    rule = context.saved.parse(document)
    return rule, json.dumps(expanded(rule), sort_keys=True)


def _size_of_document(context: Context, document: Any) -> sizes.SegmentSize:
    return _size(context, context.saved.parse(document))


def _size(context: Context, rule: Rule) -> sizes.SegmentSize:
    services = context.services
    return sizes.size(services.audience, context.shop_id, rule, context.scope, services.index)


def _shown(size: sizes.SegmentSize) -> SegmentSize:
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
    return await _parsed(context, as_document(rule))


async def _parsed(context: Context, document: Any) -> Rule:
    return await context.run_with(keys_in(document), context.saved.parse, document)


def size_query(inputs: RuleInputs) -> type:
    """The queries of sizes."""

    async def resolve_size(info: RequestInfo, rule: Any) -> SegmentSize:
        context = info.context
        return _shown(await _size_of_draft(context, rule, context.services.sizes))

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


async def more_facts(context: Context, count: int, size: sizes.SegmentSize) -> None:
    """Wait until a size may have changed since facts were recorded so many times."""
    await sleep(PAUSE)
    moves = size.from_memory and not size.steady
    seconds = COUNT_MOVING_AFTER if moves else COUNT_AFTER
    await context.services.new_facts.wait(context.shop_id, count, seconds)


def size_subscription(inputs: RuleInputs) -> type:
    """The subscription to a size."""

    async def resolve_size(info: RequestInfo, rule: Any) -> AsyncGenerator[SegmentSize, None]:
        context = info.context
        sent: sizes.SegmentSize | None = None
        with metrics().subscriptions.track_inprogress():
            while True:
                count = context.services.recorder.write_log.count_writes(context.shop_id)
                size = await _size_of_draft(context, rule, context.services.live_sizes)
                if sent is None or replace(size, as_of=sent.as_of) != sent:
                    yield _shown(size)
                    sent = size
                await more_facts(context, count, size)
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

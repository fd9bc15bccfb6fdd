"""The size of a draft: a rule that a client sends, saved or not."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from graphql_app.runtime.context import Context
from graphql_app.runtime.sharing import InFlight
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.rules.tree import document as as_document
from graphql_app.segments.size import SegmentSize


async def draft_size(
    context: Context, document: Any, in_flight: InFlight[SegmentSize]
) -> SegmentSize:
    """Parse and count a rule, or share the answer to an identical request.

    Raises:
        InvalidInputError: The rule is invalid.
        AppError: As ``ShopEngine.size``.
    """
    # A rule that refers to saved segments is identical to another only if these are, too.
    if context.saved.refers(document):
        rule, text = await context.run_with_rules([document], _expand, context, document)
        return await _share(context, text, in_flight, lambda: context.engine.size(rule))
    return await _share(
        context,
        json.dumps(document, sort_keys=True),
        in_flight,
        lambda: context.run_with_rules([document], _parse_and_count, context, document),
    )


async def _share(
    context: Context,
    rule: str,
    in_flight: InFlight[SegmentSize],
    work: Callable[[], Awaitable[SegmentSize]],
) -> SegmentSize:
    shop = context.access.shop
    writes = context.services.recorder.write_log.count_writes(context.shop_id)
    key = (context.shop_id, shop.timezone, shop.currency, shop.first_weekday, writes, rule)
    return await in_flight.share(key, work)


def _expand(context: Context, document: Any) -> tuple[Rule, str]:
    rule = context.saved.parse(document)
    return rule, json.dumps(as_document(rule, expand=True), sort_keys=True)


def _parse_and_count(context: Context, document: Any) -> SegmentSize:
    return context.engine.unlimited.size(context.saved.parse(document))

"""The size of a draft: a rule that a client sends, saved or not."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from graphql_app.runtime.context import Context
from graphql_app.runtime.services import CountedSize
from graphql_app.runtime.sharing import InFlight
from graphql_app.runtime.write_pauses import reads_in_pause
from graphql_app.segments.rules.tree import Rule
from graphql_app.segments.rules.tree import document as as_document
from graphql_app.segments.size import SegmentSize


async def draft_size(context: Context, document: Any, *, live: bool = False) -> SegmentSize:
    """Parse and count a rule, or share the answer to an identical request.

    A ``live`` size may have been counted up to ``LIVE_INTERVAL`` ago.

    Raises:
        InvalidInputError: The rule is invalid.
        AppError: As ``ShopEngine.size``.
    """
    in_flight = context.services.live_sizes if live else context.services.sizes
    # A rule that refers to saved segments is identical to another only if these are, too.
    if context.saved.refers(document):
        rule, text = await context.run_with_rules([document], _expand, context, document)
        work = partial(context.engine.count_parsed_draft, rule)
    else:
        text = json.dumps(document, sort_keys=True)
        work = partial(context.engine.count_draft, document)
    return await _share(context, text, in_flight, work)


async def _share(
    context: Context,
    rule: str,
    in_flight: InFlight[CountedSize],
    work: Callable[[], Awaitable[CountedSize]],
) -> SegmentSize:
    if reads_in_pause.get():
        # The work of others may wait for a worker until the pause has ended.
        size, reads = await work()
    else:
        shop = context.access.shop
        writes = context.services.recorder.write_log.count_writes(context.shop_id)
        scope = (shop.timezone, shop.currency, shop.first_weekday, shop.country)
        key = (context.shop_id, *scope, writes, rule)
        size, reads = await in_flight.share(key, work)
    context.reads.merge(reads)
    return size


def _expand(context: Context, document: Any) -> tuple[Rule, str]:
    rule = context.saved.parse(document)
    return rule, json.dumps(as_document(rule, expand=True), sort_keys=True)

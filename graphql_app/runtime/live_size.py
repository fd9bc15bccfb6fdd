"""The live size of a rule: counted again whenever it may have changed."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from anyio import sleep

from graphql_app.observability.request_context import metrics
from graphql_app.runtime.context import Context
from graphql_app.runtime.draft_size import draft_size
from graphql_app.runtime.one_state import at_one_state
from graphql_app.runtime.services import LIVE_INTERVAL
from graphql_app.segments.size import SegmentSize

# Seconds between two counts of a live size: at least PAUSE. Without new facts, a size is counted
# again after COUNT_AFTER, because saved segments that the rule refers to may have been edited, or
# after COUNT_MOVING_AFTER when time alone can change it and counting in memory is cheap.
PAUSE = LIVE_INTERVAL
COUNT_AFTER = 30.0
COUNT_MOVING_AFTER = 1.0


async def live_size(context: Context, document: Any) -> AsyncGenerator[SegmentSize, None]:
    """Yield the size of a rule now, and again whenever it changes.

    Raises:
        UnauthenticatedError: The client's token has been revoked.
        AppError: As ``draft_size``.
    """
    sent: SegmentSize | None = None
    with metrics().subscriptions.track_inprogress():
        while True:
            count = context.services.recorder.write_log.count_writes(context.shop_id)
            size = await at_one_state(
                context, lambda attempt: draft_size(attempt, document, live=True)
            )
            if sent is None or replace(size, as_of=sent.as_of) != sent:
                yield size
                sent = size
            await wait_for_change(context, count, size)
            context = await context.reauthenticated()


async def wait_for_change(context: Context, count: int, size: SegmentSize) -> None:
    """Wait until a size, counted after the shop's first ``count`` writes, may have changed."""
    await sleep(PAUSE)
    moves = size.from_memory and not size.steady
    seconds = COUNT_MOVING_AFTER if moves else COUNT_AFTER
    upcoming = context.services.index.upcoming.next_after(context.shop_id, size.as_of)
    if upcoming is not None:
        seconds = max(0, min(seconds, (upcoming - datetime.now(UTC)).total_seconds()))
    await context.services.write_watcher.wait(context.shop_id, count, seconds)

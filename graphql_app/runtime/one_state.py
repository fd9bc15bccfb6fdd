"""Reading an answer from one state of a shop's facts, while others write."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from graphql_app.errors import AppError, ErrorCode
from graphql_app.runtime.context import Context

ATTEMPTS = 2  # before writes are paused

T = TypeVar("T")


async def at_one_state(context: Context, read: Callable[[Context], Awaitable[T]]) -> T:
    """Return what ``read`` returns, read from one state of the shop's facts.

    If the facts change meanwhile, ``read`` is called again, each time with a new context; the last
    time, the shop's writes are paused.

    Raises:
        AppError: The writes cannot be paused, or the pause is too short.
    """
    for _ in range(ATTEMPTS):
        answer = await read(context)
        if await context.has_read_one_state():
            return answer
        context = context.copy_at_new_instant()
    async with context.services.write_pauses.hold(context.shop_id):
        for _ in range(ATTEMPTS):  # the time of a fact may still come, which counts as a write
            answer = await read(context)
            if await context.has_read_one_state():
                return answer
            context = context.copy_at_new_instant()
    message = "The shop's facts changed while they were read; try again in a moment."
    raise AppError(ErrorCode.UNAVAILABLE, message)

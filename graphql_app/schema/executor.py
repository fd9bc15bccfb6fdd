"""Executing operations so that one answer describes one state of the shop's facts."""

from collections.abc import Awaitable
from typing import Any, Self

from graphql import ExecutionResult
from graphql.language import OperationType
from graphql.pyutils import AwaitableOrValue, Path

from graphql_app.errors import AppError
from graphql_app.runtime.context import Context
from graphql_app.runtime.one_state import at_one_state
from graphql_app.schema.variables import Executor


class ConsistentExecutor(Executor):
    """Executes an operation, and repeats what it read if the facts changed meanwhile.

    A query is repeated as a whole. A mutation runs once; the selections of its payload are
    repeated, each root field's by itself, since the next one runs only then. The values that a
    subscription sends are read from one state before they get here.
    """

    def execute_operation(self, serially: bool | None = None) -> AwaitableOrValue[Any]:
        result = super().execute_operation(serially)
        is_query = self.operation.operation is OperationType.QUERY
        if not is_query or not self.is_awaitable(result):  # otherwise it has read nothing
            return result
        return self._query_at_one_state(self._context, result)

    async def _query_at_one_state(
        self, context: Context, first: Awaitable[ExecutionResult]
    ) -> ExecutionResult:
        async def read(attempt: Context) -> ExecutionResult:
            if attempt is context:
                return await first
            again: Any = super(ConsistentExecutor, self._attempt(attempt)).execute_operation()
            result: ExecutionResult = await again if self.is_awaitable(again) else again
            return result

        return await at_one_state(context, read)

    def complete_awaitable_value(self, *args: Any) -> Any:
        *place, path, result, position = args
        is_payload = path.prev is None and self.operation.operation is OperationType.MUTATION
        if not is_payload:
            return super().complete_awaitable_value(*args)
        return self._payload_at_one_state(place, path, result, position)

    async def _payload_at_one_state(
        self, place: list[Any], path: Path, result: Awaitable[Any], position: Any
    ) -> Any:
        try:
            payload = await result
        except Exception as error:
            payload = error
        latest = self

        async def read(attempt: Context) -> Any:
            nonlocal latest
            latest = self._attempt(attempt)
            complete: Any = super(ConsistentExecutor, latest).complete_awaitable_value
            return await complete(*place, path, _resolved(payload), position)

        try:
            return await at_one_state(self._context.anew(), read)
        except AppError:
            # The writes cannot be paused. The mutation is done, and an error would deny that.
            return await read(self._context.anew())
        finally:
            self.collected_errors.errors.extend(latest.collected_errors.errors)

    @property
    def _context(self) -> Context:
        context: Context = self.context_value
        return context

    def _attempt(self, context: Context) -> Self:
        attempt: Any = self.create_sub_executor()
        attempt.context_value = context
        found: Self = attempt
        return found


async def _resolved(payload: Any) -> Any:
    if isinstance(payload, Exception):
        raise payload
    return payload

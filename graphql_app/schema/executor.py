"""Executing operations so that one answer describes one state of the shop's facts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from time import perf_counter
from typing import Any, Self

from graphql import (
    ExecutionResult,
    GraphQLList,
    GraphQLOutputType,
    GraphQLResolveInfo,
    get_named_type,
    is_leaf_type,
)
from graphql.language import OperationType
from graphql.pyutils import AwaitableOrValue, Path

from graphql_app.errors import AppError
from graphql_app.runtime.context import Context
from graphql_app.runtime.one_state import at_one_state
from graphql_app.schema.variables import Executor

# Seconds for which an operation may complete items of a long list before others have their turn.
SLICE = 0.005
# Lists of up to this many items are completed at once, without an asynchronous iterator.
LONG_LIST = 100


class ConsistentExecutor(Executor):
    """An executor that repeats an operation's reads if the facts changed meanwhile.

    A query is repeated as a whole. A mutation runs once, and only the selections of its payload are
    repeated: for each root field separately, before the next root field runs. The values that a
    subscription sends are read from one state before they get here.
    """

    _slice_began = 0.0

    def execute_operation(self, serially: bool | None = None) -> AwaitableOrValue[Any]:
        result = super().execute_operation(serially)
        if self.operation.operation is not OperationType.QUERY:
            return result
        if not self.is_awaitable(result):  # a query that read no facts
            return result
        return self._query_at_one_state(result)

    async def _query_at_one_state(
        self, first_result: Awaitable[ExecutionResult]
    ) -> ExecutionResult:
        first_context = self._context

        async def read(context: Context) -> ExecutionResult:
            if context is first_context:
                return await first_result
            executor = self._copy_for(context)
            repeated: Any = super(ConsistentExecutor, executor).execute_operation()
            result: ExecutionResult = (
                await repeated if executor.is_awaitable(repeated) else repeated
            )
            return result

        return await at_one_state(first_context, read)

    def complete_list_value(
        self,
        return_type: GraphQLList[GraphQLOutputType],
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> AwaitableOrValue[list[Any]]:
        """Complete a list; the event loop does other work between the objects of a long one."""
        if isinstance(result, list) and not is_leaf_type(get_named_type(return_type)):
            result = self._in_slices(result) if len(result) > LONG_LIST else result
        return super().complete_list_value(
            return_type, field_details_list, info, path, result, position_context
        )

    async def _in_slices(self, items: Sequence[Any]) -> AsyncIterator[Any]:
        for item in items:
            if perf_counter() - self._slice_began > SLICE:
                await asyncio.sleep(0)
                self._slice_began = perf_counter()
            yield item

    def complete_awaitable_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        is_mutation = self.operation.operation is OperationType.MUTATION
        complete = (
            self._payload_at_one_state
            if is_mutation and path.prev is None
            else super().complete_awaitable_value
        )
        return complete(return_type, field_details_list, info, path, result, position_context)

    async def _payload_at_one_state(
        self,
        return_type: GraphQLOutputType,
        field_details_list: Any,
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Awaitable[Any],
        position_context: Any,
    ) -> Any:
        """Run a mutation's root field once, and complete its payload from one state."""
        try:
            payload = await result
        except Exception as error:
            payload = error
        latest = self

        async def read(context: Context) -> Any:
            nonlocal latest
            latest = self._copy_for(context)
            complete: Any = super(ConsistentExecutor, latest).complete_awaitable_value
            return await complete(
                return_type, field_details_list, info, path, _resolved(payload), position_context
            )

        try:
            return await at_one_state(self._context.copy_at_new_instant(), read)
        except AppError:
            # No consistent read was possible. Answer with the facts as they are, because an error
            # would suggest that the mutation failed.
            return await read(self._context.copy_at_new_instant())
        finally:
            self.collected_errors.errors.extend(latest.collected_errors.errors)

    @property
    def _context(self) -> Context:
        context: Context = self.context_value
        return context

    def _copy_for(self, context: Context) -> Self:
        """Return an executor of the same operation that reads with another context."""
        executor: Any = self.create_sub_executor()
        executor.context_value = context
        copy: Self = executor
        return copy


async def _resolved(payload: Any) -> Any:
    if isinstance(payload, Exception):
        raise payload
    return payload

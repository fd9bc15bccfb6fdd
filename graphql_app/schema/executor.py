"""Executing operations so that one answer describes one state of the shop's facts."""

from collections.abc import Awaitable
from typing import Any, Self

from graphql import ExecutionResult, GraphQLOutputType, GraphQLResolveInfo
from graphql.language import OperationType
from graphql.pyutils import AwaitableOrValue, Path

from graphql_app.errors import AppError
from graphql_app.runtime.context import Context
from graphql_app.runtime.one_state import at_one_state
from graphql_app.schema.variables import Executor


class ConsistentExecutor(Executor):
    """An executor that repeats an operation's reads if the facts changed meanwhile.

    A query is repeated as a whole. A mutation runs once, and only the selections of its payload are
    repeated: for each root field separately, before the next root field runs. The values that a
    subscription sends are read from one state before they get here.
    """

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

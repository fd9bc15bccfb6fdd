"""What happens to the variables of an operation before its first field is resolved.

GraphQL converts variables to the types of the schema, which takes seconds for 300 KB and
blocks the event loop. So the scopes that the root fields require and the number of
values are checked first, and many values are converted in a thread.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from functools import partial
from typing import Any

from anyio import to_thread
from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution.values import get_variable_values
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graphql_app.catalog.token_scope import TokenScope
from graphql_app.errors import AppError, ErrorCode
from graphql_app.schema.facts import MAX_ITEMS, require_few_lines
from graphql_app.schema.operation_metrics import find_operation
from graphql_app.schema.permissions import RootScopes, require_scopes

# Objects and lists in the variables of an operation that records no facts. The largest valid rule
# has about 5,000. Rules that are a little larger are left to their parser, which says more.
MAX_CONTAINERS = 10_000
MAX_VALUES = 250_000
FEW_VALUES = 500  # which are converted in less than 5 ms
MAX_ERRORS = 50  # reported of the variables of an operation; graphql-core's default


class VariableChecks(SchemaExtension):
    """An extension that refuses operations without the scopes or with too many values, and converts
    long variables."""

    def __init__(self, root_scopes: RootScopes) -> None:
        super().__init__()
        self._root_scopes = root_scopes

    async def on_validate(self) -> AsyncIterator[None]:
        yield
        context = self.execution_context
        document, variables = context.graphql_document, context.variables or {}
        if document is None or context.pre_execution_errors:
            return
        operation = find_operation(document, context._provided_operation_name)
        if operation is None:
            return
        records_facts = self._check_scopes(document, operation, variables)
        if count_values(variables, records_facts) > FEW_VALUES:
            context.variables = await to_thread.run_sync(
                partial(ConvertedVariables, context.schema._schema, document, operation, variables),
                limiter=context.context.services.converters,
            )

    def _check_scopes(
        self,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> bool:
        """Return whether a root field records facts.

        Raises:
            GraphQLError: FORBIDDEN; the token lacks a scope that a root field requires.
        """
        scopes = self._root_scopes[operation.operation]
        records_facts = False
        for field in _root_fields(document, operation.selection_set, variables):
            required = scopes.get(field.name.value, ())
            try:
                require_scopes(self.execution_context.context, field.name.value, required)
            except AppError as error:
                key = (field.alias or field.name).value
                raise GraphQLError(str(error), [field], path=[key], original_error=error) from error
            records_facts |= TokenScope.FACTS_WRITE in required
        return records_facts


class ConvertedVariables(dict[str, Any]):
    """Variables as sent, with what GraphQL makes of them: their values, or its errors."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: dict[str, Any],
    ) -> None:
        super().__init__(variables)
        declared = operation.variable_definitions or ()
        self.converted = get_variable_values(schema, declared, variables, MAX_ERRORS)
        without = OperationDefinitionNode(
            operation=operation.operation,
            name=operation.name,
            directives=operation.directives,
            selection_set=operation.selection_set,
            loc=operation.loc,
        )
        definitions = (without if node is operation else node for node in document.definitions)
        self.document = DocumentNode(definitions=tuple(definitions), loc=document.loc)


class Executor(StrawberryGraphQLCoreExecutionContext):
    """An executor of operations whose variables may be converted already.

    graphql-core converts the variables while it builds an executor. Given converted ones, this
    builds the executor of an operation without variables, and adds them afterwards.
    """

    @classmethod
    def build(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        root_value: Any = None,
        context_value: Any = None,
        raw_variable_values: dict[str, Any] | None = None,
        *args: Any,
        **options: Any,
    ) -> Any:
        if not isinstance(raw_variable_values, ConvertedVariables):
            variables = raw_variable_values
            return super().build(
                schema, document, root_value, context_value, variables, *args, **options
            )
        if isinstance(raw_variable_values.converted, list):
            return raw_variable_values.converted
        document = raw_variable_values.document
        built = super().build(schema, document, root_value, context_value, None, *args, **options)
        if not isinstance(built, list):
            built.variable_values = raw_variable_values.converted
        return built


def count_values(variables: Mapping[str, Any], records_facts: bool) -> int:
    """Count the values in variables; the count stops soon after ``FEW_VALUES`` for facts.

    Raises:
        AppError: LIMIT_EXCEEDED. A list of facts may have ``MAX_ITEMS`` items with ``MAX_LINES``
            lines. In a variable without facts, each list may have ``MAX_ITEMS`` items, and all of
            it ``MAX_CONTAINERS`` objects and lists, and ``MAX_VALUES`` values.
    """
    total = 0
    for name, variable in variables.items():
        is_facts = records_facts and isinstance(variable, list)
        if is_facts:
            require_few_lines(name, variable)
        containers = values = 0
        rest: list[Any] = [[variable]]
        while rest:
            container = rest.pop()
            counted = container is variable or not is_facts
            if counted and isinstance(container, list) and len(container) > MAX_ITEMS:
                raise _limit_exceeded(name, len(container), "items in a list", MAX_ITEMS)
            values += len(container)
            if is_facts and values > FEW_VALUES:
                break
            if not is_facts and values > MAX_VALUES:
                raise _limit_exceeded(name, values, "values", MAX_VALUES)
            inner = container.values() if isinstance(container, dict) else container
            nested = [value for value in inner if isinstance(value, dict | list)]
            containers += len(nested)
            if not is_facts and containers > MAX_CONTAINERS:
                raise _limit_exceeded(name, containers, "objects and lists", MAX_CONTAINERS)
            rest += nested
        total += values
    return total


def _limit_exceeded(name: str, count: int, what: str, limit: int) -> AppError:
    message = f"${name} has {count} {what} or more; the limit is {limit}."
    return AppError(ErrorCode.LIMIT_EXCEEDED, message, (name,))


def _root_fields(
    document: DocumentNode, selections: SelectionSetNode, variables: Mapping[str, Any]
) -> Iterator[FieldNode]:
    """Yield the fields of an operation that its ``@skip`` and ``@include`` do not leave out."""
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    rest = [selections]
    while rest:
        for node in rest.pop().selections:
            if not _is_included(node, variables):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                rest.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode):  # yields its fields once
                rest += filter(None, [fragments.pop(node.name.value, None)])


def _is_included(node: SelectionNode, variables: Mapping[str, Any]) -> bool:
    """Evaluate ``@skip`` and ``@include``; a variable that was not sent counts as included."""
    for directive in node.directives or ():
        wanted = {"include": True, "skip": False}.get(directive.name.value)
        for argument in directive.arguments or ():
            value = argument.value
            given = (
                value.value
                if isinstance(value, BooleanValueNode)
                else variables.get(value.name.value)
                if isinstance(value, VariableNode)
                else None
            )
            if wanted is not None and given is (not wanted):
                return False
    return True

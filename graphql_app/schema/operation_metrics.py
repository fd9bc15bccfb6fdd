"""Metrics and traces of operations, by their kind and first field."""

from collections.abc import Iterator, Mapping
from time import perf_counter

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension

from graphql_app.observability import traces
from graphql_app.observability.request_context import metrics

MAX_INLINE = 15  # inline fragments to follow to the first field


class OperationMetrics(SchemaExtension):
    """An extension that times queries and mutations. Subscriptions never end; they have traces."""

    def on_operation(self) -> Iterator[None]:
        began = perf_counter()
        with traces.span("operation") as span:
            try:
                yield
            finally:
                kind, field = self._kind_and_field()
                if span is not None:
                    span.update_name(f"{kind} {field}")
                if kind != "subscription":
                    metrics().operations.labels(kind, field).observe(perf_counter() - began)

    def _kind_and_field(self) -> tuple[str, str]:
        """Return the kind of the operation and its first field, if the schema has it."""
        context = self.execution_context
        document = context.graphql_document
        if document is None:
            return "none", "none"
        operation = find_operation(document, context._provided_operation_name)
        if operation is None:
            return "none", "none"
        root = context.schema._schema.get_root_type(operation.operation)
        name = _first_field(operation.selection_set, document)
        known = root is not None and name in root.fields
        field = name if known else "introspection" if name.startswith("__") else "unknown"
        return operation.operation.value, field


def find_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode | None:
    """Return the operation with a name, or the first one without a name."""
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and (
            name is None or (node.name is not None and node.name.value == name)
        ):
            return node
    return None


def _first_field(selections: SelectionSetNode, document: DocumentNode) -> str:
    """Return the name of the first field, through fragments; empty without one."""
    fragments: Mapping[str, SelectionSetNode] = {}
    for _ in range(len(document.definitions) + MAX_INLINE):
        if not selections.selections:  # the parser accepts empty braces
            return ""
        first = selections.selections[0]
        if isinstance(first, FieldNode):
            return first.name.value
        if isinstance(first, InlineFragmentNode):
            selections = first.selection_set
        elif isinstance(first, FragmentSpreadNode):
            fragments = fragments or {
                node.name.value: node.selection_set
                for node in document.definitions
                if isinstance(node, FragmentDefinitionNode)
            }
            if first.name.value not in fragments:
                break
            selections = fragments[first.name.value]
    return ""

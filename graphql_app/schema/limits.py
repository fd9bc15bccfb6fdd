"""Limits on what a query may ask, counted once per fragment so that the count is cheap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from strawberry.extensions import SchemaExtension

from graphql_app.errors import AppError, ErrorCode

MAX_DEPTH = 15  # introspection as GraphiQL asks for it has 13
MAX_FIELDS = 2_000
MAX_ALIASES = 100
MAX_TOKENS = 20_000


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a part of a query is, fragments spread out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0


class QueryLimits(SchemaExtension):
    """Refuses queries that are too deep or too wide, before they are validated or run."""

    def on_operation(self) -> Iterator[None]:
        """Have the parser stop at a number of tokens."""
        self.execution_context.parse_options["max_tokens"] = MAX_TOKENS
        yield

    def on_parse(self) -> Iterator[None]:
        """Measure the document as soon as it is parsed."""
        yield
        document = self.execution_context.graphql_document
        if document is None:
            return
        extent = measure(document)
        for what, found, limit in (
            ("levels deep", extent.depth, MAX_DEPTH),
            ("fields", extent.fields, MAX_FIELDS),
            ("aliases", extent.aliases, MAX_ALIASES),
        ):
            if found > limit:
                error = AppError(
                    ErrorCode.LIMIT_EXCEEDED,
                    f"The query has more than {limit} {what}; ask for less at once.",
                )
                raise GraphQLError(str(error), original_error=error)


def measure(document: DocumentNode) -> Extent:
    """The extent of a document's largest operation; linear in the document's size."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    known: dict[str, Extent] = {}
    extents = [
        _selections(node.selection_set, fragments, known)
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    return max(extents, key=lambda extent: extent.fields, default=Extent())


def _selections(
    selections: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    known: dict[str, Extent],
) -> Extent:
    depth = fields = aliases = 0
    for node in selections.selections if selections else ():
        match node:
            case FieldNode():
                inner = _selections(node.selection_set, fragments, known)
                inner = Extent(
                    inner.depth + 1, inner.fields + 1, inner.aliases + (node.alias is not None)
                )
            case InlineFragmentNode():
                inner = _selections(node.selection_set, fragments, known)
            case FragmentSpreadNode():
                inner = _fragment(node.name.value, fragments, known)
            case _:
                continue
        depth = max(depth, inner.depth)
        fields += inner.fields
        aliases += inner.aliases
    return Extent(depth, fields, aliases)


def _fragment(
    name: str, fragments: Mapping[str, FragmentDefinitionNode], known: dict[str, Extent]
) -> Extent:
    if name not in known:
        # A fragment that spreads itself is refused by validation; here it counts as nothing.
        known[name] = Extent()
        fragment = fragments.get(name)
        known[name] = _selections(fragment.selection_set if fragment else None, fragments, known)
    return known[name]

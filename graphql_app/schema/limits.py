"""Limits on what a query may ask, counted once per fragment so that the count is cheap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    SelectionSetNode,
    ValidationRule,
    VariableNode,
    value_from_ast_untyped,
)
from strawberry.extensions import SchemaExtension

from graphql_app.errors import AppError, ErrorCode
from graphql_app.schema.merging import bounded_merging
from graphql_app.schema.pages import DEFAULT_PAGE, MAX_PAGE
from graphql_app.settings import Settings

# Fields that ask the audience: each is a statement, or more.
COSTLY = frozenset(
    {
        "segmentSize", "segmentMembers", "size", "members", "contains", "segments", "totalCount",
        "contact", "contactCounts", "fieldSuggestions", "fieldLabels", "segmentTemplates",
        "membershipExplanation", "explanation",
    }
)  # fmt: skip
COST_OF_STATEMENT = 10
PAGED = frozenset({"segments", "segmentMembers", "members"})


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a part of a query is, fragments spread out."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0


class QueryLimits(SchemaExtension):
    """Refuses queries that are too deep or too wide, before they are validated or run."""

    def __init__(self, settings: Settings, merging: type[ValidationRule]) -> None:
        """``merging`` takes the place of the rule about fields that are named more than once."""
        super().__init__()
        self._settings = settings
        self._merging = merging

    def on_operation(self) -> Iterator[None]:
        """Have the parser stop at a number of tokens, and validation at one of comparisons."""
        execution = self.execution_context
        execution.parse_options["max_tokens"] = self._settings.max_tokens
        execution.validation_rules = tuple(
            self._merging if rule is OverlappingFieldsCanBeMergedRule else rule
            for rule in execution.validation_rules
        )
        yield

    def on_parse(self) -> Iterator[None]:
        """Measure the document as soon as it is parsed."""
        yield
        document = self.execution_context.graphql_document
        if document is None:
            return
        operations = [
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        ]
        # Strawberry would execute the first, although the specification asks for a name.
        if len(operations) > 1 and not self.execution_context._provided_operation_name:
            raise GraphQLError(
                "Name the operation: the document has several, and no operationName."
            )
        extent = measure(document, self.execution_context.variables or {})
        error = refusal(extent, self._settings)
        if error is not None:
            raise GraphQLError(str(error), original_error=error)


def query_limits(settings: Settings) -> Callable[[], QueryLimits]:
    """What makes the limits of each operation."""
    merging = bounded_merging(settings.max_repeats)
    return lambda: QueryLimits(settings, merging)


def refusal(extent: Extent, settings: Settings) -> AppError | None:
    """What is said of a query that is larger than the settings allow."""
    for code, what, found, limit in (
        (ErrorCode.QUERY_TOO_DEEP, "levels", extent.depth, settings.max_depth),
        (ErrorCode.TOO_MANY_FIELDS, "fields", extent.fields, settings.max_fields),
        (ErrorCode.TOO_MANY_ALIASES, "aliases", extent.aliases, settings.max_aliases),
        (ErrorCode.TOO_MANY_DIRECTIVES, "directives", extent.directives, settings.max_directives),
        (ErrorCode.QUERY_TOO_COSTLY, "units of cost", extent.cost, settings.max_cost),
    ):
        if found > limit:
            return AppError(code, f"The query has more than {limit} {what}; ask for less at once.")
    return None


def measure(document: DocumentNode, variables: Mapping[str, Any]) -> Extent:
    """The extent of a document, of its largest operation in every respect.

    The cost of a field is 1, or 10 where it asks the audience, and what is inside a list counts as
    often as the list may have items. Linear in the document's size.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    known: dict[str, Extent] = {}
    extents = [
        _node(
            _selections(node.selection_set, fragments, known, variables),
            node.directives,
            *(variable.directives for variable in node.variable_definitions or ()),
        )
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    ]
    return Extent(
        depth=max((extent.depth for extent in extents), default=0),
        fields=max((extent.fields for extent in extents), default=0),
        aliases=max((extent.aliases for extent in extents), default=0),
        directives=max((extent.directives for extent in extents), default=0),
        cost=max((extent.cost for extent in extents), default=0),
    )


def _selections(
    selections: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    known: dict[str, Extent],
    variables: Mapping[str, Any],
) -> Extent:
    depth = fields = aliases = directives = cost = 0
    for node in selections.selections if selections else ():
        match node:
            case FieldNode():
                inner = _selections(node.selection_set, fragments, known, variables)
                own = COST_OF_STATEMENT if _asks_the_audience(node) else 1
                inner = Extent(
                    inner.depth + 1,
                    inner.fields + 1,
                    inner.aliases + (node.alias is not None),
                    inner.directives,
                    own + inner.cost * _items(node, variables),
                )
            case InlineFragmentNode():
                inner = _selections(node.selection_set, fragments, known, variables)
            case FragmentSpreadNode():
                inner = _fragment(node.name.value, fragments, known, variables)
            case _:
                continue
        depth = max(depth, inner.depth)
        fields += inner.fields
        aliases += inner.aliases
        directives += inner.directives + len(node.directives or ())
        cost += inner.cost
    return Extent(depth, fields, aliases, directives, cost)


def _node(inner: Extent, *directives: Sequence[DirectiveNode] | None) -> Extent:
    """The extent of a definition with directives of its own."""
    return replace(inner, directives=inner.directives + sum(len(own or ()) for own in directives))


def _asks_the_audience(node: FieldNode) -> bool:
    # The members of a size are a number, those of a segment a page.
    is_number = node.name.value == "members" and node.selection_set is None
    return node.name.value in COSTLY and not is_number


def _items(node: FieldNode, variables: Mapping[str, Any]) -> int:
    """How many items a field may have: of a page its size, else one."""
    for argument in node.arguments or ():
        value = argument.value
        given = (
            variables.get(value.name.value)
            if isinstance(value, VariableNode)
            else value_from_ast_untyped(value)
        )
        if argument.name.value in {"first", "last"} and isinstance(given, int):
            return min(max(given, 1), MAX_PAGE)  # a larger page is refused where it is asked for
        if node.name.value == "nodes" and argument.name.value == "ids" and isinstance(given, list):
            return min(max(len(given), 1), MAX_PAGE)
    return DEFAULT_PAGE if node.name.value in PAGED else 1


def _fragment(
    name: str,
    fragments: Mapping[str, FragmentDefinitionNode],
    known: dict[str, Extent],
    variables: Mapping[str, Any],
) -> Extent:
    if name not in known:
        # A fragment that spreads itself is refused by validation; here it counts as nothing.
        known[name] = Extent()
        fragment = fragments.get(name)
        if fragment is not None:
            inner = _selections(fragment.selection_set, fragments, known, variables)
            known[name] = _node(inner, fragment.directives)
    return known[name]

"""Limits on what a query may ask, counted once per fragment so that the count is cheap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

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
from graphql_app.schema.introspection import TELLING
from graphql_app.schema.overlapping_fields import bounded_merging
from graphql_app.schema.pagination import DEFAULT_PAGE, MAX_PAGE
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
COST_OF_SCHEMA = 1_000  # what is told is long, and once more so with each alias in it
PAGED = frozenset({"segments", "segmentMembers", "members"})

# How many items the variables ask for, or have; ``None`` of one that is no number and no list.
Asked: TypeAlias = Mapping[str, int | None]


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

    The cost of a field is 1, or 10 where it asks the audience, or 1,000 where it tells the schema;
    what is inside a list counts as often as the list may have items. Linear in the document's size.
    """
    asked = _asked(document, variables)
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    known: dict[str, Extent] = {}
    extents = [
        _node(
            _selections(node.selection_set, fragments, known, asked),
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


def _asked(document: DocumentNode, variables: Mapping[str, Any]) -> Asked:
    """What the variables ask for: as they were sent, or by the largest default of an operation."""
    asked: dict[str, int | None] = {}
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            for definition in operation.variable_definitions or ():
                name = definition.variable.name.value
                if definition.default_value is not None:
                    default = _many(value_from_ast_untyped(definition.default_value))
                    asked[name] = max(asked.get(name) or 0, default or 0) or None
    return asked | {name: _many(value) for name, value in variables.items()}


def _many(value: object) -> int | None:
    """How many items a value asks for, or has; 250.0 is a number of them too, in JSON."""
    if isinstance(value, int | float):
        return int(max(0, min(value, MAX_PAGE)))
    return len(value) if isinstance(value, list) else None


def _selections(
    selections: SelectionSetNode | None,
    fragments: Mapping[str, FragmentDefinitionNode],
    known: dict[str, Extent],
    asked: Asked,
) -> Extent:
    depth = fields = aliases = directives = cost = 0
    for node in selections.selections if selections else ():
        match node:
            case FieldNode():
                inner = _selections(node.selection_set, fragments, known, asked)
                own = _cost(node, inner)
                inner = Extent(
                    inner.depth + 1,
                    inner.fields + 1,
                    inner.aliases + (node.alias is not None),
                    inner.directives,
                    own + inner.cost * _items(node, asked),
                )
            case InlineFragmentNode():
                inner = _selections(node.selection_set, fragments, known, asked)
            case FragmentSpreadNode():
                inner = _fragment(node.name.value, fragments, known, asked)
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


def _cost(node: FieldNode, inner: Extent) -> int:
    """The cost of a field by itself."""
    if node.name.value in TELLING:
        return COST_OF_SCHEMA * (1 + inner.aliases)
    return COST_OF_STATEMENT if _asks_the_audience(node) else 1


def _asks_the_audience(node: FieldNode) -> bool:
    # The members of a size are a number, those of a segment a page.
    is_number = node.name.value == "members" and node.selection_set is None
    return node.name.value in COSTLY and not is_number


def _items(node: FieldNode, asked: Asked) -> int:
    """How many items a field may have: of a page its size, else one."""
    for argument in node.arguments or ():
        value = argument.value
        given = (
            asked.get(value.name.value)
            if isinstance(value, VariableNode)
            else _many(value_from_ast_untyped(value))
        )
        named = argument.name.value
        if given is not None and (
            named in {"first", "last"} or (named == "ids" and node.name.value == "nodes")
        ):
            return min(max(given, 1), MAX_PAGE)  # more is refused where it is asked for
    return DEFAULT_PAGE if node.name.value in PAGED else 1


def _fragment(
    name: str,
    fragments: Mapping[str, FragmentDefinitionNode],
    known: dict[str, Extent],
    asked: Asked,
) -> Extent:
    if name not in known:
        # A fragment that spreads itself is refused by validation; here it counts as nothing.
        known[name] = Extent()
        fragment = fragments.get(name)
        if fragment is not None:
            inner = _selections(fragment.selection_set, fragments, known, asked)
            known[name] = _node(inner, fragment.directives)
    return known[name]

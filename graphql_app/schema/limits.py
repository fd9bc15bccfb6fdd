"""Limits on the size of operations. Each fragment is measured once, so measuring is linear."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

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
from graphql_app.schema.introspection import INTROSPECTION_FIELDS
from graphql_app.schema.overlapping_fields import bounded_overlap_rule
from graphql_app.schema.pagination import DEFAULT_PAGE, MAX_PAGE
from graphql_app.settings import Settings

# Fields that execute one or more statements.
COSTLY = frozenset(
    {
        "segmentSize", "segmentMembers", "size", "members", "contains", "segments", "totalCount",
        "contact", "contactCounts", "fieldSuggestions", "fieldLabels", "segmentTemplates",
        "membershipExplanation", "explanation",
    }
)  # fmt: skip
# Fields whose values may be as long as a small file.
LONG = frozenset({"properties", "tags"})
COST_OF_STATEMENT = 10
COST_OF_LONG_VALUE = 10
COST_OF_INTROSPECTION = 1_000  # the answer is long, and as long again for each alias in it
PAGED = frozenset({"segments", "segmentMembers", "members"})

# The number of items that each variable requests or has; ``None`` for other values.
ItemCounts: TypeAlias = Mapping[str, int | None]


class Extent(NamedTuple):
    """The size of a part of a document, with fragments expanded."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    cost: int = 0


class QueryLimits(SchemaExtension):
    """An extension that refuses operations beyond a limit, before they are validated."""

    def __init__(self, settings: Settings, overlap_rule: type[ValidationRule]) -> None:
        super().__init__()
        self._settings = settings
        self._overlap_rule = overlap_rule

    def on_operation(self) -> Iterator[None]:
        execution = self.execution_context
        execution.parse_options["max_tokens"] = self._settings.max_tokens
        execution.validation_rules = tuple(
            self._overlap_rule if rule is OverlappingFieldsCanBeMergedRule else rule
            for rule in execution.validation_rules
        )
        yield

    def on_parse(self) -> Iterator[None]:
        yield
        document = self.execution_context.graphql_document
        if document is None:
            return
        operations = [
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        ]
        # The specification requires a name; Strawberry would execute the first operation.
        if len(operations) > 1 and not self.execution_context._provided_operation_name:
            raise GraphQLError("The document has several operations; send operationName.")
        check_extent(measure(document, self.execution_context.variables or {}), self._settings)


def query_limits(settings: Settings) -> Callable[[], QueryLimits]:
    """Return the factory of the extension that limits operations."""
    overlap_rule = bounded_overlap_rule(settings.max_repeats)
    return lambda: QueryLimits(settings, overlap_rule)


def check_extent(extent: Extent, settings: Settings) -> None:
    """Raise the error of the first limit that a document exceeds, if any."""
    for code, what, found, limit in (
        (ErrorCode.QUERY_TOO_DEEP, "levels", extent.depth, settings.max_depth),
        (ErrorCode.TOO_MANY_FIELDS, "fields", extent.fields, settings.max_fields),
        (ErrorCode.TOO_MANY_ALIASES, "aliases", extent.aliases, settings.max_aliases),
        (ErrorCode.TOO_MANY_DIRECTIVES, "directives", extent.directives, settings.max_directives),
        (ErrorCode.QUERY_TOO_COSTLY, "units of cost", extent.cost, settings.max_cost),
    ):
        if found > limit:
            message = f"The query has more than {limit} {what}; split it into smaller queries."
            raise GraphQLError(message, original_error=AppError(code, message))


def measure(document: DocumentNode, variables: Mapping[str, Any]) -> Extent:
    """Measure a document: in each respect, its largest operation.

    A field costs 1, a field with statements or long values 10, introspection 1,000. Fields inside a
    list count once for each item that the list can have. The time is linear in the document's size.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    meter = _Meter(fragments, _item_counts(document, variables))
    extents = [Extent()]
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            variable_directives = [found.directives for found in node.variable_definitions or ()]
            inner = meter.selections(node.selection_set)
            extents.append(_with_directives(inner, node.directives, *variable_directives))
    return Extent(*map(max, zip(*extents, strict=True)))


def _item_counts(document: DocumentNode, variables: Mapping[str, Any]) -> ItemCounts:
    """Count the items of the variables as sent, or of their largest defaults."""
    counts: dict[str, int | None] = {}
    for operation in document.definitions:
        if isinstance(operation, OperationDefinitionNode):
            for definition in operation.variable_definitions or ():
                name = definition.variable.name.value
                if definition.default_value is not None:
                    default = _item_count(value_from_ast_untyped(definition.default_value))
                    counts[name] = max(counts.get(name) or 0, default or 0) or None
    return counts | {name: _item_count(value) for name, value in variables.items()}


def _item_count(value: object) -> int | None:
    """Return the number of items that a value requests or has; in JSON, 250.0 is a number, too."""
    if isinstance(value, int | float):
        return int(max(0, min(value, MAX_PAGE)))
    return len(value) if isinstance(value, list) else None


@dataclass(frozen=True, slots=True)
class _Meter:
    """A measure of one document's parts, which visits each fragment once."""

    fragments: Mapping[str, FragmentDefinitionNode]
    counts: ItemCounts
    measured: dict[str, Extent] = field(default_factory=dict)

    def selections(self, selections: SelectionSetNode | None) -> Extent:
        depth = fields = aliases = directives = cost = 0
        for node in selections.selections if selections else ():
            match node:
                case FieldNode():
                    inner = self.selections(node.selection_set)
                    inner = Extent(
                        inner.depth + 1,
                        inner.fields + 1,
                        inner.aliases + (node.alias is not None),
                        inner.directives,
                        _cost(node, inner) + inner.cost * _items(node, self.counts),
                    )
                case InlineFragmentNode():
                    inner = self.selections(node.selection_set)
                case FragmentSpreadNode():
                    inner = self.fragment(node.name.value)
                case _:
                    continue
            depth = max(depth, inner.depth)
            fields += inner.fields
            aliases += inner.aliases
            directives += inner.directives + len(node.directives or ())
            cost += inner.cost
        return Extent(depth, fields, aliases, directives, cost)

    def fragment(self, name: str) -> Extent:
        if name not in self.measured:
            # Validation refuses a fragment that spreads itself; here it counts as empty.
            self.measured[name] = Extent()
            fragment = self.fragments.get(name)
            if fragment is not None:
                inner = self.selections(fragment.selection_set)
                self.measured[name] = _with_directives(inner, fragment.directives)
        return self.measured[name]


def _with_directives(inner: Extent, *directives: Sequence[DirectiveNode] | None) -> Extent:
    own = sum(len(some or ()) for some in directives)
    return inner._replace(directives=inner.directives + own)


def _cost(node: FieldNode, inner: Extent) -> int:
    """Return the cost of a field without its selections."""
    name = node.name.value
    if name in INTROSPECTION_FIELDS:
        return COST_OF_INTROSPECTION * (1 + inner.aliases)
    # ``members`` of a size is a number, ``members`` of a segment a page.
    is_number = name == "members" and node.selection_set is None
    if name in LONG:
        return COST_OF_LONG_VALUE
    return COST_OF_STATEMENT if name in COSTLY and not is_number else 1


def _items(node: FieldNode, counts: ItemCounts) -> int:
    """Return the maximum number of items of a field: a page's size, otherwise one."""
    for argument in node.arguments or ():
        value = argument.value
        given = (
            counts.get(value.name.value)
            if isinstance(value, VariableNode)
            else _item_count(value_from_ast_untyped(value))
        )
        named = argument.name.value
        if given is not None and (
            named in {"first", "last"} or (named == "ids" and node.name.value == "nodes")
        ):
            return min(max(given, 1), MAX_PAGE)  # the resolver refuses more
    return DEFAULT_PAGE if node.name.value in PAGED else 1

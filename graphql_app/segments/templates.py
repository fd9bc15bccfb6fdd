"""Templates: rules to start from, filled in with a shop's own values."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphql_app.criteria import DefaultSegment, SegmentTemplate, Suggested
from graphql_app.errors import InvalidInputError
from graphql_app.plugins import Failure, Registry
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.failures import CriteriaError
from graphql_app.segments.rules import parser, tree
from graphql_app.segments.suggestions import suggestions

KeyPath = tuple[str, ...]


def check_segment_rules(registry: Registry) -> Iterable[Failure]:
    """Check the rules of the plugins' default segments and templates."""
    failures: list[Failure] = []
    while True:
        # Rules may use criteria of plugins that have just failed, so check until none fails.
        remaining = registry.without(failures) if failures else registry
        found = [
            Failure(plugin, f"has an invalid rule in {starter.name!r}", str(error))
            for plugin, contribution in remaining.contributions.items()
            for starter in contribution.starters
            if (error := _error_of(starter, remaining)) is not None
        ]
        if not found:
            return failures
        failures += found


def _error_of(
    starter: DefaultSegment | SegmentTemplate, registry: Registry
) -> InvalidInputError | None:
    try:
        parser.parse(_fill(starter.rule, lambda _, value: value.otherwise), registry)
    except InvalidInputError as error:
        return error
    return None


def fill_template(
    template: SegmentTemplate, registry: Registry, reader: FactReader
) -> dict[str, Any]:
    """Return a template's rule with the shop's own values, in canonical form."""

    def suggested(path: KeyPath, value: Suggested) -> str:
        criterion, field = path[-2:]
        first = value.position + 1
        try:
            found = suggestions(reader, registry, criterion, field, first=first)
        except CriteriaError:
            return value.otherwise
        return found[value.position].value if len(found) == first else value.otherwise

    return tree.document(parser.parse(_fill(template.rule, suggested), registry))


def _fill(node: Any, fill: Callable[[KeyPath, Suggested], str], path: KeyPath = ()) -> Any:
    """Replace every suggested value, given its path of keys, in a template's rule."""
    match node:
        case Suggested():
            return fill(path, node)
        case Mapping():
            return {name: _fill(inner, fill, (*path, name)) for name, inner in node.items()}
        case list():
            return [_fill(inner, fill, path) for inner in node]
        case _:
            return node

"""Templates: rules to start from, filled in for a shop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql_app.criteria import DefaultSegment, SegmentTemplate, Suggested
from graphql_app.errors import InvalidInputError
from graphql_app.plugins import Failure, Registry, without
from graphql_app.segments.fact_reader import FactReader
from graphql_app.segments.failures import CriteriaError
from graphql_app.segments.rules import parser, tree
from graphql_app.segments.suggestions import suggestions

Place = tuple[str, ...]


def check_starters(registry: Registry, strict: bool = True) -> Registry:
    """The registry without the plugins whose default segments or templates do not hold.

    Raises:
        PluginError: There are any, and the host is strict.
    """
    failures = [
        Failure(plugin, f"has a rule that does not hold, of {starter.name!r}", str(error))
        for plugin, contribution in registry.contributions.items()
        for starter in contribution.starters
        if (error := _wrong_with(starter, registry)) is not None
    ]
    if not failures:
        return registry
    # Without them, rules of others may not hold any more.
    return check_starters(without(registry, failures, strict), strict)


def _wrong_with(
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

    def suggested(place: Place, value: Suggested) -> str:
        criterion, field = place[-2:]
        first = value.position + 1
        try:
            found = suggestions(reader, registry, criterion, field, first=first)
        except CriteriaError:
            return value.otherwise
        return found[value.position].value if len(found) == first else value.otherwise

    return tree.document(parser.parse(_fill(template.rule, suggested), registry))


def _fill(node: Any, fill: Callable[[Place, Suggested], str], place: Place = ()) -> Any:
    """A template's rule with every suggested value, at its place of keys, filled in."""
    match node:
        case Suggested():
            return fill(place, node)
        case Mapping():
            return {name: _fill(inner, fill, (*place, name)) for name, inner in node.items()}
        case list():
            return [_fill(inner, fill, place) for inner in node]
        case _:
            return node

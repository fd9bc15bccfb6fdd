"""Acceptance of plugins: every check that a plugin passes before the first request."""

from collections.abc import Iterable
from functools import partial

from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.plugin_discovery import (
    criteria_are_usable,
    discover,
    enums_are_unique,
    names_are_unique,
    tables_are_usable,
)
from graphql_app.plugins import HOST, Check, Failure, Registry, run_checks
from graphql_app.schema.build import build_schema
from graphql_app.segments.plugin_probe import create_plugin_tables, probe_criteria
from graphql_app.segments.templates import starters_are_valid


def types_fit_the_schema(registry: Registry) -> Iterable[Failure]:
    """Check that a GraphQL schema can be built; otherwise find the plugins that prevent it."""
    if _schema_error(registry) is None:
        return
    third_party = [plugin for plugin in registry.contributions if plugin.distribution != HOST]
    rest = [Failure(plugin, "has not been tried") for plugin in third_party]
    build_schema(registry.without(rest))  # an error of the built-in plugins is raised
    failures: list[Failure] = []
    for plugin in third_party:
        rest.pop(0)
        error = _schema_error(registry.without([*failures, *rest]))
        if error is not None:
            reason = "has types that do not fit into the GraphQL schema"
            failures.append(Failure(plugin, reason, str(error)))
    yield from failures


def _schema_error(registry: Registry) -> Exception | None:
    try:
        build_schema(registry)
    except Exception as error:
        return error
    return None


# All checks of a plugin, in order. A plugin that fails one is left out as a whole, and the next
# check sees the others. Before them, discovery imports the plugin, compares its contract version
# and calls its hooks.
CHECKS: tuple[Check, ...] = (
    criteria_are_usable,
    tables_are_usable,
    names_are_unique,
    enums_are_unique,
    types_fit_the_schema,
    starters_are_valid,
)

# The checks that need the store of facts; they run after the ones above.
STORE_CHECKS = (create_plugin_tables, probe_criteria)


def installed_plugins(strict: bool) -> Registry:
    """Return the plugins that pass every check without the store; if strict, raise PluginError."""
    return discover(strict, CHECKS)


def accept_in_store(audience: Audience, registry: Registry, strict: bool) -> Registry:
    """Return the plugins that work with a store of facts, after creating their tables in it.

    Raise AppError if the store cannot be used and, if strict, PluginError if a plugin failed.
    """
    create_tables(audience)
    checks = [partial(check, audience) for check in STORE_CHECKS]
    # Rules may use criteria of plugins that have just failed.
    registry = run_checks(registry, [*checks, starters_are_valid], strict)
    audience.use_plugin_tables(registry.tables)
    return registry

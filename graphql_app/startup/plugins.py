"""The checks that every plugin must pass before the first request.

Most commands use plugins without the GraphQL library and the engine, which take a second to load.
So this module imports them where they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from graphql_app.plugin_discovery import discover
from graphql_app.plugins import HOST, Check, Failure, Registry, run_checks
from graphql_app.startup.plugin_declarations import (
    check_criteria,
    check_enums,
    check_names,
    check_tables,
)

if TYPE_CHECKING:
    from graphql_app.audience.store import Audience


def check_schema_types(registry: Registry) -> Iterable[Failure]:
    """Build the GraphQL schema; if that fails, yield the plugins that prevent it."""
    from graphql_app.schema.build import build_schema

    def error_of(registry: Registry) -> Exception | None:
        try:
            build_schema(registry)
        except Exception as error:
            return error
        return None

    if error_of(registry) is None:
        return
    accepted = {
        plugin: contribution
        for plugin, contribution in registry.contributions.items()
        if plugin.distribution == HOST
    }
    build_schema(Registry.of(accepted))  # an error of the built-in plugins is raised
    for plugin, contribution in registry.contributions.items():
        if plugin in accepted:
            continue
        error = error_of(Registry.of({**accepted, plugin: contribution}))
        if error is None:
            accepted[plugin] = contribution
        else:
            reason = "has types that do not fit into the GraphQL schema"
            yield Failure(plugin, reason, str(error))


def create_plugin_tables(audience: Audience, registry: Registry) -> Iterable[Failure]:
    from graphql_app.segments import plugin_probe

    return plugin_probe.create_plugin_tables(audience, registry)


def probe_criteria(audience: Audience, registry: Registry) -> Iterable[Failure]:
    from graphql_app.segments import plugin_probe

    return plugin_probe.probe_criteria(audience, registry)


def check_segment_rules(registry: Registry) -> Iterable[Failure]:
    from graphql_app.segments import templates

    return templates.check_segment_rules(registry)


class Checks(NamedTuple):
    """Checks of plugins, by what they need."""

    declarations: tuple[Check, ...]
    schema: tuple[Check, ...]
    store: tuple[Callable[[Audience, Registry], Iterable[Failure]], ...]
    rules: tuple[Check, ...]


# Every check, in order. A plugin that fails a check is left out as a whole, and later checks do not
# see it. Before the first check, discovery refuses what has no declarations to check: a plugin with
# the name of another or for another version of the contract, one that cannot be imported, and one
# whose hooks are unknown, fail or return something else than they should.
CHECKS = Checks(
    declarations=(check_criteria, check_tables, check_names, check_enums),
    schema=(check_schema_types,),
    # Before the audience is open, these are skipped.
    store=(create_plugin_tables, probe_criteria),
    # Last, because the rules may use criteria of a plugin that has failed.
    rules=(check_segment_rules,),
)


def declared_plugins(strict: bool = True) -> Registry:
    """Return the installed plugins that pass the checks of their declarations.

    Raises:
        PluginError: A plugin failed, and ``strict`` is true.
    """
    return discover(strict, CHECKS.declarations)


def installed_plugins(strict: bool) -> Registry:
    """Return the installed plugins that pass every check without the audience.

    Raises:
        PluginError: A plugin failed, and ``strict`` is true.
    """
    return discover(strict, [*CHECKS.declarations, *CHECKS.schema, *CHECKS.rules])


def accept_in_store(audience: Audience, registry: Registry, strict: bool) -> Registry:
    """Create the plugins' tables in the audience, and return the plugins that work with it.

    Raises:
        AppError: The audience cannot be used.
        PluginError: A plugin failed, and ``strict`` is true.
    """
    from graphql_app.audience.table_setup import create_tables

    create_tables(audience)
    in_store = [partial(check, audience) for check in CHECKS.store]
    registry = run_checks(registry, [*in_store, *CHECKS.rules], strict)
    audience.use_plugin_tables(registry.tables)
    return registry

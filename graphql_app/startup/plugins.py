"""The checks that every plugin must pass before the first request."""

from collections.abc import Iterable
from functools import partial

from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.plugin_discovery import DECLARATION_CHECKS, discover
from graphql_app.plugins import HOST, Check, Failure, Registry, run_checks
from graphql_app.schema.build import build_schema
from graphql_app.segments.plugin_probe import create_plugin_tables, probe_criteria
from graphql_app.segments.templates import check_segment_rules


def check_schema_types(registry: Registry) -> Iterable[Failure]:
    """Build the GraphQL schema; if that fails, yield the plugins that prevent it."""
    if _schema_error(registry) is None:
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
        error = _schema_error(Registry.of({**accepted, plugin: contribution}))
        if error is None:
            accepted[plugin] = contribution
        else:
            reason = "has types that do not fit into the GraphQL schema"
            yield Failure(plugin, reason, str(error))


def _schema_error(registry: Registry) -> Exception | None:
    try:
        build_schema(registry)
    except Exception as error:
        return error
    return None


# In order. A plugin that fails a check is left out as a whole, and later checks do not see it.
# Discovery has already imported the plugin, compared its contract version and called its hooks.
CHECKS: tuple[Check, ...] = (*DECLARATION_CHECKS, check_schema_types, check_segment_rules)

# The checks that need the audience; they run after the ones above.
STORE_CHECKS = (create_plugin_tables, probe_criteria)


def installed_plugins(strict: bool) -> Registry:
    """Return the plugins that pass every check without the audience.

    Raises:
        PluginError: A plugin failed, and ``strict`` is true.
    """
    return discover(strict, CHECKS)


def accept_in_store(audience: Audience, registry: Registry, strict: bool) -> Registry:
    """Create the plugins' tables in the audience, and return the plugins that work with it.

    Raises:
        AppError: The audience cannot be used.
        PluginError: A plugin failed, and ``strict`` is true.
    """
    create_tables(audience)
    checks = [partial(check, audience) for check in STORE_CHECKS]
    # Check again: default segments and templates may use criteria of a plugin that has just failed.
    registry = run_checks(registry, [*checks, check_segment_rules], strict)
    audience.use_plugin_tables(registry.tables)
    return registry

"""The plugins that can be used, each checked."""

from __future__ import annotations

from graphql_app.audience.store import Audience
from graphql_app.plugins import HOST, Failure, Registry, discover, without
from graphql_app.schema.build import build_schema
from graphql_app.segments.plugin_probe import check_criteria, check_tables
from graphql_app.segments.templates import check_starters


def usable_by(audience: Audience, registry: Registry, strict: bool) -> Registry:
    """The plugins that can be used with an audience, which gets their tables.

    Raises:
        AppError: The audience cannot be used.
        PluginError: Some plugins cannot, and it is to be strict.
    """
    audience.create_tables()
    for check in (check_tables, check_criteria):
        registry = check(audience, registry, strict)
    registry = check_starters(registry, strict)
    audience.use_plugin_tables(registry.tables)
    return registry


def usable_plugins(strict: bool) -> Registry:
    """The plugins that are installed, as far as they can be used without the audience.

    Raises:
        PluginError: Some cannot, and it is to be strict.
    """
    return check_starters(check_schema(discover(strict=strict), strict), strict)


def check_schema(registry: Registry, strict: bool = True) -> Registry:
    """The registry without the plugins whose types do not fit into the schema with the others'.

    Raises:
        PluginError: There are any, and the host is strict.
    """
    if _wrong_with(registry) is None:
        return registry
    theirs = [plugin for plugin in registry.contributions if plugin.distribution != HOST]
    untried = [Failure(plugin, "has not been tried") for plugin in theirs]
    build_schema(without(registry, untried, strict=False))  # what fails here is no plugin's fault
    failures: list[Failure] = []
    for plugin in theirs:
        untried.pop(0)
        error = _wrong_with(without(registry, [*failures, *untried], strict=False))
        if error is not None:
            reason = "has types that do not fit into the GraphQL schema"
            failures.append(Failure(plugin, reason, str(error)))
    return without(registry, failures, strict)


def _wrong_with(registry: Registry) -> Exception | None:
    """Why there is no schema of a registry."""
    try:
        build_schema(registry)
    except Exception as error:
        return error
    return None

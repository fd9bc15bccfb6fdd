"""Check the installed plugins like a server's start does, without touching the shops' facts.

The checks load the GraphQL library and the engine. They never fail for the built-in plugins, so
they run only if another plugin is installed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphql_app.plugins import Registry


def check_plugins(strict: bool) -> Registry:
    """Return the plugins that pass the checks without a store; if strict, raise PluginError."""
    from graphql_app.plugin_discovery import discover
    from graphql_app.plugins import HOST

    registry = discover(strict=strict)
    if all(plugin.distribution == HOST for plugin in registry.contributions):
        return registry
    from graphql_app.startup.plugins import installed_plugins

    return installed_plugins(strict)


def try_plugins() -> Registry:
    """Return the plugins that pass every check, in a temporary store."""
    from graphql_app.plugins import HOST

    registry = check_plugins(strict=False)
    if all(plugin.distribution == HOST for plugin in registry.contributions):
        return registry
    from graphql_app.audience.store import Audience
    from graphql_app.startup.plugins import accept_in_store

    logging.disable()  # the commands print the failures, with more detail
    with TemporaryDirectory() as directory:
        path = Path(directory).resolve() / "audience"
        audience = Audience(f"clickhousedb://?interface=chdb&path={path}")
        try:
            return accept_in_store(audience, registry, strict=False)
        finally:
            audience.close()

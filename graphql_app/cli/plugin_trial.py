"""Check the installed plugins the way a server does when it starts, without the shops' facts.

The checks load the GraphQL library and the engine. They never fail for the built-in plugins, so
they run only if another plugin is installed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphql_app.plugins import Registry


def check_plugins(strict: bool) -> Registry:
    """Return the plugins that pass every check that needs no store.

    Raises:
        PluginError: A plugin failed, and ``strict`` is true.
    """
    from graphql_app.plugin_discovery import discover

    registry = discover(strict=strict)
    if _only_built_in(registry):
        return registry
    from graphql_app.startup.plugins import installed_plugins

    return installed_plugins(strict)


def try_plugins() -> Registry:
    """Return the plugins that pass every check, in a temporary store."""
    registry = check_plugins(strict=False)
    if _only_built_in(registry):
        return registry
    from graphql_app.audience.store import Audience
    from graphql_app.startup.plugins import accept_in_store

    with TemporaryDirectory() as directory, without_log():
        path = Path(directory).resolve() / "audience"
        audience = Audience(f"clickhousedb://?interface=chdb&path={path}")
        try:
            return accept_in_store(audience, registry, strict=False)
        finally:
            audience.close()


@contextmanager
def without_log() -> Iterator[None]:
    """Log nothing meanwhile: the command prints the failures, with more detail."""
    disabled_before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(disabled_before)


def _only_built_in(registry: Registry) -> bool:
    from graphql_app.plugins import HOST

    return all(plugin.distribution == HOST for plugin in registry.contributions)

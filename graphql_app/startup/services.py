"""Opening the services of a process, in order: the catalog, the audience, the plugins."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from anyio import CapacityLimiter

from graphql_app.audience.migrate import require_current_rows
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.segments.default_segments import update_defaults
from graphql_app.settings import Settings
from graphql_app.startup.audience import open_audience, open_recorder
from graphql_app.startup.catalog import open_catalog
from graphql_app.startup.plugins import accept_in_store, installed_plugins

logger = logging.getLogger(__name__)


@contextmanager
def open_services(settings: Settings, registry: Registry | None = None) -> Iterator[Services]:
    """Open the services of a process, by default with the installed plugins.

    Raises:
        AppError: A store cannot be used.
        PluginError: A plugin cannot be used, and STRICT_PLUGINS is set.
    """
    strict = settings.strict_plugins
    registry = registry or installed_plugins(strict)
    with open_catalog(settings) as catalog, open_audience(settings) as audience:
        registry = accept_in_store(audience, registry, strict)
        for failure in registry.failures:
            logger.warning("left out: %s", failure)
        recorder = open_recorder(settings, catalog, audience)
        require_current_rows(audience)  # after the journal, which may have rows of an older version
        update_defaults(catalog, registry)
        workers = CapacityLimiter(settings.query_concurrency)
        feed = recorder.change_feed
        with nullcontext() if feed is None else feed.poll_in_background():
            yield Services(catalog, audience, recorder, registry, workers, settings.index_bytes)

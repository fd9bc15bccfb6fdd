"""Fixtures: a server with a plugin that declares tables, on its own database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.conftest import STORES, opener
from tests.support import Client, Server, serving

Started = Callable[[Registry], AbstractContextManager[Server]]


def _starter(
    services: Services, settings: Settings, server: Server, open_audience: Callable[..., Audience]
) -> Started:
    @contextmanager
    def started(registry: Registry) -> Iterator[Server]:
        audience = open_audience(tables=registry.tables)
        try:
            create_tables(audience)
            recorder = Recorder(audience)
            recorder.recover()
            opened = replace(services, audience=audience, recorder=recorder, registry=registry)
            with serving(opened, settings) as address:
                yield replace(server, address=address, services=opened)
        finally:
            audience.close()

    return started


@pytest.fixture
def start(
    services: Services, settings: Settings, server: Server, open_audience: Callable[..., Audience]
) -> Started:
    """Return a function that starts a server with some plugins; all use one database."""
    return _starter(services, settings, server, open_audience)


@pytest.fixture(scope="package", params=STORES)
def plugged(
    request: pytest.FixtureRequest,
    services: Services,
    settings: Settings,
    server: Server,
    registry_with_reviews: Registry,
    open_database: Callable[[str], AbstractContextManager[str]],
) -> Iterator[Server]:
    """Start a server with the plugin, whose database the tests share."""
    with open_database(request.param) as url:
        start = _starter(services, settings, server, opener(request.param, url))
        with start(registry_with_reviews) as started:
            yield started


@pytest.fixture
def shop(server: Server, plugged: Server) -> Client:
    """Create a shop on the server with the plugin; return a client."""
    return plugged.client(server.shop().shop)

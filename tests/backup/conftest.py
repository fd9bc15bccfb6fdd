"""Fixtures: empty installations, and one with data of every kind."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest

from graphql_app.audience.store import Audience
from graphql_app.catalog.store import Catalog
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.backup.installation import Installation, create_shops, view_shop
from tests.clickhouse_server import ClickHouseServer
from tests.conftest import create_database
from tests.support import Client

_numbers = count(1)


class CreateInstallation(Protocol):
    """Creates an empty installation.

    One on PostgreSQL also uses ClickHouse over HTTP and shared write locks.
    """

    def __call__(self, catalog: str = "sqlite", with_plugin: bool = True) -> Installation: ...


@pytest.fixture(scope="package")
def create_installation(
    request: pytest.FixtureRequest,
    services: Services,
    settings: Settings,
    registry: Registry,
    registry_with_reviews: Registry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[CreateInstallation]:
    """Return a function that creates installations, which are dropped after these tests."""
    catalogs = tmp_path_factory.mktemp("catalogs")
    with ExitStack() as cleanup:

        def create(catalog: str = "sqlite", with_plugin: bool = True) -> Installation:
            name, shared = f"backup_{next(_numbers)}", catalog == "postgresql"
            services.audience.command(f"CREATE DATABASE {name}")
            cleanup.callback(services.audience.command, f"DROP DATABASE {name}")
            if shared:
                catalog_url = create_database(request.getfixturevalue("postgres"), name)
                clickhouse: ClickHouseServer = request.getfixturevalue("clickhouse")
                audience_url = clickhouse.url(name)
            else:
                catalog_url = f"sqlite:///{catalogs / name}.sqlite3"
                path = settings.data_dir.resolve() / "audience"
                audience_url = f"clickhousedb:///{name}?interface=chdb&path={path}"
            opened_catalog = Catalog(catalog_url)
            cleanup.callback(opened_catalog.close)
            plugins = registry_with_reviews if with_plugin else registry
            audience = Audience(audience_url, tables=plugins.tables)
            cleanup.callback(audience.close)
            own_services = replace(
                services, catalog=opened_catalog, audience=audience, registry=plugins
            )
            return Installation(own_services, settings, shared)

        yield create


@dataclass(frozen=True)
class Source:
    """A served installation with two shops and data of every kind. Tests must not change it."""

    installation: Installation
    shops: tuple[Client, Client]

    @cached_property
    def seen(self) -> Sequence[Any]:
        """Return what a client sees of each shop."""
        return [*map(view_shop, self.shops)]


@pytest.fixture(scope="package")
def source(create_installation: CreateInstallation) -> Iterator[Source]:
    installation = create_installation()
    with installation.serving() as server:
        yield Source(installation, create_shops(server))


@pytest.fixture(scope="package")
def backup(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a backup of ``source``. Tests must not change the backup."""
    path = tmp_path_factory.mktemp("backups") / "backup"
    source.installation.back_up(path)
    return path

"""Fixtures: empty installations, and one with data of every kind."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from graphql_app.audience.store import Audience
from graphql_app.catalog.store import Catalog
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.backup.installation import Installation, create_shops
from tests.clickhouse_server import ClickHouseServer
from tests.conftest import create_database
from tests.support import Client

_numbers = count(1)


class New(Protocol):
    """Creates an empty installation: on PostgreSQL also with ClickHouse over HTTP, shared locks."""

    def __call__(self, catalog: str = "sqlite", plugged: bool = True) -> Installation: ...


@pytest.fixture(scope="package")
def new(
    request: pytest.FixtureRequest,
    services: Services,
    settings: Settings,
    registry: Registry,
    with_reviews: Registry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[New]:
    """Return a function that creates installations, which are dropped after these tests."""
    catalogs = tmp_path_factory.mktemp("catalogs")
    with ExitStack() as ends:

        def new(catalog: str = "sqlite", plugged: bool = True) -> Installation:
            name = f"backup_{next(_numbers)}"
            url = f"sqlite:///{catalogs / name}.sqlite3"
            if catalog == "postgresql":
                url = create_database(request.getfixturevalue("postgres"), name)
            services.audience.command(f"CREATE DATABASE {name}")
            ends.callback(services.audience.command, f"DROP DATABASE {name}")
            opened_catalog = Catalog(url)
            ends.callback(opened_catalog.close)
            plugins = with_reviews if plugged else registry
            path = settings.data_dir.resolve() / "audience"
            facts = f"clickhousedb:///{name}?interface=chdb&path={path}"
            if catalog == "postgresql":
                clickhouse: ClickHouseServer = request.getfixturevalue("clickhouse")
                facts = clickhouse.url(name)
            audience = Audience(facts, tables=plugins.tables)
            ends.callback(audience.close)
            own = replace(services, catalog=opened_catalog, audience=audience, registry=plugins)
            return Installation(own, settings, shared=catalog == "postgresql")

        yield new


@dataclass(frozen=True)
class Source:
    """A served installation with two shops and data of every kind. Tests must not change it."""

    installation: Installation
    shops: tuple[Client, Client]


@pytest.fixture(scope="package")
def source(new: New) -> Iterator[Source]:
    installation = new()
    with installation.serving() as server:
        yield Source(installation, create_shops(server))


@pytest.fixture(scope="package")
def backup(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a backup of ``source``, which tests must not change."""
    path = tmp_path_factory.mktemp("backups") / "backup"
    source.installation.back_up(path)
    return path

"""Fixtures: installations with stores of their own, and one with everything in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import create_engine, make_url, text

from graphql_app.audience.store import Audience
from graphql_app.catalog.store import Catalog
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from graphql_app.plugin_discovery import load
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from tests.backup.installation import Installation, furnish
from tests.clickhouse_server import ClickHouseServer
from tests.support import Client

_made = count(1)


class New(Protocol):
    """Makes an installation with empty stores.

    On SQLite the audience is the embedded engine; on PostgreSQL it is asked over HTTP, and shared.
    """

    def __call__(self, catalog: str = "sqlite", plugged: bool = True) -> Installation: ...


@pytest.fixture(scope="session")
def with_reviews() -> Registry:
    """The built-in plugins, and one with tables."""
    point = EntryPoint("reviews", "tests.plugins.reviews", ENTRY_POINT_GROUP)
    return load([*entry_points(group=ENTRY_POINT_GROUP), point])


@pytest.fixture(scope="package")
def new(
    request: pytest.FixtureRequest,
    services: Services,
    settings: Settings,
    registry: Registry,
    with_reviews: Registry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[New]:
    """Makes installations, which end with these tests."""
    catalogs = tmp_path_factory.mktemp("catalogs")
    with ExitStack() as ends:

        def new(catalog: str = "sqlite", plugged: bool = True) -> Installation:
            name = f"backup_{next(_made)}"
            url = f"sqlite:///{catalogs / name}.sqlite3"
            if catalog == "postgresql":
                first: str = request.getfixturevalue("postgres")
                engine = create_engine(first, isolation_level="AUTOCOMMIT")
                with engine.connect() as connection:
                    connection.execute(text(f"CREATE DATABASE {name}"))
                engine.dispose()
                url = make_url(first).set(database=name).render_as_string(hide_password=False)
            services.audience.command(f"CREATE DATABASE {name}")
            ends.callback(services.audience.command, f"DROP DATABASE {name}")
            opened = Catalog(url)
            ends.callback(opened.close)
            used = with_reviews if plugged else registry
            path = settings.data_dir.resolve() / "audience"
            facts = f"clickhousedb:///{name}?interface=chdb&path={path}"
            if catalog == "postgresql":
                engine_over_http: ClickHouseServer = request.getfixturevalue("clickhouse")
                facts = engine_over_http.url(name)
            audience = Audience(facts, tables=used.tables)
            ends.callback(audience.close)
            made = replace(services, catalog=opened, audience=audience, registry=used)
            return Installation(made, settings, shared=catalog == "postgresql")

        yield new


@dataclass(frozen=True)
class Source:
    """An installation that is served, with two shops in which there is something of everything.

    It is to be left as it is.
    """

    installation: Installation
    shops: tuple[Client, Client]


@pytest.fixture(scope="package")
def source(new: New) -> Iterator[Source]:
    """One on SQLite, with a plugin's tables."""
    made = new()
    with made.serving() as server:
        yield Source(made, furnish(server))


@pytest.fixture(scope="package")
def backup(source: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it, to be left as it is too."""
    path = tmp_path_factory.mktemp("backups") / "backup"
    source.installation.back_up(path)
    return path

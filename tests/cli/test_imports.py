"""Commands load only what they run on."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphql_app.audience.export_formats import ExportFormat
from graphql_app.audience.facts import FACTS
from graphql_app.audience.importers import format_names
from graphql_app.cli.app import app
from graphql_app.cli.import_command import FORMATS

ENGINE = {"chdb", "pyarrow", "numpy", "clickhouse_connect"}
SERVER = {"strawberry", "graphql", "starlette", "uvicorn", "websockets", "prometheus_client"}
CATALOG = {"sqlalchemy", "sqlmodel", "alembic"}
SETTINGS = {"pydantic", "pydantic_settings"}
PLUGINS = {"pluggy", "babel"}
ALL = ENGINE | SERVER | CATALOG | SETTINGS | PLUGINS

RUN = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from graphql_app.cli import main
main()
"""


def loaded_modules(directory: Path, *arguments: str) -> set[str]:
    """Run a command, and return the modules that it has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=directory,
        env={"DATA_DIR": str(directory)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(done.stderr.split())


@dataclass(frozen=True)
class ShopCreate:
    """A data directory with the shop acme, and the modules that its command has loaded."""

    data: Path
    loaded: set[str]


@pytest.fixture(scope="module")
def shop_create(tmp_path_factory: pytest.TempPathFactory) -> ShopCreate:
    data = tmp_path_factory.mktemp("data")
    return ShopCreate(data, loaded_modules(data, "shop", "create", "acme"))


def test_help_loads_neither_the_engine_nor_a_server_nor_the_catalog(tmp_path: Path) -> None:
    assert loaded_modules(tmp_path, "--help").isdisjoint(ALL)


@pytest.mark.parametrize("command", ["shop create", "token create", "import", "export", "serve"])
def test_the_help_of_a_command_loads_none_of_what_it_runs_on(tmp_path: Path, command: str) -> None:
    # typer loads pydantic, if it is installed, to read the options of a command.
    loaded = loaded_modules(tmp_path, *command.split(), "--help")
    assert loaded.isdisjoint(ALL - {"pydantic"})


@pytest.mark.parametrize("command", ["migrate", "shop list", "token list --shop acme"])
def test_commands_of_the_catalog_load_neither_the_engine_nor_a_server(
    shop_create: ShopCreate, command: str
) -> None:
    unused = ENGINE | SERVER | {"pluggy"} | ({"alembic"} if command != "migrate" else set())
    assert loaded_modules(shop_create.data, *command.split()).isdisjoint(unused)


# Declaring tables takes the types of clickhouse_connect.
UNUSED_BY_PLUGINS = ENGINE - {"clickhouse_connect"} | SERVER


def test_creating_a_shop_loads_neither_the_engine_nor_a_server(shop_create: ShopCreate) -> None:
    assert shop_create.loaded.isdisjoint(UNUSED_BY_PLUGINS)


@pytest.mark.parametrize(
    "command", ["audience schema --print", "plugins new acme-loyalty", "plugins list"]
)
def test_commands_of_plugins_load_neither_the_engine_nor_a_server(
    tmp_path: Path, command: str
) -> None:
    assert loaded_modules(tmp_path, *command.split()).isdisjoint(UNUSED_BY_PLUGINS)


def test_the_help_names_every_format() -> None:
    assert format_names(FACTS) == FORMATS
    help = CliRunner().invoke(app, ["export", "--help"]).output
    assert f"<{'|'.join(ExportFormat)}>" in help

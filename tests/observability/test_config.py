"""``segments config check``, and the redaction of secrets in the output of every command."""

import socket
from pathlib import Path

import pytest
import tzdata

from graphql_app.audience.journal import Journal
from graphql_app.audience.store import Audience
from graphql_app.audience.table_setup import create_tables, has_table
from graphql_app.redaction import redact_url
from graphql_app.settings import Settings
from tests.e2e import process
from tests.e2e.packages import PLUGINS, install

SECRET = "geheim/wort"
URL_SECRET = "geheim%2Fwort"
NOWHERE = "127.0.0.1:1/db"
CATALOG = f"postgresql+psycopg://app:{URL_SECRET}@{NOWHERE}"
CATALOG_BY_QUERY = f"postgresql+psycopg://app@{NOWHERE}?password={URL_SECRET}"
AUDIENCE = f"clickhousedb://app:{URL_SECRET}@{NOWHERE}"


def _files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def _check(data: Path, status: int = 0, **settings: str) -> str:
    """Run ``segments config check``, by default on a free port."""
    settings = {"PORT": "0", **settings}
    return process.segments(data, "config", "check", status=status, program=None, **settings)


def _errors(output: str) -> list[str]:
    return [line for line in output.splitlines() if line.startswith("Error: ")]


def test_config_check_lists_every_invalid_setting(tmp_path: Path) -> None:
    wrong = {"PORT": "http", "LOG_LEVEL": "loud", "QUERY_TIMEOUT": "-1", "LOGLEVEL": "info"}
    output = _check(tmp_path, status=1, **wrong)
    invalid = {line.split(": ")[1] for line in _errors(output)}
    assert invalid == {"PORT", "LOG_LEVEL", "QUERY_TIMEOUT"}
    assert "unknown variable LOGLEVEL; use LOG_LEVEL?" in output


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("AUDIENCE_URL", f"http://app:{SECRET}@h", "write it as clickhousedb://"),
        ("CATALOG_URL", f"mysql://app:{SECRET}@h/d", "postgresql+psycopg://user:password@host"),
        ("CATALOG_URL", SECRET, "write it as sqlite:////directory"),
        ("AUDIENCE_CLUSTER", "shops", "AUDIENCE_CLUSTER needs AUDIENCE_URL"),
    ],
)
def test_an_invalid_store_url_is_reported_with_an_example(
    tmp_path: Path, setting: str, value: str, message: str
) -> None:
    for command in (["config", "check"], ["serve"]):
        settings = {"PORT": "0", setting: value}
        output = process.segments(tmp_path, *command, status=1, program=None, **settings)
        assert message in output
        assert f"{setting}: " in output or setting in message
        assert SECRET not in output


def test_an_empty_catalog_file_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite3").touch()
    output = _check(tmp_path)
    assert "catalog: will be created at the first start" in output


def test_config_check_passes_and_changes_nothing(tmp_path: Path) -> None:
    output = _check(tmp_path / "new", METRICS_TOKEN=SECRET)
    assert _errors(output) == []
    for name in Settings.model_fields:
        assert f" {name.upper()} " in output
    assert SECRET not in output
    assert not (tmp_path / "new").exists()
    process.segments(tmp_path / "data", "shop", "create", "acme")
    before = _files(tmp_path / "data")
    output = _check(tmp_path / "data")
    assert "catalog: reachable, with the schema of this version" in output
    assert f"time zones: rules of release {tzdata.IANA_VERSION}, from the package tzdata" in output
    assert _files(tmp_path / "data") == before


def test_config_check_lists_everything_that_prevents_a_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        output = _check(
            tmp_path / "data",
            status=1,
            PORT=str(taken.getsockname()[1]),
            WORKERS="2",
            CATALOG_URL=f"sqlite:///{tmp_path}/none.sqlite3",
            TRUSTED_DOCUMENTS=str(tmp_path / "file"),
        )
    problems = "\n".join(_errors(output))
    for part in ("segments migrate", "Cannot listen on", "WORKERS=2", "is not JSON"):
        assert part in problems
    assert not (tmp_path / "none.sqlite3").exists()


def test_config_check_reports_an_audience_in_use(tmp_path: Path) -> None:
    with process.server(tmp_path) as running:
        port = running.address.rpartition(":")[2]
        problems = "\n".join(_errors(_check(tmp_path, status=1, PORT=port)))
    assert "Another process has the audience" in problems
    assert "address already in use" in problems.lower()


def test_config_check_reports_audience_problems_and_creates_nothing(tmp_path: Path) -> None:
    def check(url: str, cluster: str = "", status: int = 1) -> str:
        stores = {"AUDIENCE_URL": url, "AUDIENCE_CLUSTER": cluster}
        return "\n".join(_errors(_check(tmp_path / "data", status, **stores)))

    with process.clickhouse(tmp_path / "clickhouse") as url:
        assert check(url, status=0) == ""
        assert "the server knows no cluster named nowhere" in check(url, cluster="nowhere")
        audience = Audience(url)
        assert not has_table(audience, "contacts")
        create_tables(audience)
        Journal(audience).begin_restore("monday")
        assert "a restore did not finish" in check(url)
        audience.command("DROP TABLE events")
        audience.command("CREATE TABLE events ENGINE = Memory AS SELECT 1 AS one")
        assert "The audience already has the table events with the key" in check(url)
        audience.close()


def test_config_check_reports_plugins_that_a_strict_server_refuses(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    distribution = install(site, PLUGINS / "broken" / "bad_sql.py")
    for strict, status, expected in (
        ("true", 1, f"Error: plugin 'bad_sql' of {distribution} 1.0 has a criterion, 'bornUnder'"),
        ("false", 0, f"plugins: left out: {distribution} 1.0 (bad_sql)"),
    ):
        settings = {"PYTHONPATH": str(site), "STRICT_PLUGINS": strict}
        assert expected in _check(tmp_path / "data", status, **settings)


@pytest.mark.parametrize(("metrics", "token"), [("true", ""), ("false", SECRET)])
@pytest.mark.parametrize("command", ["serve", "config check"])
def test_metrics_with_several_workers_are_refused(
    tmp_path: Path, command: str, metrics: str, token: str
) -> None:
    output = process.segments(
        tmp_path,
        *command.split(),
        status=1,
        PORT="0",
        AUDIENCE_URL="clickhousedb://127.0.0.1:9/none",
        WORKERS="2",
        METRICS=metrics,
        METRICS_TOKEN=token,
    )
    assert "each worker has its own metrics" in output
    assert "scrape every one" in output


@pytest.mark.parametrize(
    ("command", "catalog", "audience"),
    [
        ("config check", CATALOG, AUDIENCE),
        ("serve", CATALOG, ""),
        ("serve", "", AUDIENCE),
        ("shop list", CATALOG_BY_QUERY, ""),
        ("migrate", CATALOG.replace(":1/", ":x/"), ""),
    ],
)
def test_no_command_prints_a_password(
    tmp_path: Path, command: str, catalog: str, audience: str
) -> None:
    settings = {"LOG_LEVEL": "debug", "CATALOG_URL": catalog, "AUDIENCE_URL": audience}
    output = process.segments(
        tmp_path, *command.split(), status=1, program=None, PORT="0", **settings
    )
    assert SECRET not in output
    assert URL_SECRET not in output
    assert "cannot" in output.lower()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (CATALOG, f"postgresql+psycopg://app:***@{NOWHERE}"),
        (CATALOG_BY_QUERY, f"postgresql+psycopg://app@{NOWHERE}?password=***"),
        ("postgresql://app:x@db/x?sslmode=require", "postgresql://app:***@db/x?sslmode=require"),
        ("postgresql://app:p@ss:w/rd@db/x", "postgresql://app:***@db/x"),
        ("clickhousedb://?interface=chdb&path=/data", "clickhousedb://?interface=chdb&path=/data"),
        ("sqlite:////data/catalog.sqlite3", "sqlite:////data/catalog.sqlite3"),
        ("", ""),
    ],
)
def test_redact_url_removes_the_password(url: str, expected: str) -> None:
    assert redact_url(url) == expected


def test_settings_redact_their_secrets() -> None:
    settings = Settings.model_validate(
        {"catalog_url": CATALOG, "audience_url": AUDIENCE, "metrics_token": SECRET}
    )
    text = f"{settings} {settings!r}"
    assert SECRET not in text
    assert URL_SECRET not in text
